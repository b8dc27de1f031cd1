//! The store port: ordered keys and values, written in atomic batches.
//!
//! What the node needs of a database and nothing more. A batch is seen wholly or not at all, by readers and after a
//! crash; it survives a power cut once `flush` has returned.

use alloy_primitives::Bytes;
use smallvec::SmallVec;
use std::{borrow::Borrow, io, ops::Deref, sync::Arc};

use crate::error::{Blame, is_full};

/// Longest value that any store must take, in bytes. Longer things are cut into chunks above the port.
pub const MAX_STORE_VALUE_BYTES: usize = 64 * 1024;

/// Keys with values, in the order of the keys.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<(Vec<u8>, Bytes), StoreError>> + 'a>;

/// A key-value store.
pub trait Store: Send + Sync {
    /// The value of `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// Applies all of `batch` or, on an error, nothing.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// What begins with `prefix`, in the order of the keys. Not a snapshot: a batch applied meanwhile may show.
    fn scan<'a>(&'a self, prefix: &[u8]) -> Entries<'a>;

    /// Returns when everything committed before is on disk.
    fn flush(&self) -> Result<(), StoreError>;

    /// Notes, for whoever opens it next, that what it holds is not to be trusted: such damage need not show then.
    fn condemn(&self, _why: &str) {}
}

/// Bytes of a key that lie in the key itself: as many as the node's have.
const KEY_BYTES: usize = 40;

/// A key of the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(SmallVec<[u8; KEY_BYTES]>);

impl Key {
    /// The key of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(SmallVec::from_slice(bytes))
    }

    /// Adds bytes at the end.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// A map by key is asked with bytes: a key hashes as they do.
impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self
    }
}

/// Writes to apply together, one after the other: for one key the last word counts. A copy shares them: it costs nothing until
/// one of the two is changed.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    writes: Arc<Vec<(Key, Option<Bytes>)>>,
    /// What keys and values take.
    bytes: usize,
}

impl Batch {
    /// Sets `key` to `value`.
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl Into<Bytes>) {
        self.set(key.as_ref(), Some(value.into()));
    }

    /// Removes `key`.
    pub fn remove(&mut self, key: impl AsRef<[u8]>) {
        self.set(key.as_ref(), None);
    }

    fn set(&mut self, key: &[u8], value: Option<Bytes>) {
        self.bytes += key.len() + value.as_ref().map_or(0, |value| value.len());
        Arc::make_mut(&mut self.writes).push((Key::new(key), value));
    }

    /// Makes room for so many more writes.
    pub(crate) fn reserve(&mut self, writes: usize) {
        Arc::make_mut(&mut self.writes).reserve(writes);
    }

    /// Adds those of a later batch.
    pub(crate) fn extend(&mut self, later: &Self) {
        self.bytes += later.bytes;
        Arc::make_mut(&mut self.writes).extend_from_slice(&later.writes);
    }

    /// The writes as they were given: keys with their new value, or none to remove.
    pub fn writes(&self) -> impl Iterator<Item = (&Key, Option<&Bytes>)> {
        self.writes.iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// The same, each key once, in their order.
    pub fn settled(&self) -> impl Iterator<Item = (&Key, Option<&Bytes>)> {
        // Last words first, of which the first stays.
        let mut writes: Vec<_> = self.writes.iter().rev().collect();
        writes.sort_by_key(|(key, _)| key);
        writes.dedup_by_key(|(key, _)| key);
        writes.into_iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// What keys and values take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many writes it has.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether it writes nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The first value over the port's limit.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let values = self.writes.iter().filter_map(|(_, value)| value.as_ref());
        let longest = values.map(|value| value.len()).max().unwrap_or(0);
        if longest > MAX_STORE_VALUE_BYTES { Err(StoreError::ValueTooLong { bytes: longest }) } else { Ok(()) }
    }
}

/// Why a store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its files are damaged. Nothing in them can be trusted.
    #[error("the store is corrupt ({0}); move its folder aside and restart: the block log rebuilds it")]
    Corrupt(String),
    /// A value over [`MAX_STORE_VALUE_BYTES`].
    #[error("a value of {bytes} bytes is over the store's limit of {MAX_STORE_VALUE_BYTES}; cut it into chunks")]
    ValueTooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The file system refused.
    #[error("the store cannot reach its files: {0}; check space, permissions and whether another process has them")]
    Io(#[from] io::Error),
    /// An earlier write failed. What was acknowledged is safe in the block log; the next write tries the store again.
    #[error("the store cannot write: {0}; nothing more is taken in until it can")]
    Stalled(String),
    /// Anything else that the database said.
    #[error("the store failed: {0}")]
    Backend(String),
}

impl StoreError {
    /// What a database met at its own files: one that is missing, ends too early or stands where none should is damage,
    /// anything else is the machine's.
    pub(crate) fn of_file(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::InvalidData
            | Kind::InvalidInput
            | Kind::NotFound
            | Kind::UnexpectedEof
            | Kind::AlreadyExists
            | Kind::IsADirectory
            | Kind::NotADirectory
            | Kind::DirectoryNotEmpty => Self::Corrupt(format!("one of its files: {error}")),
            _ => Self::Io(error),
        }
    }

    /// Whether it may pass without anybody touching the data: the disk was full, or the store waits to be opened again.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Stalled(_) => true,
            Self::Io(error) => is_full(error),
            _ => false,
        }
    }

    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Corrupt(_) | Self::Backend(_) => Blame::Data,
            Self::ValueTooLong { .. } => Blame::Caller,
            Self::Io(_) | Self::Stalled(_) => Blame::Environment,
        }
    }
}
