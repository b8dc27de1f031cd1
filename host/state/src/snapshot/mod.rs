//! A chain's state after one block in one file, from which another node begins without the blocks before it.
//!
//! ```text
//! file:    "CALDSNAP"  version u32, then records as in the block log, each of one kind:
//! 1 base:  the genesis' hash, the block, its receipts, up to 256 headers before it     first, once
//! 2 nodes: trie nodes      3 codes      4 components                                   as many as it takes
//! 5 end:   how many nodes, codes and components there were                             last, once
//! ```
//! Nothing in it is believed: nodes, codes and components are what they hash to, the header names the state's root, the receipts',
//! and its parent; a state that is not whole, or more than one state, is refused. What cannot be checked is that the block is of
//! the chain that is meant: whoever imports compares its hash with a node that is trusted.

mod base;
mod export;
mod file;
mod load;
mod settle;
#[cfg(test)]
mod tests;
mod unfinished;

use alloy_primitives::B256;
use std::{io, path::PathBuf};

use crate::error::Blame;

pub use export::export;
pub use load::import;

pub(crate) use base::BaseRecord;
pub(crate) use load::{Loading, load};
pub(crate) use unfinished::Unfinished;

/// The name of the snapshot in the folder of a chain that was begun from one: with the log it is the truth.
pub(crate) const SNAPSHOT_FILE: &str = "snapshot";

/// What a snapshot is of and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Height of its block.
    pub number: u64,
    /// That block's hash.
    pub hash: B256,
    /// The root of its state.
    pub state_root: B256,
    /// The hash of the chain's block 0.
    pub genesis: B256,
    /// Trie nodes.
    pub nodes: u64,
    /// Codes.
    pub codes: u64,
    /// Components that the chain's blocks had brought.
    pub components: u64,
    /// Length of the file, in bytes.
    pub bytes: u64,
}

/// Why a snapshot cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another kind of file, or another version of the format.
    #[error("{} is no snapshot of version 1", .0.display())]
    NotASnapshot(PathBuf),
    /// It is not whole, was changed, or does not fit together.
    #[error("snapshot {} is damaged or not what it says ({what}); get it again", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It would take far more in the store than it holds.
    #[error(
        "snapshot {} has {nodes} nodes, which would take over {most} places in the store: few chains keep the same in so many \
         accounts; if a node that you trust has its block, say so with that block's hash (--block-hash)",
        path.display()
    )]
    TooMuch {
        /// Which.
        path: PathBuf,
        /// Its nodes.
        nodes: u64,
        /// The places that they may take.
        most: u32,
    },
    /// It is of another block than was asked for.
    #[error("snapshot {} is of block {found}, not of {expected}", path.display())]
    OtherBlock {
        /// Which.
        path: PathBuf,
        /// The block that it is of.
        found: B256,
        /// The block that was asked for.
        expected: B256,
    },
    /// There is a chain already.
    #[error("{} exists: a snapshot goes into a fresh folder", .0.display())]
    NotFresh(PathBuf),
    /// The block is not there.
    #[error("there is no block {0} to make a snapshot of")]
    NoBlock(u64),
    /// There is nothing before the block.
    #[error("block 0 needs no snapshot: a node makes it from the chain's configuration")]
    Genesis,
}

impl SnapshotError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Io { .. } => Blame::Environment,
            Self::NotASnapshot(_) | Self::Damaged { .. } | Self::TooMuch { .. } => Blame::Data,
            Self::OtherBlock { .. } | Self::NotFresh(_) | Self::NoBlock(_) | Self::Genesis => Blame::Caller,
        }
    }
}
