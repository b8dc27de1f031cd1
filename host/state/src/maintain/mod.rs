//! What an operator does to a chain's folder while no node has it: look, check everything, write the store anew, set it aside.
//!
//! Nothing here mends by itself: a torn log is not cut, a damaged store not moved, unless that is what was asked for.

mod compact;
mod stats;
mod verify;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    error::StateError,
    folder::{self, FolderLock},
    log_error::LogError,
    log_scan::{Scanner, decode_block},
    options::StateOptions,
    source::Folder,
};

pub use compact::{Compacted, compact};
pub use stats::{EntryStats, Stats, stats};
pub use verify::{Verified, verify};

/// What a block log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Blocks, the genesis included.
    pub blocks: u64,
    /// Transactions in them, the chain's own included.
    pub transactions: u64,
    /// Length of its whole records with its header, in bytes.
    pub bytes: u64,
    /// What follows them and is no whole record, in bytes: a torn write, which the next start of a node cuts off.
    pub torn_bytes: u64,
}

/// Moves the store of a folder aside, so that the next opening executes the log again. Gives its new place; none if
/// there was no store.
pub fn set_aside(dir: &Path, options: StateOptions) -> Result<Option<PathBuf>, StateError> {
    let _lock = FolderLock::take_existing(dir)?;
    let path = dir.join(options.backend.folder());
    if path.exists() { folder::quarantine(&path).map(Some) } else { Ok(None) }
}

/// Removes a chain's folder with all that is in it, unless a process has it.
pub fn remove(dir: &Path) -> Result<(), StateError> {
    let _lock = FolderLock::take_existing(dir)?;
    fs::remove_dir_all(dir).map_err(|source| StateError::Io { action: "remove", path: dir.to_owned(), source })
}

fn source(dir: &Path, options: StateOptions) -> Folder {
    Folder { path: dir.join(options.backend.folder()), options }
}

/// Reads a whole log, every checksum and every parent.
fn read_log(dir: &Path, progress: &mut dyn FnMut(u64)) -> Result<LogStats, LogError> {
    let path = dir.join(crate::log::LOG_FILE);
    let mut scanner = Scanner::open(&path)?;
    let mut stats = LogStats::default();
    while let Some(record) = scanner.next()? {
        stats.transactions += decode_block(&path, &record)?.transactions.len() as u64;
        progress(stats.blocks);
        stats.blocks += 1;
    }
    stats.bytes = scanner.at();
    stats.torn_bytes = scanner.left();
    Ok(stats)
}
