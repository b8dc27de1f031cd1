//! What can be typed after `caldera engine`. Doc comments here are the help texts.

use std::path::PathBuf;

use alloy_primitives::{Address, Bytes};
use caldera_types::{Digest, Grants, ProbationRule};
use clap::{Args, Subcommand};

use super::{
    args::{ChainArgs, EngineArgs, KeyArgs, grants},
    engine_replay_args::EngineReplayArgs,
};

/// Where the node's admin API is. A node on this machine is found by the note that it leaves for its user.
#[derive(Debug, Args)]
pub struct AdminArgs {
    /// Admin API of the node [default: that of the node at --rpc on this machine, else http://127.0.0.1:8546]
    #[arg(long, value_name = "URL")]
    pub admin: Option<String>,
    /// File of the admin API's token [default: admin-token in the node's data folder]
    #[arg(long, value_name = "FILE", env = "CALDERA_ADMIN_TOKEN_FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// The node's data folder [default: $XDG_DATA_HOME/caldera]
    #[arg(long, value_name = "DIR", conflicts_with = "admin_token_file")]
    pub data: Option<PathBuf>,
}

/// A configuration for an engine.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// File with the configuration: for the `init` of a new mount, or a new one for a mount that has one.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The same in hexadecimal digits.
    #[arg(long, value_name = "HEX", conflicts_with = "config")]
    pub config_hex: Option<Bytes>,
}

/// When a new generation goes back by itself.
#[derive(Debug, Args)]
pub struct ProbationArgs {
    /// Blocks on trial after going live; none for no trial.
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    pub probation_blocks: u64,
    /// Blocks after which calls and faults are counted anew; 0 counts over the whole trial.
    #[arg(long, value_name = "BLOCKS", default_value_t = 0, requires = "probation_blocks")]
    pub probation_window: u64,
    /// Calls before the rule can trip.
    #[arg(long, value_name = "CALLS", default_value_t = 20, requires = "probation_blocks")]
    pub probation_min_calls: u64,
    /// Faults per thousand calls at which it goes back; faults that a caller can bring about alone do not count.
    #[arg(long, value_name = "FAULTS", default_value_t = 100, requires = "probation_blocks")]
    pub probation_faults_per_thousand: u64,
}

impl ProbationArgs {
    /// The rule.
    pub fn rule(&self) -> ProbationRule {
        if self.probation_blocks == 0 {
            return ProbationRule::NONE;
        }
        ProbationRule {
            blocks: self.probation_blocks,
            window: self.probation_window,
            min_calls: self.probation_min_calls,
            faults_per_thousand: self.probation_faults_per_thousand,
        }
    }
}

/// `caldera engine …`
#[derive(Debug, Subcommand)]
pub enum EngineCommand {
    /// List mounts and staged components, and how far the node is with each.
    Ls {
        #[command(flatten)]
        chain: ChainArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Check a component, bring it onto the chain and make the node ready to run it.
    Stage {
        /// File of the component.
        file: PathBuf,
        #[command(flatten)]
        engine: EngineArgs,
        #[command(flatten)]
        chain: ChainArgs,
        #[command(flatten)]
        admin: AdminArgs,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Make the node ready to run a staged component, and wait for it.
    Prepare {
        /// Digest of the staged component.
        #[arg(long)]
        digest: Digest,
        #[command(flatten)]
        chain: ChainArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Set a staged component, a new configuration or both to go live at a height. Refused while the node is not ready.
    Arm {
        /// Digest of the staged component [default: the one that runs there, for a change of the configuration alone]
        #[arg(long, required_unless_present_any = ["config", "config_hex"])]
        digest: Option<Digest>,
        /// Address of the mount [default: the chain's only one]
        #[arg(long, value_name = "ADDRESS")]
        mount: Option<Address>,
        /// Height at which it goes live.
        #[arg(long, conflicts_with = "in", required_unless_present = "in")]
        height: Option<u64>,
        /// Blocks from the head until it goes live.
        #[arg(long, value_name = "BLOCKS")]
        r#in: Option<u64>,
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        probation: ProbationArgs,
        /// Follow it until it has ended.
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        chain: ChainArgs,
        #[command(flatten)]
        admin: AdminArgs,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Call back what is armed.
    Disarm {
        /// Address of the mount [default: the chain's only one]
        #[arg(long, value_name = "ADDRESS")]
        mount: Option<Address>,
        #[command(flatten)]
        chain: ChainArgs,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// End a migration that takes several blocks; what it wrote is undone.
    Abort {
        /// Address of the mount [default: the chain's only one]
        #[arg(long, value_name = "ADDRESS")]
        mount: Option<Address>,
        #[command(flatten)]
        chain: ChainArgs,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Show who governs, what is armed or under way and how the last swaps ended.
    Status(ChainArgs),
    /// Follow swaps block by block until none is under way; fails if the last one did not end in a new generation.
    Watch {
        /// Address of the mount [default: all of them]
        #[arg(long, value_name = "ADDRESS")]
        mount: Option<Address>,
        /// First block whose events are told [default: the next one]
        #[arg(long, value_name = "BLOCK")]
        from: Option<u64>,
        /// Go on when nothing is under way.
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        chain: ChainArgs,
    },
    /// Run a candidate beside the active engine on the node, never on the chain, and compare.
    #[command(subcommand)]
    Shadow(ShadowCommand),
    /// Run a candidate beside the active engine over blocks of a stopped node, and compare each call. Ends with 3 if they differ.
    Replay(EngineReplayArgs),
}

/// `caldera engine shadow …`
#[derive(Debug, Subcommand)]
pub enum ShadowCommand {
    /// Start a run.
    Start {
        /// File of the candidate, if it is not staged.
        #[arg(required_unless_present = "digest", conflicts_with = "digest")]
        file: Option<PathBuf>,
        /// Digest of a staged candidate.
        #[arg(long)]
        digest: Option<Digest>,
        /// Address of the mount [default: the chain's only one]
        #[arg(long, value_name = "ADDRESS")]
        mount: Option<Address>,
        /// Interfaces that it may import [default: as it was staged, else those of the active engine]
        #[arg(long, value_parser = grants)]
        grants: Option<Grants>,
        #[command(flatten)]
        config: ConfigArgs,
        /// Most time that it may take, in percent of the block interval.
        #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(1..=100))]
        share: u8,
        /// Compare one of so many calls.
        #[arg(long, value_name = "CALLS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        every: u32,
        /// Samples kept of each kind of divergence.
        #[arg(long, value_name = "NUMBER", default_value_t = 8)]
        samples: u32,
        #[command(flatten)]
        chain: ChainArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// End a run.
    Stop(ShadowArgs),
    /// Show what a run has found.
    Report(ShadowArgs),
}

/// Which shadow run.
#[derive(Debug, Args)]
pub struct ShadowArgs {
    /// Address of the mount [default: the chain's only one]
    #[arg(long, value_name = "ADDRESS")]
    pub mount: Option<Address>,
    /// The chain.
    #[command(flatten)]
    pub chain: ChainArgs,
    /// The node.
    #[command(flatten)]
    pub admin: AdminArgs,
}
