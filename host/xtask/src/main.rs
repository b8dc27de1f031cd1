//! `cargo xtask`: the project's chores. Each is a module named after what it looks after; this file only reads the command line.

mod bench;
mod clients;
mod component;
mod crash;
mod dev;
mod error;
mod guest_target;
mod node;
mod packages;
mod peers;
mod plugins;
mod process;
mod report;
mod suite;
mod tidy;
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
    /// Build every plugin to a component in target/plugins.
    Plugins,
    /// Check module headers, floors, names, consensus habits and WIT drift.
    Tidy,
    /// Everything that must hold: format, tidy, plugins, clippy, all tests, documentation, client tests.
    Test,
    /// Build plugins and node, then start `caldera dev`; arguments go to it.
    Dev {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Kill a node again and again, damage its files, take its disk away; some minutes.
    Crash {
        /// How often it is killed.
        #[arg(long, default_value_t = 500)]
        kills: u32,
        /// Random places of damage, of each kind.
        #[arg(long, default_value_t = 20)]
        rounds: u32,
    },
    /// Kill nodes in the middle of crossings of assets between their chains; some minutes.
    Crossing {
        /// How often, in each of two settings.
        #[arg(long, default_value_t = 100)]
        kills: u32,
    },
    /// Prove the past of a chain of so many blocks, checked by a library of others; some minutes.
    Proofs {
        /// How many blocks back.
        #[arg(long, default_value_t = 100_000)]
        blocks: u32,
    },
    /// Run one bench; arguments go to it.
    Bench {
        /// The bench target's name, such as `engine-call`.
        name: String,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

impl Chore {
    fn builds_the_node(&self) -> bool {
        !matches!(self, Self::GuestTarget { .. } | Self::Plugins | Self::Tidy)
    }
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
    if chore.builds_the_node() {
        packages::ensure_make()?;
    }
    match chore {
        Chore::GuestTarget { road: Some(road) } => guest_target::force(&workspace, road).map(drop),
        Chore::GuestTarget { road: None } => guest_target::ensure(&workspace).map(drop),
        Chore::Plugins => plugins::build(&workspace).map(drop),
        Chore::Tidy => tidy::check(&workspace).map(|remark| eprintln!("tidy: {remark}")),
        Chore::Test => suite::run(&workspace),
        Chore::Dev { args } => dev::run(&workspace, &args),
        Chore::Crash { kills, rounds } => crash::run(&workspace, kills, rounds),
        Chore::Crossing { kills } => crash::crossing(&workspace, kills),
        Chore::Proofs { blocks } => clients::proofs(&workspace, blocks),
        Chore::Bench { name, args } => bench::run(&workspace, &name, &args),
    }
}
