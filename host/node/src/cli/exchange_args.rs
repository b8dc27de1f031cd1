//! What can be typed after `caldera import` and `caldera export`. Doc comments here are the help texts.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Genesis file, as geth reads it.
    #[arg(long, value_name = "FILE", required_unless_present = "config", conflicts_with = "config")]
    pub genesis: Option<PathBuf>,
    /// Blocks, as `geth export` writes them; they may be packed by gzip.
    #[arg(long, value_name = "FILE")]
    pub blocks: PathBuf,
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where the blocks go, as `geth import` reads them; packed by gzip if the name ends with .gz.
    #[arg(long, value_name = "FILE")]
    pub blocks: PathBuf,
    /// Where the genesis file goes.
    #[arg(long, value_name = "FILE")]
    pub genesis: Option<PathBuf>,
    /// The last block [default: the newest; of a chain that was brought in, the last that another client made]
    #[arg(long, value_name = "NUMBER")]
    pub to: Option<u64>,
    /// Write blocks of this node's own without executing them under Ethereum's rules: other clients will read the file, but
    /// refuse blocks with engines, several blocks of one second, and what follows them.
    #[arg(long)]
    pub unverified: bool,
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Which chain on the disk is meant. No node may be running on it, unless it is only read.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// The configuration that names the chain.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the node's data, in which the chain has a folder [default: as for `caldera node`]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub data: Option<PathBuf>,
    /// Name of the chain.
    #[arg(long, value_name = "NAME", default_value = "imported")]
    pub chain: String,
}
