//! The mark of a store that is being filled from a snapshot. What it has before its end is no damage, and of no use: it is removed by
//! the next start, which fills it again, so that a file that cannot be read to its end takes the space of one store.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::SnapshotError;
use crate::folder;

/// The mark of a store, beside its folder.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    /// That of the store in the folder `store`.
    pub fn of(store: &Path) -> Self {
        Self(store.with_extension("loading"))
    }

    /// Removes the store if it is marked.
    pub fn remove(&self, store: &Path) -> Result<(), SnapshotError> {
        if !self.0.exists() {
            return Ok(());
        }
        tracing::warn!(store = %store.display(), "the store was not filled to its end: it is removed, and filled again");
        let failed = |source| SnapshotError::Io { action: "remove", path: store.to_owned(), source };
        if store.exists() {
            fs::remove_dir_all(store).map_err(failed)?;
        }
        self.forget()
    }

    /// Marks the store, which is about to be filled.
    pub fn mark(&self) -> Result<(), SnapshotError> {
        self.change("make", |mark| File::create(mark)?.sync_all())
    }

    /// The store is filled, or gone.
    pub fn forget(&self) -> Result<(), SnapshotError> {
        self.change("remove", |mark| fs::remove_file(mark))
    }

    fn change(&self, action: &'static str, change: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), SnapshotError> {
        let changed = change(&self.0).and_then(|()| folder::sync(folder::above(&self.0)));
        changed.map_err(|source| SnapshotError::Io { action, path: self.0.clone(), source })
    }
}
