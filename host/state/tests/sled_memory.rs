//! What sled throws away is freed, and does not wait for a collector that a store's few long operations hardly ever run.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloy_primitives::keccak256;
use caldera_bench::resident;
use caldera_state::{Batch, SledStore, Store};

const CACHE_BYTES: u64 = 8 << 20;
/// Of one batch, as of a full block.
const WRITES: u64 = 2_000;
/// Written again and again, so that what is kept does not grow.
const KEYS: u64 = 20_000;
/// A fourth of what was left lying about, some 700 bytes for each write, before it was freed.
const MOST_BYTES: u64 = 50 << 20;

#[test]
fn pages_that_batches_replaced_are_freed() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path(), CACHE_BYTES).unwrap();
    let write = |batches: std::ops::Range<u64>| {
        for number in batches {
            let mut batch = Batch::default();
            for write in 0..WRITES {
                let key = keccak256(((number * WRITES + write) * 7_919 % KEYS).to_be_bytes());
                batch.put(key.0, [number as u8; 100]);
            }
            store.commit(batch).unwrap();
        }
        store.flush().unwrap();
    };
    write(0..10);
    let before = resident(None);
    assert!(before > 0, "/proc tells");
    write(10..160);
    let grown = resident(None).saturating_sub(before);
    assert!(grown < MOST_BYTES, "{} MiB more than before 300,000 writes over {KEYS} keys", grown >> 20);
}
