//! sled behind the store port: the only file where its name appears.
//!
//! What version 0.34.7 needs (seen in its source and its issues): one tree with prefixed keys, because many trees
//! amplify space; small values, because blobs are never fsynced; a bounded cache; and after each `flush`, which calls
//! `sync_file_range` and so leaves the disk's own cache alone, a `sync_all` on its file. It may panic while it recovers a
//! damaged file; here that is corruption, a named error.

use std::{fs::File, panic, path::Path};

use crate::store::{Batch, Entries, Store, StoreError};

/// The file in its folder that holds the data.
const DATA_FILE: &str = "db";

/// A sled database.
#[derive(Debug)]
pub struct SledStore {
    db: sled::Db,
    /// Its data file, for `sync_all`: fsync works on the file whoever opened it.
    file: File,
}

impl SledStore {
    /// Opens or makes the database in the folder `path`, with a page cache of about `cache_bytes`.
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let config = sled::Config::new().path(path).cache_capacity(cache_bytes).flush_every_ms(None);
        // Recovery of a damaged file may hit sled's own assertions. Nothing of the half-made database is used after.
        let db = panic::catch_unwind(panic::AssertUnwindSafe(|| config.open()))
            .map_err(|_| StoreError::Corrupt("recovery panicked".to_owned()))??;
        let file = File::open(path.join(DATA_FILE))?;
        Ok(Self { db, file })
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.db.get(key)?.map(|value| value.to_vec()))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut writes = sled::Batch::default();
        for (key, value) in batch.into_writes() {
            match value {
                Some(value) => writes.insert(key, value),
                None => writes.remove(key),
            }
        }
        Ok(self.db.apply_batch(writes)?)
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Entries<'a> {
        let entries = self.db.scan_prefix(prefix);
        Box::new(entries.map(|entry| entry.map(|(k, v)| (k.to_vec(), v.to_vec())).map_err(StoreError::from)))
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.db.flush()?;
        Ok(self.file.sync_all()?)
    }
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::Io(error),
            sled::Error::Corruption { at, .. } => Self::Corrupt(format!("checksum, at {at:?}")),
            other => Self::Backend(other.to_string()),
        }
    }
}
