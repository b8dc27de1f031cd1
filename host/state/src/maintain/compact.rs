//! Writing a store anew, in the order of its keys: what a database does not give back to the disk, it does not get again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{source, stats::bytes_in};
use crate::{
    error::StateError,
    folder::{self, FolderLock},
    head::HeadRecord,
    options::StateOptions,
    pieces::Pieces,
    source::Folder,
};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Entries of the store.
    pub entries: u64,
    /// The store's files before, in bytes.
    pub before: u64,
    /// And after.
    pub after: u64,
}

/// Copies all entries of a sound store into a new one, which then takes its place; calls `progress` with how many are copied.
/// Needs as much space as the new one takes.
///
/// Until the last step the folder is as it was. A power cut between the two renames leaves no store under its name: then
/// the next start executes the log again.
pub fn compact(dir: &Path, options: StateOptions, progress: &mut dyn FnMut(u64)) -> Result<Compacted, StateError> {
    let _lock = FolderLock::take_existing(dir)?;
    let old = source(dir, options);
    let fresh = Folder { path: old.path.with_extension("compact"), options };
    let gone = old.path.with_extension("old");
    remains(&fresh.path)?;
    remains(&gone)?;
    let before = measure(&old.path)?;
    let entries = {
        let (from, head) = old.open_checked()?;
        let to = fresh.open_unchecked()?;
        let (mut pieces, mut entries) = (Pieces::new(&*to), 0);
        for entry in from.scan(b"") {
            let (key, value) = entry?;
            entries += 1;
            if pieces.add(|batch| batch.put(key, value))? {
                progress(entries);
            }
        }
        pieces.end()?;
        to.flush()?;
        if HeadRecord::read(&*to)? != head {
            return Err(StateError::Damaged { what: "copy of the store" });
        }
        entries
    };
    // Reads it as a start would before anything is given up for it.
    fresh.open_checked()?;
    let rename = |from: &PathBuf, to: &PathBuf| {
        let io = |source| StateError::Io { action: "rename", path: from.clone(), source };
        fs::rename(from, to).and_then(|()| folder::sync(dir)).map_err(io)
    };
    rename(&old.path, &gone)?;
    rename(&fresh.path, &old.path)?;
    remains(&gone)?;
    Ok(Compacted { entries, before, after: measure(&old.path)? })
}

/// Removes what a run that was cut off left behind.
fn remains(path: &Path) -> Result<(), StateError> {
    let io = |source| StateError::Io { action: "remove", path: path.to_owned(), source };
    if path.exists() { fs::remove_dir_all(path).map_err(io) } else { Ok(()) }
}

fn measure(path: &Path) -> Result<u64, StateError> {
    bytes_in(path).map_err(|source| StateError::Io { action: "measure", path: path.to_owned(), source })
}
