//! From which block on states are kept, who still reads older ones, and what the store remembers of it.

use parking_lot::Mutex;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    error::StateError,
    keys,
    store::{Batch, Store},
};

/// Held while a state is read: nothing below it goes.
pub(crate) type Pin = Arc<()>;

/// Where the kept states begin.
#[derive(Debug)]
pub(crate) struct Kept {
    from: AtomicU64,
    /// Changes whenever `from` does: who reads since before has another one.
    pin: Mutex<Pin>,
}

impl Kept {
    pub fn new(from: u64) -> Self {
        Self { from: AtomicU64::new(from), pin: Mutex::default() }
    }

    /// The first block whose state is kept.
    pub fn from(&self) -> u64 {
        self.from.load(Ordering::SeqCst)
    }

    /// Leave to read the state of a block, while what is returned is held.
    pub fn pin(&self, number: u64) -> Result<Pin, StateError> {
        // In this order: whoever still sees the old beginning holds the old pin.
        let pin = self.pin.lock().clone();
        let first = self.from();
        if number < first { Err(StateError::StateNotKept { number, first }) } else { Ok(pin) }
    }

    /// Lets states before `from` go; gives what is held by all who may read one of them.
    pub fn advance(&self, from: u64) -> Pin {
        self.from.fetch_max(from, Ordering::SeqCst);
        std::mem::take(&mut self.pin.lock())
    }
}

/// What the store remembers of letting go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptRecord {
    /// The first block whose state is kept.
    pub from: u64,
    /// The first block of whose state everything may still be there: all below went.
    pub swept: u64,
}

impl KeptRecord {
    /// The record, or none where nothing was ever let go.
    pub fn read(store: &dyn Store) -> Result<Option<Self>, StateError> {
        let Some(bytes) = store.get(keys::KEPT)? else { return Ok(None) };
        let word = |at: usize| Some(u64::from_be_bytes(bytes.get(8 * at..8 * at + 8)?.try_into().ok()?));
        let read = || (bytes.len() == 16).then_some(Self { from: word(0)?, swept: word(1)? });
        read().map(Some).ok_or(StateError::Damaged { what: "record of what is kept" })
    }

    pub fn put(self, batch: &mut Batch) {
        let words = [self.from, self.swept].map(u64::to_be_bytes);
        batch.put(keys::KEPT, words.concat());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_store::MemoryStore;

    #[test]
    fn who_reads_an_old_state_is_known() {
        let kept = Kept::new(0);
        let old = kept.pin(3).unwrap();
        let readers = kept.advance(5);
        assert_eq!(Arc::strong_count(&readers), 2);
        assert!(matches!(kept.pin(4), Err(StateError::StateNotKept { number: 4, first: 5 })));
        let fresh = (kept.pin(5).unwrap(), kept.pin(9).unwrap());
        assert_eq!(Arc::strong_count(&readers), 2);
        drop(old);
        assert_eq!(Arc::strong_count(&readers), 1);
        assert_eq!(Arc::strong_count(&kept.advance(2)), 3);
        assert_eq!(kept.from(), 5);
        drop(fresh);
    }

    #[test]
    fn the_record_reads_back() {
        let store = MemoryStore::default();
        assert_eq!(KeptRecord::read(&store).unwrap(), None);
        let record = KeptRecord { from: 7, swept: 3 };
        let mut batch = Batch::default();
        record.put(&mut batch);
        store.commit(batch).unwrap();
        assert_eq!(KeptRecord::read(&store).unwrap(), Some(record));
        let mut batch = Batch::default();
        batch.put(keys::KEPT, vec![0; 15]);
        store.commit(batch).unwrap();
        assert!(KeptRecord::read(&store).is_err());
    }
}
