//! What can be typed. Doc comments here are the help texts.

use std::path::PathBuf;

use alloy_primitives::Address;
use caldera_types::{Grants, Interface};
use clap::{Args, Parser, Subcommand};

use super::{
    db_args::{DbCommand, SnapshotCommand},
    engine_args::EngineCommand,
    exchange_args::{ExportArgs, ImportArgs},
    verify::{VerifyArgs, WitnessArgs},
};
use crate::config::LimitsConfig;

/// A rollup host node: many chains whose engines are WebAssembly components, swapped while they run.
#[derive(Debug, Parser)]
#[command(name = "caldera", version)]
pub struct Cli {
    /// Print one JSON object per line instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start three development chains with funded accounts.
    Dev(DevArgs),
    /// Start the chains of a configuration file.
    Node(NodeArgs),
    /// Execute and serve the chains of another node, which makes their blocks.
    Follow(FollowArgs),
    /// See and change which engines a live chain runs.
    #[command(subcommand)]
    Engine(EngineCommand),
    /// Work on plugin files.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Work on obligations of the clearing engine.
    #[command(subcommand)]
    Obligations(ObligationsCommand),
    /// Look into a stopped chain's folder, check it, compact it, rebuild it.
    #[command(subcommand)]
    Db(DbCommand),
    /// Write a stopped chain's state to a file, or begin a chain from one.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Execute a block log again in a fresh folder; every root is checked.
    Replay(ReplayArgs),
    /// Execute a block from two files: no chain, no database, no network.
    Verify(VerifyArgs),
    /// Write a block of a live chain and its witness into two files, for `verify`.
    Witness(WitnessArgs),
    /// Bring in a chain that another client made: every block is executed and checked.
    Import(ImportArgs),
    /// Write a chain's blocks and genesis for other clients.
    Export(ExportArgs),
}

/// Arguments of `dev`.
#[derive(Debug, Args)]
pub struct DevArgs {
    /// Port of JSON-RPC over HTTP and WebSocket; 0 takes any free one.
    #[arg(long, default_value_t = 8545)]
    pub port: u16,
    /// Port of the admin API and the metrics [default: 8546; any free one if --port is 0]
    #[arg(long, value_name = "PORT")]
    pub admin_port: Option<u16>,
    /// Folder of the plugins' components [default: target/plugins of the checkout that this binary was built in]
    #[arg(long, value_name = "DIR")]
    pub plugins: Option<PathBuf>,
    /// Folder of the chains' data [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Perform the main job against the live node (members, netting, defaults, an engine's swap, a replay), then stop.
    #[arg(long, conflicts_with = "genesis")]
    pub tour: bool,
    /// Genesis file of a chain that another client made: it is served too, as `imported` and at `/`, and goes on from its last
    /// block. Governor is account 0.
    #[arg(long, value_name = "FILE")]
    pub genesis: Option<PathBuf>,
    /// Blocks of that chain, as geth exports them, to bring in first [default: those that the folder has]
    #[arg(long, value_name = "FILE", requires = "genesis")]
    pub blocks: Option<PathBuf>,
    /// Make a block with each transaction at once and none by the clock, as anvil and Hardhat do. The evm_ methods change it.
    #[arg(long, conflicts_with = "tour")]
    pub automine: bool,
    /// Time from one block to the next, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 250, value_parser = clap::value_parser!(u64).range(10..))]
    pub block_interval_ms: u64,
}

/// Arguments of `follow`.
#[derive(Debug, Args)]
pub struct FollowArgs {
    /// JSON-RPC of the other node; with /chains/<name>, that one chain is followed.
    #[arg(long, value_name = "URL")]
    pub rpc: String,
    /// Follow this chain alone [default: all of them]
    #[arg(long, value_name = "NAME")]
    pub chain: Option<String>,
    /// The configuration that the other node's chains have; ports and folders are this one's.
    #[arg(long, value_name = "FILE", required_unless_present = "dev")]
    pub config: Option<PathBuf>,
    /// The other node is `caldera dev`.
    #[arg(long, conflicts_with = "config")]
    pub dev: bool,
    /// With --dev: port of JSON-RPC; 0 takes any free one.
    #[arg(long, default_value_t = 8555, conflicts_with = "config")]
    pub port: u16,
    /// With --dev: port of the admin API and the metrics [default: 8556; any free one if --port is 0]
    #[arg(long, value_name = "PORT", conflicts_with = "config")]
    pub admin_port: Option<u16>,
    /// With --dev: folder of the plugins' components, which must be those of the other node.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub plugins: Option<PathBuf>,
    /// With --dev: folder of the chains' data [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub data: Option<PathBuf>,
}

/// Arguments of `node`.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The configuration; caldera.example.toml explains every key.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Where a live chain is.
#[derive(Debug, Args)]
pub struct ChainArgs {
    /// JSON-RPC of the chain [default: http://127.0.0.1:8545/chains/<chain>]
    #[arg(long, value_name = "URL", conflicts_with = "chain")]
    pub rpc: Option<String>,
    /// Name of the chain on this machine's node.
    #[arg(long, value_name = "NAME", default_value = "finance")]
    pub chain: String,
}

/// Who signs.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// File with the private key of the one who signs [default: the environment variable CALDERA_KEY; on a development
    /// chain, the published account 0]
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// What an engine may import and use.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// Interfaces that it may import, with commas between; "none" denies everything.
    #[arg(long, default_value = "state,evm,crypto,log", value_parser = grants)]
    pub grants: Grants,
    /// Linear memory, in 64 KiB pages.
    #[arg(long, value_name = "PAGES")]
    pub memory_pages: Option<u32>,
    /// Fuel of one call.
    #[arg(long, value_name = "FUEL")]
    pub fuel_per_call: Option<u64>,
    /// Longest stored value, in bytes.
    #[arg(long, value_name = "BYTES")]
    pub value_bytes: Option<u32>,
    /// How deep its calls may nest.
    #[arg(long, value_name = "CALLS")]
    pub subcall_depth: Option<u8>,
}

impl EngineArgs {
    /// The limits, as recommended where nothing is set.
    pub fn limits(&self) -> caldera_types::EngineLimits {
        let Self { memory_pages, fuel_per_call, value_bytes, subcall_depth, .. } = *self;
        LimitsConfig { memory_pages, fuel_per_call, value_bytes, subcall_depth }.limits()
    }
}

/// Names of interfaces with commas between.
pub(super) fn grants(text: &str) -> Result<Grants, String> {
    if text == "none" {
        return Ok(Grants::NONE);
    }
    let interfaces = text.split(',').map(|name| name.trim().parse::<Interface>());
    interfaces.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// `caldera plugin …`
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Say whether a chain would take a component, and what it is.
    Check {
        /// File of the component.
        file: PathBuf,
        #[command(flatten)]
        engine: EngineArgs,
    },
}

/// `caldera obligations …`
#[derive(Debug, Subcommand)]
pub enum ObligationsCommand {
    /// Load a CSV file (debtor,creditor,asset,amount,due,reference) into a clearing engine, as its operator.
    Load {
        /// The CSV file.
        file: PathBuf,
        /// Address of the clearing engine.
        #[arg(long, value_name = "ADDRESS")]
        clearing: Address,
        #[command(flatten)]
        chain: ChainArgs,
        #[command(flatten)]
        key: KeyArgs,
    },
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The block log: a chain's folder, or the log file in it.
    #[arg(long, value_name = "FILE")]
    pub log: PathBuf,
    /// The configuration that names the chain.
    #[arg(long, value_name = "FILE", required_unless_present = "dev", conflicts_with = "dev")]
    pub config: Option<PathBuf>,
    /// The chain is one of `caldera dev`.
    #[arg(long)]
    pub dev: bool,
    /// Folder of the plugins' components, for --dev.
    #[arg(long, value_name = "DIR", requires = "dev")]
    pub plugins: Option<PathBuf>,
    /// Name of the chain.
    #[arg(long, value_name = "NAME", default_value = "finance")]
    pub chain: String,
    /// Keep the executed state in this folder, which must not exist [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn grants_are_names_with_commas() {
        assert_eq!(grants("none").unwrap(), Grants::NONE);
        assert_eq!(grants("state, evm,crypto,log").unwrap(), Grants::ENGINE);
        assert!(grants("state,files").unwrap_err().contains("'files' is no interface"));
        assert!(grants("").is_err());
    }

    #[test]
    fn contradictions_are_refused() {
        for (line, ok) in [
            ("caldera engine ls", true),
            ("caldera --json engine ls --chain arena", true),
            ("caldera engine ls --json", true),
            ("caldera engine ls --rpc http://x --chain arena", false),
            ("caldera engine ls --data x --admin-token-file y", false),
            ("caldera engine arm --in 3", false),
            ("caldera engine arm --in 3 --config-hex 0x01", true),
            ("caldera engine arm --in 3 --config-hex 0x01 --config file", false),
            ("caldera engine arm --in 3 --config file --probation-blocks 100 --probation-window 10", true),
            ("caldera engine arm --in 3 --config file --force", false),
            ("caldera engine disarm", true),
            ("caldera engine watch --follow", true),
            ("caldera engine shadow start", false),
            ("caldera engine shadow start file --digest 0x12", false),
            ("caldera engine shadow start file --share 0", false),
            ("caldera engine shadow start file --every 10", true),
            ("caldera engine shadow report --json", true),
            ("caldera engine arm --digest 0x12 --in 3", false),
            ("caldera replay --log x", false),
            ("caldera db stats", false),
            ("caldera db stats --folder x --json", true),
            ("caldera db verify --folder x --config y", false),
            ("caldera db verify --config y", false),
            ("caldera db compact --config y --chain z", true),
            ("caldera db repair", false),
            ("caldera snapshot export --folder x file --block 7", true),
            ("caldera snapshot export file", false),
            ("caldera snapshot import file --config y", true),
            ("caldera snapshot import --config y", false),
            ("caldera db repair --dev", false),
            ("caldera db repair --dev --data x --remove-old", true),
            ("caldera replay --log x --dev", true),
            ("caldera replay --log x --dev --config y", false),
            ("caldera import --genesis x --blocks y", true),
            ("caldera import --config x --blocks y", true),
            ("caldera import --config x --genesis z --blocks y", false),
            ("caldera import --blocks y", false),
            ("caldera import --genesis x", false),
            ("caldera export --blocks y", true),
            ("caldera export --config x --data z --blocks y", false),
            ("caldera dev --blocks y", false),
            ("caldera dev --genesis x --blocks y", true),
            ("caldera dev --block-interval-ms 0", false),
            ("caldera node", false),
        ] {
            assert_eq!(Cli::try_parse_from(line.split(' ')).is_ok(), ok, "{line}");
        }
    }
}
