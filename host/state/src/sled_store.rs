//! sled behind the store port: the only file where its name appears.
//!
//! What version 0.34.7 needs (seen in its source and its issues): one tree with prefixed keys, because many trees
//! amplify space; small values, because blobs are never fsynced; a bounded cache; and after each `flush`, which calls
//! `sync_file_range` and so leaves the disk's own cache alone, a `sync_all` on its file. It may panic while it recovers a
//! damaged file; here that is corruption, a named error. It may also open a damaged file and silently miss entries: above
//! the port, [`crate::verify`] catches that.

use alloy_primitives::Bytes;
use std::{
    fs::File,
    panic,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::store::{Batch, Entries, Store, StoreError};

/// The file in its folder that holds the data.
const DATA_FILE: &str = "db";
/// The file that says that damage was met while the database was in use. Such damage need not show when it opens again.
const DAMAGE_FILE: &str = "damaged";

/// How long to wait for a database that this process closed: its last threads keep the lock a little longer. Other
/// processes cannot have it, because the chain's folder is locked before.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Writes whose old pages one look of the collector frees, at least: it takes 512 objects, and a write leaves a few.
const WRITES_FREED_AT_A_TIME: usize = 128;
/// Looks after any batch: pages are free two epochs after they were thrown away, and a look advances one at most.
const FREED_AT_LEAST: usize = 3;

/// A sled database.
#[derive(Debug)]
pub struct SledStore {
    db: sled::Db,
    /// Its data file, for `sync_all`: fsync works on the file whoever opened it.
    file: File,
    folder: PathBuf,
}

impl SledStore {
    /// Opens or makes the database in the folder `path`, with a page cache of about `cache_bytes`.
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        if path.join(DAMAGE_FILE).exists() {
            return Err(StoreError::Corrupt("damage was met in an earlier run".to_owned()));
        }
        let config = sled::Config::new().path(path).cache_capacity(cache_bytes).flush_every_ms(None);
        let asked = Instant::now();
        let db = loop {
            // Recovery of a damaged file may hit sled's own assertions. Nothing of the half-made database is used after.
            let opened = panic::catch_unwind(panic::AssertUnwindSafe(|| config.open()))
                .map_err(|_| StoreError::Corrupt("recovery panicked".to_owned()))?;
            match opened {
                Err(error) if is_locked(&error) && asked.elapsed() < LOCK_PATIENCE => {
                    thread::sleep(Duration::from_millis(5));
                }
                // Only what was written by this version is ever in this folder.
                Err(sled::Error::Unsupported(what)) => return Err(StoreError::Corrupt(what)),
                opened => break opened?,
            }
        };
        let file = File::open(path.join(DATA_FILE)).map_err(StoreError::of_file)?;
        Ok(Self { db, file, folder: path.to_owned() })
    }

    /// Translates an error; after damage, the next opening refuses this database.
    fn failed(&self, error: sled::Error) -> StoreError {
        let error = StoreError::from(error);
        if let StoreError::Corrupt(what) = &error {
            self.condemn(what);
        }
        error
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.db.get(key).map_err(|error| self.failed(error))?.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut writes = sled::Batch::default();
        for (key, value) in batch.writes() {
            match value {
                Some(value) => writes.insert(&key[..], &value[..]),
                None => writes.remove(&key[..]),
            }
        }
        self.db.apply_batch(writes).map_err(|error| self.failed(error))?;
        free(batch.len());
        Ok(())
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Entries<'a> {
        let entries = self.db.scan_prefix(prefix);
        Box::new(entries.map(|entry| {
            entry.map(|(k, v)| (k.to_vec(), Bytes::copy_from_slice(&v))).map_err(|error| self.failed(error))
        }))
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(|error| self.failed(error))?;
        Ok(self.file.sync_all()?)
    }

    fn condemn(&self, why: &str) {
        tracing::error!(why, folder = %self.folder.display(), "the store is damaged");
        // Without the mark the next opening has to find the damage itself.
        let _ = File::create(self.folder.join(DAMAGE_FILE)).and_then(|file| file.sync_all());
    }
}

/// Frees what so many writes threw away. sled replaces a page at each write, and leaves the old one to the collector of
/// `crossbeam-epoch`, which looks for a few hundred of them each time that a thread has begun 128 operations. A batch is one
/// operation of thousands of writes, so more comes than goes: a million accounts took 19 GB of memory.
fn free(writes: usize) {
    for _ in 0..writes / WRITES_FREED_AT_A_TIME + FREED_AT_LEAST {
        crossbeam_epoch::pin().flush();
    }
}

/// sled wraps the lock's error in one that has only a text.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => Self::of_file(error),
            sled::Error::Corruption { at, .. } => Self::Corrupt(format!("checksum, at {at:?}")),
            sled::Error::ReportableBug(what) => Self::Corrupt(what),
            other => Self::Backend(other.to_string()),
        }
    }
}
