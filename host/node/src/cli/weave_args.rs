//! What can be typed after `caldera weave`. Doc comments here are the help texts.

use std::path::PathBuf;

use alloy_primitives::{Address, B256};
use clap::{Args, Subcommand};
use weave_rules::unit::Kind;

use super::args::{ChainArgs, KeyArgs};
use crate::weave_ctl;

/// Where the weave engine of the chain is.
#[derive(Debug, Args)]
pub struct WeaveEngineArgs {
    /// Address of the weave engine [default: the one mount that calls itself weave]
    #[arg(long, value_name = "ADDRESS")]
    pub engine: Option<Address>,
}

/// Which unit.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("named").args(["unit", "kind"]).required(true))]
pub struct UnitArgs {
    /// Its id, as `units` shows it.
    #[arg(long, value_name = "ID", conflicts_with_all = ["owner", "key", "serial"])]
    pub unit: Option<B256>,
    /// Its kind: asset, permission or behaviour.
    #[arg(long, value_parser = weave_ctl::kind, requires_all = ["owner", "key"])]
    pub kind: Option<Kind>,
    /// Whose it is.
    #[arg(long, value_name = "ADDRESS", requires = "kind")]
    pub owner: Option<Address>,
    /// Which right, or the asset's id: 32 bytes.
    #[arg(long, value_name = "KEY", requires = "kind")]
    pub key: Option<B256>,
    /// Which of the owner's transfers of an asset; rights have none.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "kind")]
    pub serial: u64,
}

/// Where the origin is that is to be believed.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("where").args(["origin", "origin_rpc"]).required(true))]
pub struct OriginArgs {
    /// Name of the chain to believe, on this machine's node.
    #[arg(long, value_name = "NAME")]
    pub origin: Option<String>,
    /// JSON-RPC of the chain to believe.
    #[arg(long, value_name = "URL")]
    pub origin_rpc: Option<String>,
    /// Address of its weave engine [default: the one mount there that calls itself weave]
    #[arg(long, value_name = "ADDRESS")]
    pub origin_engine: Option<Address>,
}

/// `caldera weave …`
#[derive(Debug, Subcommand)]
pub enum WeaveCommand {
    /// List the units that a chain issued, and those of other chains that it took in.
    Units {
        /// Of this owner alone.
        #[arg(long, value_name = "ADDRESS")]
        owner: Option<Address>,
        /// First block whose events are read.
        #[arg(long, value_name = "HEIGHT", default_value_t = 0)]
        from: u64,
        #[command(flatten)]
        engine: WeaveEngineArgs,
        #[command(flatten)]
        chain: ChainArgs,
    },
    /// Prove that a chain has a unit, or has it no more, for `accept` on another chain.
    Prove {
        #[command(flatten)]
        unit: UnitArgs,
        /// Height, tag or hash of the block after which it is proven; `safe` is the newest that is certified.
        #[arg(long, value_name = "BLOCK", default_value = "safe")]
        block: String,
        /// File to write [default: the proof goes to standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        engine: WeaveEngineArgs,
        #[command(flatten)]
        chain: ChainArgs,
    },
    /// Take a proof to the chain where it counts: a right begins or ends, an asset is minted or unlocked.
    Accept {
        /// File that `prove` wrote; - is standard input.
        file: PathBuf,
        #[command(flatten)]
        engine: WeaveEngineArgs,
        #[command(flatten)]
        chain: ChainArgs,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// List the chains that a chain believes, and the newest of their state roots that it knows.
    Roots {
        /// Chain id of the one origin to show [default: all that the engine's events name]
        #[arg(long, value_name = "ID")]
        origin: Option<u64>,
        /// Roots of each origin.
        #[arg(long, value_name = "NUMBER", default_value_t = 5)]
        last: usize,
        #[command(flatten)]
        engine: WeaveEngineArgs,
        #[command(flatten)]
        chain: ChainArgs,
    },
    /// Let a chain believe another one, with the committee that certifies it now; as the weave engine's governor.
    Link {
        #[command(flatten)]
        origin: OriginArgs,
        /// Blocks that a root may lie behind the newest one that is known, and still carry a proof.
        #[arg(long, value_name = "BLOCKS", default_value_t = 1_024)]
        max_lag: u64,
        /// What the committee's root must be, as those who run the origin say.
        #[arg(long, value_name = "HASH")]
        committee_root: Option<B256>,
        #[command(flatten)]
        engine: WeaveEngineArgs,
        #[command(flatten)]
        chain: ChainArgs,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Print what `config` of the weave engine's [[chain.mount]] is to be.
    Config {
        /// Who governs the engine.
        #[arg(long, value_name = "ADDRESS")]
        governor: Address,
        /// Seconds after which a bond leaves that was asked back.
        #[arg(long, value_name = "SECONDS", default_value_t = 604_800)]
        unbond_seconds: u64,
        /// What who reports a lie gets of the bond, in basis points.
        #[arg(long, value_name = "BPS", default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(0..=10_000))]
        reward_bps: u16,
    },
}
