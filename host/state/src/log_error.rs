//! The block log's error.

use alloy_primitives::B256;
use std::{io, path::PathBuf};

use crate::{
    error::{Blame, is_full},
    frame::MAX_RECORD_BYTES,
};

/// Why a block log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system refused.
    #[error("cannot {action} block log {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The log.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another kind of file, or another version of the format.
    #[error("{} is no block log of version 1", .0.display())]
    NotALog(PathBuf),
    /// A record that is not the last is damaged.
    #[error("block log {} is damaged at byte {offset}, before its end ({what}); restore it from a copy", path.display())]
    Damaged {
        /// The log.
        path: PathBuf,
        /// Where the bad record begins, in bytes.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A block that does not continue the log.
    #[error("block {number} does not continue the log, which waits for {expected} after {parent}")]
    NotNext {
        /// Height of the block.
        number: u64,
        /// Height that may come next.
        expected: u64,
        /// Hash of the last block.
        parent: B256,
    },
    /// A block longer than a record may be.
    #[error("block {number} takes {bytes} bytes, over the log's limit of {MAX_RECORD_BYTES}")]
    TooLong {
        /// Height of the block.
        number: u64,
        /// Its encoded length.
        bytes: usize,
    },
    /// An earlier write failed, so what is on disk is not known.
    #[error("an earlier write to block log {} failed; restart the node, which checks the log", .0.display())]
    Poisoned(PathBuf),
}

impl LogError {
    /// Whether the same write can succeed later: the disk, or what this process may use of it, is full.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }

    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Io { .. } | Self::Poisoned(_) => Blame::Environment,
            Self::NotALog(_) | Self::Damaged { .. } => Blame::Data,
            Self::NotNext { .. } | Self::TooLong { .. } => Blame::Caller,
        }
    }
}
