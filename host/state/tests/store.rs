//! Every store keeps the port's promises.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloy_primitives::Bytes;
use caldera_state::{Batch, FjallStore, MAX_STORE_VALUE_BYTES, MemoryStore, SledStore, Store, StoreError};
use std::path::Path;

type Entry = (Vec<u8>, Bytes);

fn scan(store: &dyn Store, prefix: &[u8]) -> Vec<Entry> {
    store.scan(prefix).map(Result::unwrap).collect()
}

fn check(store: &dyn Store) {
    check_order(store);
    assert_eq!(store.get(b"a").unwrap(), None);
    let mut batch = Batch::default();
    for key in ["a", "b1", "b2", "b\u{ff}", "c"] {
        batch.put(key, format!("value of {key}").into_bytes());
    }
    batch.put("gone", "x");
    batch.remove("gone");
    batch.remove("twice");
    batch.put("twice", "last word");
    batch.put("empty", "");
    let settled: Vec<_> =
        batch.settled().map(|(key, value)| (key.to_vec(), value.map(|value| value[..] == *b"last word"))).collect();
    assert!(settled.is_sorted() && settled.len() == batch.len() - 2);
    assert!(settled.contains(&(b"gone".to_vec(), None)) && settled.contains(&(b"twice".to_vec(), Some(true))));
    store.commit(batch).unwrap();
    assert_eq!(store.get(b"a").unwrap().unwrap()[..], b"value of a"[..]);
    assert_eq!(store.get(b"gone").unwrap(), None);
    assert_eq!(store.get(b"twice").unwrap().unwrap()[..], b"last word"[..]);
    assert_eq!(store.get(b"empty").unwrap().unwrap()[..], b""[..]);
    let keys: Vec<_> = scan(store, b"b").into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [b"b1".to_vec(), b"b2".to_vec(), "b\u{ff}".as_bytes().to_vec()]);
    assert_eq!(scan(store, b"").len(), 7);
    assert_eq!(scan(store, b"zz"), []);

    // A batch that cannot be taken is not taken in part.
    let mut batch = Batch::default();
    batch.put("b1", "changed");
    batch.put("long", vec![7; MAX_STORE_VALUE_BYTES + 1]);
    assert!(matches!(store.commit(batch), Err(StoreError::ValueTooLong { bytes: 65_537 })));
    assert_eq!(store.get(b"b1").unwrap().unwrap()[..], b"value of b1"[..]);

    let mut batch = Batch::default();
    batch.put("long", vec![7; MAX_STORE_VALUE_BYTES]);
    batch.remove("b1");
    assert_eq!((batch.len(), batch.is_empty()), (2, false));
    store.commit(batch).unwrap();
    store.flush().unwrap();
    assert_eq!(store.get(b"long").unwrap().unwrap()[..], vec![7; MAX_STORE_VALUE_BYTES][..]);
    assert_eq!(store.get(b"b1").unwrap(), None);
}

/// All keys are found in their order, wherever a store keeps them.
fn check_order(store: &dyn Store) {
    let keys: [&[u8]; 8] = [b"A", b"S\xff", b"T", b"T\0", b"T\x01\x02", b"T\xff", b"U", b"a"];
    let mut batch = Batch::default();
    keys.iter().rev().for_each(|key| batch.put(key, key.to_vec()));
    store.commit(batch).unwrap();
    let found = |prefix: &[u8]| scan(store, prefix).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(found(b""), keys);
    assert_eq!(found(b"T"), keys[2..6]);
    assert_eq!(found(b"T\x01"), keys[4..5]);
    let mut batch = Batch::default();
    keys.iter().for_each(|key| batch.remove(key));
    store.commit(batch).unwrap();
    assert!(found(b"").is_empty());
}

/// While one thread flips all of a hundred keys at once, no reader may see a batch that went backwards.
fn check_atomic(store: &dyn Store) {
    let write = |n: u32| {
        let mut batch = Batch::default();
        (0..100u8).for_each(|key| batch.put([b'k', key], n.to_be_bytes()));
        store.commit(batch).unwrap();
    };
    let read = |key: u8| u32::from_be_bytes(store.get(&[b'k', key]).unwrap().unwrap().as_ref().try_into().unwrap());
    write(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (1..300).for_each(write));
        while !writer.is_finished() {
            // All keys are written in order; if batches were seen in part, a later key would lag behind an earlier one.
            for pair in [(0, 99), (99, 0), (50, 51)] {
                let (first, second) = (read(pair.0), read(pair.1));
                assert!(first <= second, "a batch was seen in part: {first} then {second}");
            }
        }
    });
    assert_eq!(read(99), 299);
}

#[test]
fn memory() {
    check(&MemoryStore::default());
    check_atomic(&MemoryStore::default());
}

fn check_on_disk<S: Store>(open: impl Fn(&Path) -> S) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("one"));
    check(&store);
    let before = scan(&store, b"");
    drop(store);
    let store = open(&dir.path().join("one"));
    assert_eq!(scan(&store, b""), before, "a reopened store holds what was flushed");
    check_atomic(&open(&dir.path().join("two")));
}

#[test]
fn sled() {
    check_on_disk(|path| SledStore::open(path, 1 << 20).unwrap());
}

#[test]
fn fjall() {
    check_on_disk(|path| FjallStore::open(path, 1 << 20).unwrap());
}
