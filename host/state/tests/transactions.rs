//! Transactions are found by their hashes when they are too many for memory, after a restart, and after blocks were taken back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_primitives::{Address, Bytes};
use caldera_state::{Batch, Blame, ChainState, StateDiff, StateOptions, maintain};
use caldera_types::system_transaction;
use common::{Body, ON_DISK, open, open_store, receipt, try_commit};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// Of each block: six or seven of them bring a run.
const TRANSACTIONS: u64 = 700;

/// A block's transactions. After blocks were taken back, others come, which `branch` tells apart.
fn body(number: u64, branch: u8) -> Body {
    let data = |n: u64| Bytes::from([&[branch][..], &n.to_be_bytes()].concat());
    Body {
        transactions: (0..TRANSACTIONS).map(|n| system_transaction(1, number, 5, Address::ZERO, data(n))).collect(),
        receipts: vec![receipt(); TRANSACTIONS as usize],
        sidecar: Vec::new(),
    }
}

fn grow(state: &ChainState, to: u64, branch: u8) {
    while state.head().is_none_or(|head| head.number < to) {
        let number = state.head().map_or(0, |head| head.number + 1);
        try_commit(state, &StateDiff::default(), &body(number, branch)).unwrap();
    }
}

fn check(state: &ChainState, blocks: impl IntoIterator<Item = u64>, branch: u8, there: bool) {
    for number in blocks {
        for (index, transaction) in (0..).zip(&body(number, branch).transactions) {
            let found = state.transaction_location(*transaction.tx_hash()).unwrap();
            assert_eq!(found, there.then_some((number, index)), "block {number} of branch {branch}");
        }
    }
}

#[test]
fn they_are_found_by_their_hashes() {
    for options in ON_DISK {
        let dir = tempfile::tempdir().unwrap();
        {
            let state = open(dir.path(), options);
            grow(&state, 30, 0);
            check(&state, 0..=30, 0, true);
        }
        {
            let state = open(dir.path(), options);
            check(&state, 0..=30, 0, true);
            // Eight runs and more, which become one in the background: into the middle of that, or of those.
            grow(&state, 60, 0);
            state.rewind(31).unwrap();
            check(&state, 0..=31, 0, true);
            check(&state, 32..=60, 0, false);
            state.rewind(10).unwrap();
            check(&state, 0..=10, 0, true);
            check(&state, 11..=30, 0, false);
            grow(&state, 45, 1);
        }
        let state = open(dir.path(), options);
        check(&state, 0..=10, 0, true);
        check(&state, 11..=30, 0, false);
        check(&state, 11..=45, 1, true);
        // Within what is in memory.
        state.rewind(44).unwrap();
        check(&state, 40..=44, 1, true);
        check(&state, [45], 1, false);
        grow(&state, 45, 1);
        check(&state, [45], 1, true);
        // To where nothing is in a run, and to the very first block.
        state.rewind(3).unwrap();
        check(&state, 0..=3, 0, true);
        check(&state, 4..=45, 1, false);
        state.rewind(0).unwrap();
        grow(&state, 20, 2);
        check(&state, 1..=20, 2, true);
        check(&state, 1..=10, 0, false);
        drop(state);
        let verified = maintain::verify(dir.path(), options, &mut |_| {}).unwrap();
        let lost: Vec<_> =
            verified.audit.findings.iter().filter(|finding| finding.what.contains("by its hash")).collect();
        assert!(lost.is_empty(), "{lost:?}");
        assert_eq!(verified.audit.transactions, 21 * TRANSACTIONS);
    }
}

#[test]
fn who_looks_while_blocks_are_taken_back_finds_what_stays() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), common::MEMORY);
    grow(&state, 4, 0);
    let hashes: Vec<_> = body(2, 0).transactions.iter().map(|transaction| *transaction.tx_hash()).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let looks = || {
            let mut looks = 0;
            while !done.load(Ordering::SeqCst) {
                for (index, hash) in (0..).zip(&hashes) {
                    assert_eq!(state.transaction_location(*hash).unwrap(), Some((2, index)), "look {looks}");
                }
                looks += 1;
            }
            looks
        };
        let readers = [scope.spawn(looks), scope.spawn(looks)];
        for branch in 1..=60 {
            // The first run has blocks 0 to 5: half of it stays.
            grow(&state, 7, branch);
            state.rewind(3).unwrap();
        }
        done.store(true, Ordering::SeqCst);
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
    });
}

#[test]
fn newest_runs_that_went_without_a_word_are_made_again() {
    for options in ON_DISK {
        let dir = tempfile::tempdir().unwrap();
        grow(&open(dir.path(), options), 30, 0);
        let runs = open_store(dir.path(), options).scan(b"i").count();
        assert!(runs > 2, "{runs}");
        // The newest, and then all: there is no gap between those that are left.
        for gone in [1, runs] {
            let store = open_store(dir.path(), options);
            let mut batch = Batch::default();
            store
                .scan(b"i")
                .map(Result::unwrap)
                .collect::<Vec<_>>()
                .iter()
                .rev()
                .take(gone)
                .for_each(|(key, _)| batch.remove(key));
            store.commit(batch).unwrap();
            store.flush().unwrap();
            drop(store);
            let state = open(dir.path(), options);
            assert_eq!(state.head().unwrap().number, 30, "nothing is executed again");
            check(&state, 0..=30, 0, true);
            drop(state);
            assert_eq!(open_store(dir.path(), options).scan(b"i").count(), runs);
        }
    }
}

/// Takes the first entry with a prefix out of the store.
fn miss(dir: &Path, options: StateOptions, prefix: &[u8]) {
    let store = open_store(dir, options);
    let (key, _) = store.scan(prefix).next().unwrap().unwrap();
    let mut batch = Batch::default();
    batch.remove(key);
    store.commit(batch).unwrap();
    store.flush().unwrap();
}

fn findings(dir: &Path, options: StateOptions) -> Vec<String> {
    let verified = maintain::verify(dir, options, &mut |_| {}).unwrap();
    verified.audit.findings.into_iter().map(|finding| finding.what).filter(|what| what.contains("index")).collect()
}

#[test]
fn what_the_index_lacks_is_damage_and_the_store_is_rebuilt() {
    for options in ON_DISK {
        let dir = tempfile::tempdir().unwrap();
        grow(&open(dir.path(), options), 20, 0);
        // A run: met when the chain opens.
        miss(dir.path(), options, b"i");
        let state = open(dir.path(), options);
        assert_eq!((state.head(), state.log_height()), (None, Some(20)), "the store begins anew");
        grow(&state, 20, 0);
        check(&state, 0..=20, 0, true);
        drop(state);
        // A piece of one: met by who looks there.
        miss(dir.path(), options, b"t");
        let state = open(dir.path(), options);
        let hashes = body(0, 0).transactions.into_iter().map(|transaction| *transaction.tx_hash());
        let errors: Vec<_> = hashes.filter_map(|hash| state.transaction_location(hash).err()).collect();
        assert!(!errors.is_empty() && errors.iter().all(|error| error.blame() == Blame::Data), "{errors:?}");
        drop(state);
        assert_eq!(open(dir.path(), options).head(), None, "the store begins anew");
        grow(&open(dir.path(), options), 20, 0);
        // By who reads everything.
        miss(dir.path(), options, b"t");
        assert!(findings(dir.path(), options).iter().any(|what| what.contains("transaction index")));
        assert_eq!(open(dir.path(), options).head(), None, "what was found is marked");
        grow(&open(dir.path(), options), 20, 0);
        miss(dir.path(), options, b"i");
        assert!(findings(dir.path(), options).iter().any(|what| what.contains("transaction index")));
    }
}
