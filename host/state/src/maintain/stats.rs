//! How much of what a chain's folder holds.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{LogStats, read_log, source};
use crate::{
    error::StateError,
    folder::FolderLock,
    head::HeadRecord,
    keys,
    options::{Backend, StateOptions},
    prune::KeptRecord,
};

/// Entries of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryStats {
    /// What they are.
    pub kind: &'static str,
    /// How many.
    pub entries: u64,
    /// What keys and values take, in bytes; a database needs more.
    pub bytes: u64,
}

/// What a folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// The database.
    pub backend: Backend,
    /// Where the store stands; none while it is empty.
    pub head: Option<HeadRecord>,
    /// The first block whose state is kept.
    pub first_state: u64,
    /// The block log.
    pub log: LogStats,
    /// What the store holds, by kind.
    pub entries: Vec<EntryStats>,
    /// The store's files, in bytes.
    pub store_bytes: u64,
    /// Everything else in the folder: the pool's journal, what was moved aside, in bytes.
    pub other_bytes: u64,
}

/// Reads all entries; calls `progress` with how many were read. Takes as long as reading the whole store.
pub fn stats(dir: &Path, options: StateOptions, progress: &mut dyn FnMut(u64)) -> Result<Stats, StateError> {
    let _lock = FolderLock::take_existing(dir)?;
    let log = read_log(dir, &mut |_| {})?;
    let source = source(dir, options);
    let io = |path: PathBuf| move |source| StateError::Io { action: "measure", path, source };
    let (all, store_bytes) = (bytes_in(dir).map_err(io(dir.to_owned()))?, bytes_in(&source.path).unwrap_or_default());
    let mut entries = keys::KINDS.map(|(_, kind)| EntryStats { kind, entries: 0, bytes: 0 });
    let (mut head, mut first_state, mut read) = (None, 0, 0);
    // A look makes no store.
    if source.path.is_dir() || options.backend == Backend::Memory {
        let store = source.open_unchecked()?;
        head = HeadRecord::read(&*store)?;
        first_state = KeptRecord::read(&*store)?.map_or(0, |record| record.from);
        for (place, (prefix, _)) in keys::KINDS.iter().enumerate() {
            for entry in store.scan(prefix) {
                let (key, value) = entry?;
                entries[place].entries += 1;
                entries[place].bytes += (key.len() + value.len()) as u64;
                read += 1;
                progress(read);
            }
        }
    }
    let other_bytes = all.saturating_sub(store_bytes + log.bytes);
    Ok(Stats { backend: options.backend, head, first_state, log, entries: entries.to_vec(), store_bytes, other_bytes })
}

/// What the files below a folder take, in bytes.
pub(super) fn bytes_in(dir: &Path) -> io::Result<u64> {
    fs::read_dir(dir)?.try_fold(0, |sum, entry| {
        let entry = entry?;
        let of = if entry.file_type()?.is_dir() { bytes_in(&entry.path())? } else { entry.metadata()?.len() };
        Ok(sum + of)
    })
}
