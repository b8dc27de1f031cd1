//! The layer over a store that fails again and again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use alloy_primitives::Bytes;

use super::{Behind, Source};
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
        acted.map(drop).map_err(|_| full())
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

/// Where such a store comes from again, once the disk has space and it has not failed to open so many times.
pub(crate) struct Door {
    under: Arc<Weary>,
    is_full: AtomicBool,
    fails: AtomicUsize,
}

impl Door {
    pub fn new(under: &Arc<Weary>) -> Arc<Self> {
        Arc::new(Self { under: under.clone(), is_full: false.into(), fails: 0.into() })
    }

    /// The disk is full, or has space.
    pub fn fill(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::SeqCst);
        self.under.rest(if is_full { 0 } else { usize::MAX });
    }
}

impl Source for Arc<Door> {
    fn is_usable(&self) -> Result<(), StoreError> {
        if self.is_full.load(Ordering::SeqCst) { Err(full()) } else { Ok(()) }
    }

    fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let failed = self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if failed.is_ok() { Err(full()) } else { Ok(self.under.clone()) }
    }
}

fn full() -> StoreError {
    StoreError::Io(std::io::ErrorKind::StorageFull.into())
}

fn one(key: &[u8]) -> Batch {
    let mut batch = Batch::default();
    batch.put(key, vec![1]);
    batch
}

#[test]
fn a_store_that_could_not_be_opened_again_is_tried_by_the_next_who_asks() {
    let under = Arc::new(Weary::default());
    let door = Door::new(&under);
    door.fill(false);
    let behind = Behind::new(under.clone(), Box::new(door.clone()), 1 << 20).unwrap();
    behind.commit(one(b"stored")).unwrap();
    behind.flush().unwrap();
    door.fill(true);
    behind.commit(one(b"waiting")).unwrap();
    behind.flush().unwrap_err();
    assert!(behind.get(b"stored").unwrap().is_some(), "the failed store can still be read");
    // There is space for the probe, and not for opening.
    door.fill(false);
    door.fails.store(1, Ordering::SeqCst);
    assert!(behind.ready().unwrap_err().may_pass());
    for _ in 0..2 {
        let error = behind.get(b"stored").unwrap_err();
        assert!(error.may_pass() && error.to_string().contains("no storage space"), "{error}");
        assert!(behind.scan(b"").next().unwrap().is_err());
        assert!(behind.get(b"waiting").unwrap().is_some(), "what waits is in memory");
        assert!(behind.failure().unwrap().may_pass());
    }
    behind.ready().unwrap();
    assert!(behind.failure().is_none() && behind.get(b"stored").unwrap().is_some());
    behind.flush().unwrap();
    assert_eq!(under.entries.scan(b"").count(), 2);
}

/// A store that breaks when it is written.
#[derive(Default)]
struct Brittle {
    entries: MemoryStore,
    condemned: AtomicBool,
}

impl Store for Brittle {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.entries.get(key)
    }

    fn commit(&self, _: Batch) -> Result<(), StoreError> {
        panic!("an assertion of the database");
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Entries<'a> {
        self.entries.scan(prefix)
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn condemn(&self, _: &str) {
        self.condemned.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_store_that_panicked_is_not_trusted_by_the_next_start() {
    let under = Arc::new(Brittle::default());
    let behind = Behind::new(under.clone(), Box::new(Given(under.clone())), 1 << 20).unwrap();
    behind.commit(one(b"key")).unwrap();
    assert!(matches!(behind.flush(), Err(StoreError::Corrupt(_))));
    assert!(under.condemned.load(Ordering::SeqCst));
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
