//! The command line: arguments in, an exit code out. Each command has its own module; nothing here does its work.

mod args;
mod db;
mod db_args;
mod dev;
mod engine;
mod engine_args;
mod engine_replay_args;
mod exchange;
mod exchange_args;
mod follow;
mod node;
mod run;
mod signals;
mod tools;
mod verify;
mod weave;
mod weave_args;

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};
use tracing_subscriber::EnvFilter;

pub use args::{Cli, Command};

use crate::{
    error::{CommandError, USAGE},
    node::THREAD_STACK_BYTES,
    output::Output,
};

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // Help and the version were asked for: no failure.
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked { 0 } else { USAGE });
        }
    };
    let output = if cli.json { Output::Json } else { Output::Text };
    log_to_stderr();
    match on_runtime(cli.command, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error.to_string());
            ExitCode::from(error.exit_code())
        }
    }
}

/// Logs go to standard error; `RUST_LOG` says which, and without it only what the operator should know.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

fn on_runtime(command: Command, output: Output) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(THREAD_STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|source| CommandError::Io { action: "start the runtime's threads", source })?;
    runtime.block_on(run::run(command, output))
}
