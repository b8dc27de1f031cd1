//! From arguments to the module that does the work.

use super::{args::Command, db, dev, engine, exchange, follow, node, tools, verify, weave};
use crate::{error::CommandError, output::Output};

/// Runs a command to its end.
pub async fn run(command: Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::Dev(args) => dev::run(args, output).await,
        Command::Node(args) => node::run(args, output).await,
        Command::Follow(args) => follow::run(args, output).await,
        Command::Engine(command) => engine::run(command, output).await,
        Command::Weave(command) => weave::run(command, output).await,
        Command::Plugin(command) => tools::plugin(command, output).await,
        Command::Obligations(command) => tools::obligations(command, output).await,
        Command::Db(command) => db::run(command, output).await,
        Command::Snapshot(command) => db::snapshot(command, output).await,
        Command::Replay(args) => tools::replay(args, output).await,
        Command::Verify(args) => verify::verify(args, output).await,
        Command::Witness(args) => verify::witness(args, output).await,
        Command::Import(args) => exchange::import(args, output).await,
        Command::Export(args) => exchange::export(args, output).await,
    }
}

/// Runs what computes on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
