//! Writes without end, as when a store is filled: some at a time.

use crate::store::{Batch, Store, StoreError};

/// What goes into the store at once, in bytes.
const BATCH_BYTES: usize = 1 << 20;
/// Batches between two flushes.
const FLUSH_BATCHES: u32 = 64;

/// Writes that go into a store in pieces: a crash may leave some of them there, and not the others.
pub(crate) struct Pieces<'a> {
    store: &'a dyn Store,
    batch: Batch,
    batches: u32,
}

impl<'a> Pieces<'a> {
    pub fn new(store: &'a dyn Store) -> Self {
        Self { store, batch: Batch::default(), batches: 0 }
    }

    /// Adds what `add` puts into a batch; tells whether a piece went into the store.
    pub fn add(&mut self, add: impl FnOnce(&mut Batch)) -> Result<bool, StoreError> {
        add(&mut self.batch);
        if self.batch.bytes() < BATCH_BYTES {
            return Ok(false);
        }
        self.store.commit(std::mem::take(&mut self.batch))?;
        self.batches += 1;
        if self.batches.is_multiple_of(FLUSH_BATCHES) {
            self.store.flush()?;
        }
        Ok(true)
    }

    /// Puts the last ones into the store.
    pub fn end(self) -> Result<(), StoreError> {
        self.store.commit(self.batch)
    }
}
