//! `caldera dev --tour`: the main job on real input, against the live node, through its own JSON-RPC.
//!
//! The tour is a client: it knows the node by the URLs of its JSON-RPC and its admin API alone, and compares what it reads there with what it computes itself.
//! The first thing that does not hold ends it with an error, so an exit code of zero says that everything printed was checked.
//! Only the last step looks at a file: it executes the block log again.

mod governor;
mod members;
mod model;
mod plan;
mod prices;
mod report;
mod settle;
mod steps;
mod synthetic;
mod traffic;
mod world;

use std::{fmt, path::Path};

use crate::{
    check::CheckError,
    component::ReadError,
    ctl::{AdminClientError, AdminPlace, CtlError},
    dev::DevError,
    node::NodeSpec,
    obligations::{FileError, ObligationsError},
    output::Output,
    replay::ReplayError,
    rpc::RpcError,
};
use report::Telling;
use world::World;

/// Why the tour failed.
#[derive(Debug, thiserror::Error)]
pub enum TourError {
    /// A promise was not kept.
    #[error("the tour failed: {what}: {why}")]
    Broken {
        /// What was checked.
        what: String,
        /// How it is not so.
        why: String,
    },
    /// A file of the example.
    #[error("{path}: {why}")]
    Data {
        /// Which file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file that the tour writes.
    #[error("cannot write {path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A request to the node.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The development accounts.
    #[error(transparent)]
    Dev(#[from] DevError),
    /// A file of obligations.
    #[error(transparent)]
    File(#[from] FileError),
    /// Loading obligations.
    #[error(transparent)]
    Obligations(#[from] ObligationsError),
    /// Staging or arming.
    #[error(transparent)]
    Ctl(#[from] CtlError),
    /// The node's admin API.
    #[error(transparent)]
    Admin(#[from] AdminClientError),
    /// A component's file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A component's check.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// Holds a promise: what was read is what was computed.
fn same<T: PartialEq + fmt::Display>(what: impl Into<String>, read: T, computed: T) -> Result<(), TourError> {
    if read == computed {
        return Ok(());
    }
    Err(TourError::Broken { what: what.into(), why: format!("the chain says {read}, it should be {computed}") })
}

/// Holds a promise that is no equality.
fn holds(what: &str, is_so: bool, why: impl FnOnce() -> String) -> Result<(), TourError> {
    if is_so { Ok(()) } else { Err(TourError::Broken { what: what.to_owned(), why: why() }) }
}

/// How many steps there are.
const STEPS: usize = 10;

/// Performs the tour on the node at `url`, whose chains are those of `spec` and whose admin API is at `admin`.
pub async fn run(
    url: &str,
    admin: &AdminPlace,
    plugins: &Path,
    spec: NodeSpec,
    output: Output,
) -> Result<(), TourError> {
    let mut telling = Telling::new(output, STEPS);
    steps::live(&mut telling, url).await?;
    let mut world = World::new(url, spec.data.join("tour")).await?;
    steps::onboard(&mut telling, &mut world).await?;
    let first = steps::load_first(&mut telling, &mut world).await?;
    let netted = steps::net_first(&mut telling, &mut world, &first).await?;
    steps::crash(&mut telling, &mut world).await?;
    steps::swap(&mut telling, &mut world, plugins, &netted).await?;
    steps::strangers(&mut telling, &mut world, plugins, admin).await?;
    steps::replay(&mut telling, &world, spec).await?;
    telling.summary();
    Ok(())
}
