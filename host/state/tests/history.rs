//! Past blocks, receipts and components are found, survive a restart, and show all at once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_consensus::{Eip658Value, Receipt, ReceiptEnvelope};
use alloy_primitives::{Address, B256, Bytes, Log, LogData};
use caldera_state::{Blame, ChainState, CommitInput, StateDiff, StateError, StateOptions, StateView};
use caldera_types::{Component, Digest, Fault, TxReceipt, system_transaction};
use common::{Body, DISK, MEMORY, ON_DISK, commit, commit_many, next_block, open, try_commit, wide_diff};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

fn receipt(n: u64, log_bytes: usize) -> TxReceipt {
    let data = LogData::new_unchecked(vec![B256::with_last_byte(n as u8)], vec![n as u8; log_bytes].into());
    let logs = vec![Log { address: Address::with_last_byte(9), data }];
    let receipt = Receipt { status: Eip658Value::Eip658(n.is_multiple_of(2)), cumulative_gas_used: n, logs };
    TxReceipt {
        consensus: ReceiptEnvelope::Legacy(receipt.into()),
        gas_used: n,
        effective_gas_price: 7,
        contract_address: n.is_multiple_of(3).then_some(Address::with_last_byte(n as u8)),
        fault: (n == 1).then(|| Fault::from_name("trap")).flatten(),
    }
}

/// Block bodies with some transactions, receipts over the store's value limit together, and components.
fn body(number: u64) -> Body {
    let transactions = (0..3).map(|n: u8| system_transaction(1, number, 5, Address::ZERO, Bytes::from(vec![n])));
    Body {
        transactions: transactions.collect(),
        receipts: (0..3).map(|n| receipt(number + n, 40_000)).collect(),
        sidecar: vec![Component::new(vec![1; 10_000]).unwrap(), Component::new(number.to_be_bytes().to_vec()).unwrap()],
    }
}

fn check_found(state: &ChainState, count: u64) {
    for number in 0..count {
        let body = body(number);
        let block = state.block(number).unwrap().unwrap();
        assert_eq!((&block.transactions, &block.sidecar), (&body.transactions, &body.sidecar));
        assert_eq!(state.header(number).unwrap().unwrap(), (block.hash(), block.header.clone()));
        assert_eq!(state.number_of(block.hash()).unwrap(), Some(number));
        assert_eq!(state.receipts(number).unwrap().unwrap(), body.receipts);
        assert_eq!(state.flat().block_hash(number).unwrap(), block.hash());
        for (index, transaction) in (0..).zip(&body.transactions) {
            assert_eq!(state.transaction_location(*transaction.tx_hash()).unwrap(), Some((number, index)));
        }
        for component in &body.sidecar {
            assert_eq!(state.component(component.digest()).unwrap().as_ref(), Some(component));
        }
    }
    assert_eq!(state.header(count).unwrap(), None);
    assert_eq!(state.receipts(count).unwrap(), None);
    assert_eq!(state.block(count).unwrap(), None);
    assert_eq!(state.block(u64::MAX).unwrap(), None);
    assert_eq!(state.number_of(B256::ZERO).unwrap(), None);
    assert_eq!(state.transaction_location(B256::ZERO).unwrap(), None);
    assert_eq!(state.component(Digest::of(b"never staged")).unwrap(), None);
    assert!(matches!(state.flat().block_hash(count), Err(StateError::UnknownBlock(n)) if n == count));
}

fn check_history(options: StateOptions) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), options);
    assert_eq!((state.head(), state.log_height()), (None, None));
    check_found(&state, 0);
    for number in 0..4 {
        try_commit(&state, &wide_diff(number, 0, 20), &body(number)).unwrap();
    }
    check_found(&state, 4);
    dir
}

#[test]
fn in_memory() {
    check_history(MEMORY);
}

#[test]
fn on_disk_and_after_a_restart() {
    for options in ON_DISK {
        let dir = check_history(options);
        let state = open(dir.path(), options);
        check_found(&state, 4);
        assert_eq!(state.replay().count(), 0);
        assert_eq!(
            state
                .at_block(state.head().unwrap().number, state.state_root())
                .unwrap()
                .account(Address::with_last_byte(1))
                .unwrap()
                .unwrap()
                .nonce,
            4
        );
        try_commit(&state, &wide_diff(4, 0, 20), &body(4)).unwrap();
        check_found(&state, 5);
    }
}

#[test]
fn old_roots_stay_readable_after_many_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), DISK);
    let heads = commit_many(&state, 60);
    drop(state);
    let state = open(dir.path(), DISK);
    for (seed, head) in (0..).zip(&heads) {
        let view = state.at_block(head.number, head.state_root).unwrap();
        let slot = alloy_primitives::U256::from(seed * 3);
        let address = Address::with_last_byte((seed * 3 % 10) as u8);
        assert_eq!(view.account(address).unwrap().unwrap().nonce, seed + 1);
        assert!(view.storage(address, slot).unwrap() > alloy_primitives::U256::from(seed + 1) << 64);
        assert_eq!(head.number, seed);
    }
}

#[test]
fn what_does_not_follow_the_head_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), MEMORY);
    let diff = wide_diff(0, 0, 3);
    let first = next_block(&state, &diff, &Body::default());
    let head = commit(&state, &diff);
    let none = StateDiff::default();
    let (second, update) = next_block(&state, &none, &Body::default());
    let other_root = state.root_after(head.number, head.state_root, &wide_diff(5, 5, 5)).unwrap();
    let mut orphan = (*second).clone();
    orphan.header.parent_hash = B256::repeat_byte(1);
    let orphan = orphan.seal();
    let one_receipt = [receipt(0, 0)];
    for (block, receipts, update) in [
        (&first.0, [].as_slice(), first.1.clone()),
        (&orphan, &[], update.clone()),
        (&second, &[], other_root),
        (&second, &[], first.1.clone()),
        (&second, &one_receipt, update.clone()),
    ] {
        let error = state.commit(CommitInput { block, receipts, diff: &none, update }).unwrap_err();
        assert!(matches!(error, StateError::NotNext { .. }), "{error}");
        assert_eq!(error.blame(), Blame::Caller);
        assert_eq!((state.head(), state.log_height()), (Some(head), Some(0)));
    }
    state.commit(CommitInput { block: &second, receipts: &[], diff: &none, update }).unwrap();
}

/// Readers follow the head while blocks are written: whatever the head covers is there whole.
#[test]
fn readers_see_whole_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), DISK);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(Relaxed) {
                let Some(head) = state.head() else { continue };
                let number = head.number;
                let (hash, header) = state.header(number).unwrap().unwrap();
                assert_eq!((hash, header.state_root), (head.hash, head.state_root));
                assert_eq!(state.receipts(number).unwrap().unwrap().len(), 3);
                assert_eq!(state.block(number).unwrap().unwrap().hash(), hash);
                let view = state.at_block(head.number, head.state_root).unwrap();
                assert_eq!(view.account(Address::ZERO).unwrap().unwrap().nonce, number + 1);
                for index in 0..3 {
                    let hash = *body(number + 1).transactions[index].tx_hash();
                    let place = state.transaction_location(hash).unwrap();
                    // Found only once a head covers it.
                    assert!(place.is_none_or(|(height, _)| height <= state.head().unwrap().number));
                }
                seen += 1;
            }
            seen
        });
        for number in 0..40 {
            try_commit(&state, &wide_diff(number, 0, 50), &body(number)).unwrap();
        }
        done.store(true, Relaxed);
        assert!(reader.join().unwrap() > 10);
    });
}
