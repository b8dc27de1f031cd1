//! The layer over a store that fails again and again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use alloy_primitives::Bytes;

use super::Behind;
use crate::{
    memory_store::MemoryStore,
    source::Given,
    store::{Batch, Entries, Store, StoreError},
};

const NEWEST: &[u8] = b"newest";

/// A store that does so many things and then fails, with what it failed at done or not.
#[derive(Default)]
pub(crate) struct Weary {
    entries: MemoryStore,
    strength: AtomicUsize,
    does_what_it_fails_at: bool,
    /// Something went back that only goes on.
    went_back: AtomicBool,
}

impl Weary {
    pub fn rest(&self, strength: usize) {
        self.strength.store(strength, Ordering::SeqCst);
    }

    fn act(&self) -> Result<(), StoreError> {
        let act = |strength: usize| strength.checked_sub(1);
        let acted = self.strength.fetch_update(Ordering::SeqCst, Ordering::SeqCst, act);
        acted.map(drop).map_err(|_| StoreError::Io(std::io::ErrorKind::StorageFull.into()))
    }

    fn newest(&self) -> Option<Bytes> {
        self.entries.get(NEWEST).unwrap()
    }
}

impl Store for Weary {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.entries.get(key)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let acted = self.act();
        if acted.is_ok() || self.does_what_it_fails_at {
            let before = self.newest();
            self.entries.commit(batch)?;
            self.went_back.fetch_or(self.newest() < before, Ordering::SeqCst);
        }
        acted
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Entries<'a> {
        self.entries.scan(prefix)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.act()
    }
}

#[test]
fn a_store_that_fails_again_is_never_taken_back() {
    for does_what_it_fails_at in [false, true] {
        let under = Arc::new(Weary { does_what_it_fails_at, ..Weary::default() });
        let behind = Behind::new(under.clone(), Box::new(Given(under.clone())), 1 << 20).unwrap();
        let mut given = 0u64;
        for round in 0..60 {
            under.rest(round % 7);
            // A batch counts, whether the store has it or not.
            if behind.ready().is_ok() {
                for _ in 0..3 {
                    let mut batch = Batch::default();
                    batch.put(NEWEST, given.to_be_bytes().to_vec());
                    batch.put(given.to_be_bytes(), vec![1]);
                    behind.commit(batch).unwrap();
                    given += 1;
                }
            }
            let _ = behind.flush();
            let newest = given.checked_sub(1).map(|newest| Bytes::copy_from_slice(&newest.to_be_bytes()));
            assert_eq!(behind.get(NEWEST).unwrap(), newest);
        }
        assert!(!under.went_back.load(Ordering::SeqCst), "it was what it had been before");
        under.rest(usize::MAX);
        behind.ready().unwrap();
        behind.flush().unwrap();
        assert!(given > 60, "{given}");
        assert_eq!(under.entries.scan(b"").count() as u64, given + 1, "nothing was lost");
    }
}
