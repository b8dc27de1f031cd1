//! Transactions are found by their hashes when they are too many for memory, after a restart, and after blocks were taken back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_consensus::{Eip658Value, Receipt, ReceiptEnvelope};
use alloy_primitives::{Address, Bytes};
use caldera_state::{Batch, Blame, ChainState, StateDiff, StateOptions, maintain};
use caldera_types::{TxReceipt, system_transaction};
use common::{Body, ON_DISK, open, open_store, try_commit};
use std::path::Path;

/// Of each block: six or seven of them bring a run.
const TRANSACTIONS: u64 = 700;

/// A block's transactions. After blocks were taken back, others come, which `branch` tells apart.
fn body(number: u64, branch: u8) -> Body {
    let data = |n: u64| Bytes::from([&[branch][..], &n.to_be_bytes()].concat());
    let receipt = Receipt { status: Eip658Value::Eip658(true), cumulative_gas_used: 1, logs: Vec::new() };
    let receipt = TxReceipt {
        consensus: ReceiptEnvelope::Legacy(receipt.into()),
        gas_used: 1,
        effective_gas_price: 7,
        contract_address: None,
        fault: None,
    };
    Body {
        transactions: (0..TRANSACTIONS).map(|n| system_transaction(1, number, 5, Address::ZERO, data(n))).collect(),
        receipts: vec![receipt; TRANSACTIONS as usize],
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
