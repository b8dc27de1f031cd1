//! What can be wrong with a pool's journal: the disk's fault, or the operator's.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Accepted transactions cannot be kept, or read back.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system's fault.
    #[error("cannot {action} the pool's journal {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Its first bytes are not those of a journal of this version.
    #[error("{} is no pool journal of this version: move it away; the transactions in it are lost to this node", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// More than a record holds.
    #[error("a transaction of {bytes} bytes is too long for the pool's journal")]
    TooLong {
        /// Its length with its components.
        bytes: usize,
    },
}

impl JournalError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}
