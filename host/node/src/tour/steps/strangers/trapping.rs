//! A version 3 whose migration traps: armed, and left inactive.

use std::path::Path;

use caldera_execution::registry::abi::IEngineRegistry::{Activated, ActivationFailed};
use caldera_types::ProbationRule;

use crate::{
    component,
    tour::{TourError, governor, holds, report::Telling, same, world::World},
};

const FILE: &str = "clearing-v3-trapping.wasm";
/// Blocks between arming and the height.
const NOTICE_BLOCKS: u64 = 4;

/// Arms it; at the height nothing changes but an event.
pub async fn left_inactive(telling: &mut Telling, world: &mut World, plugins: &Path) -> Result<(), TourError> {
    let mut step = telling.begin("trap", "A version 3 whose migration traps is armed: it stays inactive");
    let engine = component::read(&plugins.join(FILE))?;
    let before = governor::running(world).await?;
    governor::stage(&mut step, world, &engine).await?;
    let height = governor::arm(world, engine.digest().0, NOTICE_BLOCKS, ProbationRule::NONE).await?;
    world.watch.height_reached(height).await?;
    let failed = governor::event::<ActivationFailed>(world, height, height).await?;
    let Some((_, failed)) = failed.filter(|(_, event)| event.digest == engine.digest().0) else {
        let why = format!("block {height} does not say that the activation failed");
        return Err(TourError::Broken { what: "activation".to_owned(), why });
    };
    same("why the activation failed", failed.reason.as_str(), "unreachable")?;
    same("engine that runs", governor::running(world).await?, before)?;
    let none = governor::event::<Activated>(world, height, height).await?.is_none();
    holds("nothing was activated", none, || format!("block {height} says otherwise"))?;
    step.count("height", "due before the transactions of block", height);
    step.fact("reason", "left inactive because of", &failed.reason);
    telling.end(step, &format!("{} at block {height}; version 2 and its state untouched", failed.reason));
    Ok(())
}
