//! `cargo xtask`: the project's chores. Each is a module named after what it looks after; this file only reads the command line.

mod error;
mod guest_target;
mod process;
mod report;
mod workspace;

use clap::{Parser, Subcommand};
use error::Result;
use std::process::ExitCode;
use workspace::Workspace;

/// The project's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Make sure that plugins can be compiled: the target wasm32-unknown-unknown.
    GuestTarget {
        /// Take this road alone, even if the target is already there.
        #[arg(long)]
        road: Option<guest_target::Road>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    let workspace = Workspace::load()?;
    match chore {
        Chore::GuestTarget { road: Some(road) } => guest_target::force(&workspace, road).map(drop),
        Chore::GuestTarget { road: None } => guest_target::ensure(&workspace).map(drop),
    }
}
