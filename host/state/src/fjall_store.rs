//! fjall behind the store port: the only file where its name appears.
//!
//! A log-structured tree: batches go to a journal and are sorted later, in the background, which suits keys that are hashes.
//! Trie nodes, which are written in the order of their keys, have a keyspace of their own: their tables seldom overlap, so that
//! there is little to merge. Nothing is compressed: hashes do not shrink. Blocks and journal entries have
//! checksums, so damage is found when it is read. After an error of the file system it takes nothing more until it is opened
//! again.

use alloy_primitives::Bytes;
use std::{
    fs::File,
    ops::Bound,
    panic,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use fjall::Readable as _;

use crate::{
    keys,
    store::{Batch, Entries, Store, StoreError},
};

/// The database's folder in its folder, beside [`DAMAGE_FILE`].
const DATA_DIR: &str = "data";
/// The file that says that damage was met while the database was in use.
const DAMAGE_FILE: &str = "damaged";
/// The keyspace of trie nodes.
const NODES: &str = "nodes";
/// The keyspace of everything else.
const REST: &str = "all";
/// What is sorted in memory before it becomes a table, as long as tables are: with a fourth of it, merging them took
/// 2 µs more of a processor for each transfer of a chain under load.
const MEMTABLE_BYTES: u64 = 64 << 20;
/// How long journals may be in all, which opening reads: those of a few such tables.
const JOURNAL_BYTES: u64 = 256 << 20;

/// How long to wait for a database that this process closed: its last threads keep the lock a little longer.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// A fjall database.
pub struct FjallStore {
    db: fjall::Database,
    nodes: fjall::Keyspace,
    rest: fjall::Keyspace,
    folder: PathBuf,
}

impl std::fmt::Debug for FjallStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FjallStore").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl FjallStore {
    /// Opens or makes the database in the folder `path`, with a cache of about `cache_bytes`.
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        if path.join(DAMAGE_FILE).exists() {
            return Err(StoreError::Corrupt("damage was met in an earlier run".to_owned()));
        }
        let data = path.join(DATA_DIR);
        std::fs::create_dir_all(&data)?;
        let asked = Instant::now();
        let (db, nodes, rest) = loop {
            // As with any database: recovery of a damaged file may hit its own assertions.
            let opened = panic::catch_unwind(|| {
                let db = fjall::Database::builder(&data)
                    .cache_size(cache_bytes)
                    .max_journaling_size(JOURNAL_BYTES)
                    .worker_threads(1)
                    .open()?;
                let options = || fjall::KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
                let (nodes, rest) = (db.keyspace(NODES, options)?, db.keyspace(REST, options)?);
                Ok((db, nodes, rest))
            });
            match opened.map_err(|_| StoreError::Corrupt("recovery panicked".to_owned()))? {
                Err(fjall::Error::Locked) if asked.elapsed() < LOCK_PATIENCE => thread::sleep(Duration::from_millis(5)),
                opened => break opened?,
            }
        };
        Ok(Self { db, nodes, rest, folder: path.to_owned() })
    }

    /// Where a key belongs.
    fn keyspace(&self, key: &[u8]) -> &fjall::Keyspace {
        if key.starts_with(keys::NODES) { &self.nodes } else { &self.rest }
    }

    /// Translates an error; after damage, the next opening refuses this database.
    fn failed(&self, error: fjall::Error) -> StoreError {
        let error = StoreError::from(error);
        if let StoreError::Corrupt(what) = &error {
            self.condemn(what);
        }
        error
    }
}

impl Store for FjallStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        // Of a batch that is being applied, a read without a snapshot sees a part.
        let value = self.db.snapshot().get(self.keyspace(key), key).map_err(|error| self.failed(error))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut writes = self.db.batch();
        // All of them get one sequence number, so that no key may come twice; in order they go where the last one went.
        for (key, value) in batch.settled() {
            match value {
                Some(value) => writes.insert(self.keyspace(key), &key[..], &value[..]),
                None => writes.remove(self.keyspace(key), &key[..]),
            }
        }
        writes.commit().map_err(|error| self.failed(error))
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Entries<'a> {
        let snapshot = self.db.snapshot();
        let rest = |from: &[u8], to: Bound<Vec<u8>>| snapshot.range(&self.rest, (Bound::Included(from.to_vec()), to));
        let entries: Box<dyn Iterator<Item = fjall::Guard>> = match prefix {
            // Nodes stand in the midst of the others.
            [] => {
                let after: Vec<u8> = keys::NODES.iter().map(|byte| byte + 1).collect();
                let before = rest(&[], Bound::Excluded(keys::NODES.to_vec()));
                Box::new(before.chain(snapshot.iter(&self.nodes)).chain(rest(&after, Bound::Unbounded)))
            }
            prefix => Box::new(snapshot.prefix(self.keyspace(prefix), prefix)),
        };
        Box::new(entries.map(|entry| {
            let (key, value) = entry.into_inner().map_err(|error| self.failed(error))?;
            Ok((key.to_vec(), Bytes::copy_from_slice(&value)))
        }))
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.db.persist(fjall::PersistMode::SyncAll).map_err(|error| self.failed(error))
    }

    fn condemn(&self, why: &str) {
        tracing::error!(why, folder = %self.folder.display(), "the store is damaged");
        // Without the mark the next opening has to find the damage itself.
        let _ = File::create(self.folder.join(DAMAGE_FILE)).and_then(|file| file.sync_all());
    }
}

impl From<fjall::Error> for StoreError {
    fn from(error: fjall::Error) -> Self {
        use fjall::{Error, LsmError};
        match error {
            Error::Io(error) | Error::Storage(LsmError::Io(error)) => Self::of_file(error),
            Error::Poisoned | Error::Locked => Self::Backend(error.to_string()),
            damage => Self::Corrupt(damage.to_string()),
        }
    }
}
