//! What can be typed. Doc comments here are the help texts.

use std::path::PathBuf;

use alloy_primitives::{Address, Bytes};
use caldera_types::{Digest, Grants, Interface, ProbationRule};
use clap::{Args, Parser, Subcommand};

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
    /// See and change which engines a live chain runs.
    #[command(subcommand)]
    Engine(EngineCommand),
    /// Work on plugin files.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Work on obligations of the clearing engine.
    #[command(subcommand)]
    Obligations(ObligationsCommand),
    /// Execute a block log again in a fresh folder; every root is checked.
    Replay(ReplayArgs),
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
    #[arg(long)]
    pub tour: bool,
    /// Time from one block to the next, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 250, value_parser = clap::value_parser!(u64).range(10..))]
    pub block_interval_ms: u64,
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

fn grants(text: &str) -> Result<Grants, String> {
    if text == "none" {
        return Ok(Grants::NONE);
    }
    let interfaces = text.split(',').map(|name| name.trim().parse::<Interface>());
    interfaces.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

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
        assert_eq!(grants("state, evm,crypto,log").unwrap(), Grants::ALL);
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
            ("caldera replay --log x --dev", true),
            ("caldera replay --log x --dev --config y", false),
            ("caldera dev --block-interval-ms 0", false),
            ("caldera node", false),
        ] {
            assert_eq!(Cli::try_parse_from(line.split(' ')).is_ok(), ok, "{line}");
        }
    }
}
