//! The one error of this crate's door, and whose fault each is.

use alloy_primitives::B256;
use std::{io, path::PathBuf};

use crate::{log_error::LogError, snapshot::SnapshotError, store::StoreError};

/// Whose fault an error is, which decides who is told and what may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Who called asked for something that cannot be: a bug in the node, or a wrong question from outside.
    Caller,
    /// What lies on disk is damaged or does not belong together.
    Data,
    /// The machine: disk full, no permission, file in use.
    Environment,
}

/// Whether the file system refused for want of space: the disk, or what this process may use of it, is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Why a state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process works in the folder.
    #[error("folder {} is in use by another process; stop that node or choose another folder", .0.display())]
    FolderInUse(PathBuf),
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
    /// The store refused or is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The block log refused or is damaged.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A snapshot refused or is damaged.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A value in the store does not decode.
    #[error("the store holds a damaged {what}; move its folder aside and restart: the block log rebuilds it")]
    Damaged {
        /// What it should be.
        what: &'static str,
    },
    /// The store knows blocks that the log does not hold.
    #[error(
        "the store is at height {store}, but the block log ends at {log:?}: the log lost blocks; restore it from a \
             copy, or move the store's folder aside to go on from the log's end"
    )]
    LogBehindStore {
        /// Height of the store.
        store: u64,
        /// Last height in the log.
        log: Option<u64>,
    },
    /// Store and log disagree about a block.
    #[error(
        "at height {number} the store has block {store} and the log {log}: they do not belong together; restore \
             the folder from a copy, or move the store's folder aside to rebuild it from the log"
    )]
    LogDisagrees {
        /// Where.
        number: u64,
        /// Hash in the store.
        store: B256,
        /// Hash in the log.
        log: B256,
    },
    /// No state with this root was ever committed here.
    #[error("no state with root {0} is stored here")]
    UnknownRoot(B256),
    /// A trie node is missing or does not hash to its key.
    #[error("trie node {0} is missing or damaged; move the store's folder aside and restart: the log rebuilds it")]
    DamagedNode(B256),
    /// The trie refused.
    #[error("state trie: {0}")]
    Trie(String),
    /// The state of an old block, where `history` does not keep it.
    #[error(
        "the state of block {number} is not kept: states are kept from block {first} on (`history` of the chain); a node with \
             history = \"all\" has it"
    )]
    StateNotKept {
        /// Whose state was asked for.
        number: u64,
        /// The first block whose state is there.
        first: u64,
    },
    /// A block before the first that is here: the chain was begun from a snapshot.
    #[error(
        "block {number} is not kept: this node began the chain from a snapshot of block {first}; ask a node that has all blocks"
    )]
    BlockNotKept {
        /// Which was asked for.
        number: u64,
        /// The first block that is there.
        first: u64,
    },
    /// What was read is of a block that was taken back meanwhile, which only development chains do.
    #[error("block {number} was taken back while its state was read; ask again")]
    TakenBack {
        /// Its height.
        number: u64,
    },
    /// Code that an account names is not there.
    #[error("code {0} is not in this state")]
    UnknownCode(B256),
    /// A block that this view does not know.
    #[error("no block at height {0} is known to this view")]
    UnknownBlock(u64),
    /// A commit that does not continue the head.
    #[error("cannot commit block {number}: {why}")]
    NotNext {
        /// Height of the block.
        number: u64,
        /// What does not fit.
        why: String,
    },
}

impl StateError {
    /// Whether it may pass without anybody touching the data: the same can be read, and the same block committed, when the
    /// disk has space, or can be written, again.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Store(error) => error.may_pass(),
            Self::Log(error) => error.may_pass(),
            _ => false,
        }
    }

    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::FolderInUse(_) | Self::Io { .. } => Blame::Environment,
            Self::Store(error) => error.blame(),
            Self::Log(error) => error.blame(),
            Self::Snapshot(error) => error.blame(),
            Self::Damaged { .. }
            | Self::LogBehindStore { .. }
            | Self::LogDisagrees { .. }
            | Self::DamagedNode(_)
            | Self::Trie(_)
            | Self::UnknownCode(_) => Blame::Data,
            Self::UnknownRoot(_)
            | Self::StateNotKept { .. }
            | Self::BlockNotKept { .. }
            | Self::TakenBack { .. }
            | Self::UnknownBlock(_)
            | Self::NotNext { .. } => Blame::Caller,
        }
    }
}
