//! Arguments of `caldera engine replay`.

use std::path::PathBuf;

use alloy_primitives::Address;
use clap::Args;

/// Arguments of `engine replay`.
#[derive(Debug, Args)]
pub struct EngineReplayArgs {
    /// Folder of the node's data [default: $XDG_DATA_HOME/caldera]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Name of the chain.
    #[arg(long, value_name = "NAME", default_value = "finance")]
    pub chain: String,
    /// Address of the mount.
    #[arg(long, value_name = "ADDRESS")]
    pub mount: Address,
    /// File of the candidate's component.
    #[arg(long, value_name = "FILE")]
    pub candidate: PathBuf,
    /// File with a new configuration for it [default: the mount's]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Compare the newest so many blocks [default: all]
    #[arg(long, value_name = "BLOCKS", conflicts_with_all = ["from", "to"])]
    pub last: Option<u64>,
    /// First block to compare [default: 1]
    #[arg(long, value_name = "HEIGHT")]
    pub from: Option<u64>,
    /// Last block to compare [default: the newest]
    #[arg(long, value_name = "HEIGHT")]
    pub to: Option<u64>,
    /// Write the whole report here, as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// How much more or less fuel is no divergence, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 10)]
    pub fuel_tolerance: u64,
    /// Samples kept of each kind of divergence.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub samples: usize,
}
