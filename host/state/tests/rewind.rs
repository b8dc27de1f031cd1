//! Blocks are taken back under those who read them: what they then do not find is no damage.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_primitives::B256;
use caldera_state::{Blame, ChainState, HeadRecord, StateError, StateOptions, StateView};
use common::{ON_DISK, addresses, commit, commit_many, open, wide_diff};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// Opens again; the store was not moved aside.
fn check_sound(dir: &Path, options: StateOptions, head: HeadRecord) {
    assert_eq!(open(dir, options).head(), Some(head));
}

/// How many of the accounts cannot be read because their block was taken back; there is no other reason.
fn taken_back(view: &dyn StateView) -> usize {
    let read = addresses().filter_map(|address| view.account(address).err());
    read.inspect(|error| assert!(matches!(error, StateError::TakenBack { .. }), "{error}")).count()
}

#[test]
fn who_reads_a_block_that_is_taken_back_finds_no_damage() {
    for options in ON_DISK.map(|options| StateOptions { node_cache_bytes: 0, ..options }) {
        let dir = tempfile::tempdir().unwrap();
        let state = open(dir.path(), options);
        let heads = commit_many(&state, 11);
        let root = heads[10].state_root;
        let (view, recorder) = (state.at_block(10, root).unwrap(), state.record(10, root).unwrap());
        state.rewind(5).unwrap();
        for goes_on in [false, true] {
            // There is nothing where they read, or another block's.
            if goes_on {
                (6..12).for_each(|n| assert_eq!(commit(&state, &wide_diff(n + 100, n, 20)).number, n));
            }
            assert!(taken_back(&view) > 0 && taken_back(&recorder) > 0);
            let address = addresses().next().unwrap();
            let refused: [StateError; 3] = [
                state.at_block(10, root).unwrap_err(),
                state.account_at(10, root, address).unwrap_err(),
                state.proof_at_block(10, root, address, &[B256::ZERO]).unwrap_err(),
            ];
            assert!(refused.iter().all(|error| matches!(error, StateError::UnknownRoot(_))), "{refused:?}");
            let head = state.head().unwrap();
            assert_eq!(state.header(10).unwrap().is_some(), goes_on);
            assert_eq!(taken_back(&state.at_block(head.number, head.state_root).unwrap()), 0);
        }
        let head = state.head().unwrap();
        drop((view, recorder, state));
        check_sound(dir.path(), options, head);
    }
}

fn read_newest(state: &ChainState) -> Result<(), StateError> {
    let HeadRecord { number, state_root, .. } = state.head().unwrap();
    state.header(number)?;
    state.receipts(number)?;
    let view = state.at_block(number, state_root)?;
    addresses().try_for_each(|address| {
        state.account_at(number, state_root, address)?;
        view.account(address).map(drop)
    })
}

#[test]
fn readers_beside_blocks_that_come_and_go_find_no_damage() {
    for options in ON_DISK.map(|options| StateOptions { behind_bytes: 1 << 20, node_cache_bytes: 0, ..options }) {
        let dir = tempfile::tempdir().unwrap();
        let state = open(dir.path(), options);
        commit_many(&state, 3);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        if let Err(error) = read_newest(&state) {
                            assert_eq!(error.blame(), Blame::Caller, "{error}");
                        }
                    }
                });
            }
            for n in 0..60 {
                for m in 0..3 {
                    commit(&state, &wide_diff(n * 3 + m, n, 20));
                }
                state.rewind(2 + n % 2).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        let head = state.head().unwrap();
        state.flush().unwrap();
        drop(state);
        check_sound(dir.path(), options, head);
    }
}
