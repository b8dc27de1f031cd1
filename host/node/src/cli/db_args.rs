//! What can be typed after `caldera db` and `caldera snapshot`. Doc comments here are the help texts.

use std::path::PathBuf;

use alloy_primitives::B256;
use clap::{Args, Subcommand};

/// `caldera db …`
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Say how much of what a chain's folder holds.
    Stats(FolderArgs),
    /// Read everything in a chain's folder: log, headers, receipts, indexes, every kept state. Exit code 4 if something is wrong.
    Verify(FolderArgs),
    /// Write the store anew, without what its database does not give back to the disk.
    Compact(FolderArgs),
    /// Set the store aside and rebuild it by executing the block log; every root is checked.
    Repair(RepairArgs),
}

/// Which folder. Its node must not run.
#[derive(Debug, Args)]
pub struct FolderArgs {
    /// The chain's folder: where its blocks.log lies.
    #[arg(long, value_name = "DIR", required_unless_present = "config", conflicts_with_all = ["config", "chain"])]
    pub folder: Option<PathBuf>,
    /// The configuration that names the chain.
    #[arg(long, value_name = "FILE", requires = "chain")]
    pub config: Option<PathBuf>,
    /// Name of the chain.
    #[arg(long, value_name = "NAME")]
    pub chain: Option<String>,
}

/// Which chain is to be rebuilt, and what it starts from.
#[derive(Debug, Args)]
pub struct RepairArgs {
    #[command(flatten)]
    pub chain: ChainSpecArgs,
    /// Remove the old store once the new one is whole [default: it stays beside it, under another name]
    #[arg(long)]
    pub remove_old: bool,
}

/// A chain with its genesis.
#[derive(Debug, Args)]
pub struct ChainSpecArgs {
    /// The configuration that names the chain.
    #[arg(long, value_name = "FILE", required_unless_present = "dev", conflicts_with = "dev")]
    pub config: Option<PathBuf>,
    /// The chain is one of `caldera dev`.
    #[arg(long, requires = "data")]
    pub dev: bool,
    /// Folder of the chains' data, for --dev.
    #[arg(long, value_name = "DIR", requires = "dev")]
    pub data: Option<PathBuf>,
    /// Folder of the plugins' components, for --dev.
    #[arg(long, value_name = "DIR", requires = "dev")]
    pub plugins: Option<PathBuf>,
    /// Name of the chain.
    #[arg(long, value_name = "NAME", default_value = "finance")]
    pub chain: String,
}

/// `caldera snapshot …`
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Write the state after a block to a file, with all that another node needs to go on from there.
    Export {
        /// The file, which must not exist.
        file: PathBuf,
        #[command(flatten)]
        folder: FolderArgs,
        /// Height of the block; its state must be kept [default: the newest]
        #[arg(long, value_name = "HEIGHT")]
        block: Option<u64>,
    },
    /// Begin a chain from such a file. Everything in it is checked first: each node and code, the state's root, the genesis.
    Import {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        chain: ChainSpecArgs,
        /// Hash of the block, from a node that is trusted: another one is refused.
        #[arg(long, value_name = "HASH")]
        block_hash: Option<B256>,
    },
}
