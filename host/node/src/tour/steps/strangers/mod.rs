//! Step 7: three versions 3 that should not go live, and what keeps each from doing harm.

mod faulting;
mod rounding;
mod trapping;

use std::path::Path;

use crate::{
    ctl::{Admin, AdminPlace},
    tour::{TourError, report::Telling, world::World},
};

/// Tries the three. Leaves the height of the block in which the third was sent back in `world`.
pub async fn strangers(
    telling: &mut Telling,
    world: &mut World,
    plugins: &Path,
    admin: &AdminPlace,
) -> Result<(), TourError> {
    let admin = Admin::of(admin, &world.rpc).await?;
    rounding::shadowed(telling, world, &admin, plugins).await?;
    trapping::left_inactive(telling, world, plugins).await?;
    faulting::sent_back(telling, world, plugins).await
}
