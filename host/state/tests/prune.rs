//! Old states are let go while blocks come: what is kept stays whole, what is gone has a name, a crash costs nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_primitives::{Address, B256, U256};
use caldera_state::{
    Account, Batch, ChainState, HeadRecord, History, MemoryView, StateDiff, StateError, StateOptions, StateView as _,
};
use common::{DISK, FJALL, MEMORY, catch_up, commit, open, open_store, store_dir};
use std::{
    num::NonZeroU64,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Blocks whose states are kept.
const KEPT: u64 = 10;
/// Slots and accounts of the state.
const SLOTS: u64 = 2_000;
/// Of those in one block.
const CHANGED: u64 = 500;

fn pruning(options: StateOptions) -> StateOptions {
    StateOptions { history: History::Blocks(NonZeroU64::new(KEPT).unwrap()), ..options }
}

/// Block 0 fills the state. The others change a part; every third block puts back what an earlier one had, so that nodes are
/// like earlier ones, and two contracts have the same storage.
fn diff(number: u64) -> StateDiff {
    let mut view = MemoryView::default();
    let entries = if number == 0 { 0..SLOTS } else { (number * 379) % SLOTS..(number * 379) % SLOTS + CHANGED };
    let value = if number.is_multiple_of(3) { 1 } else { number + 1 };
    for n in entries.map(|n| n % SLOTS) {
        for contract in [0xaa, 0xbb] {
            let address = Address::repeat_byte(contract);
            view.set_account(address, Account { nonce: 1, ..Default::default() });
            view.set_storage(address, U256::from(n), U256::from(value));
        }
        let user = Address::left_padding_from(&(n + 1).to_be_bytes());
        view.set_account(user, Account { nonce: value, ..Default::default() });
    }
    StateDiff::from(&view)
}

/// The state after each block, by a model.
fn models(blocks: u64) -> Vec<MemoryView> {
    let mut model = MemoryView::default();
    (0..blocks)
        .map(|number| {
            model.apply(&diff(number));
            model.clone()
        })
        .collect()
}

fn check_state(state: &ChainState, number: u64, root: B256, model: &MemoryView) {
    let view = state.at_block(number, root).unwrap();
    for n in (0..SLOTS).step_by(7) {
        let user = Address::left_padding_from(&(n + 1).to_be_bytes());
        assert_eq!(view.account(user).unwrap(), model.account(user).unwrap(), "block {number}");
        for contract in [0xaa, 0xbb].map(Address::repeat_byte) {
            assert_eq!(view.storage(contract, U256::from(n)).unwrap(), model.storage(contract, U256::from(n)).unwrap());
        }
    }
}

/// Every state from the first kept one on is whole; older ones are refused by name, in a proof too.
fn check_all(state: &ChainState, heads: &[HeadRecord], models: &[MemoryView]) {
    let first = state.first_state();
    let last = state.head().unwrap().number;
    assert!(first + KEPT <= last + 1, "at least {KEPT} are kept: {first} to {last}");
    for head in &heads[..=last as usize] {
        let number = head.number;
        let proof = state.proof_at_block(number, head.state_root, Address::repeat_byte(0xaa), &[B256::ZERO]);
        if number < first {
            let error = state.at_block(number, head.state_root).unwrap_err();
            for error in [error, proof.unwrap_err()] {
                assert!(matches!(error, StateError::StateNotKept { number: n, first: f } if n == number && f == first));
            }
        } else {
            check_state(state, number, head.state_root, &models[number as usize]);
            assert_eq!(proof.unwrap().account.unwrap().nonce, 1);
        }
        // Blocks and receipts stay.
        assert!(state.block(number).unwrap().is_some() && state.receipts(number).unwrap().is_some());
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not so");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn old_states_go_and_the_others_stay_whole() {
    let behind = |options| StateOptions { behind_bytes: 1 << 20, ..options };
    for options in [MEMORY, behind(DISK), behind(FJALL)] {
        let dir = tempfile::tempdir().unwrap();
        let mut state = open(dir.path(), pruning(options));
        let models = models(120);
        let mut heads = Vec::new();
        for number in 0..120 {
            heads.push(commit(&state, &diff(number)));
            if number % 40 == 39 && options.backend != MEMORY.backend {
                until("swept", || !state.pruned().sweeping);
                drop(state);
                state = open(dir.path(), pruning(options));
            }
        }
        until("swept", || !state.pruned().sweeping);
        assert!(state.first_state() > 30, "{options:?}: {}", state.first_state());
        check_all(&state, &heads, &models);
        let audit = state.audit(&mut |_| {}).unwrap();
        assert_eq!((audit.findings, audit.roots), (Vec::new(), 120 - state.first_state()));
        assert_eq!(audit.stray_nodes, 0, "nothing stays that no kept state has");
        let undisturbed = tempfile::tempdir().unwrap();
        let all = open(undisturbed.path(), MEMORY);
        let same: Vec<_> = (0..120).map(|number| commit(&all, &diff(number))).collect();
        assert_eq!(heads, same);
        assert_eq!((all.first_state(), all.pruned().sweeps), (0, 0));
    }
}

/// Whoever reads an old state reads it to the end.
#[test]
fn a_reader_keeps_what_it_reads() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), pruning(MEMORY));
    let models = models(100);
    let first = commit(&state, &diff(0));
    let view = state.at_block(0, first.state_root).unwrap();
    for number in 1..100 {
        commit(&state, &diff(number));
    }
    until("waiting", || state.first_state() > 0 && state.pruned().sweeping);
    assert!(matches!(state.at_block(0, first.state_root), Err(StateError::StateNotKept { .. })));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(state.pruned().removed, 0);
    for n in 0..SLOTS {
        let slot = U256::from(n);
        let contract = Address::repeat_byte(0xaa);
        assert_eq!(view.storage(contract, slot).unwrap(), models[0].storage(contract, slot).unwrap());
    }
    drop(view);
    until("swept", || state.pruned().removed > 0);
}

/// What was let go comes back by executing the log again, and a chain that kept all may begin to let go.
#[test]
fn the_setting_may_change() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), DISK);
    let mut heads: Vec<_> = (0..60).map(|number| commit(&state, &diff(number))).collect();
    assert_eq!(state.first_state(), 0);
    drop(state);
    let models = models(140);
    let state = open(dir.path(), pruning(DISK));
    heads.extend((60..100).map(|number| commit(&state, &diff(number))));
    until("swept", || state.first_state() > 40 && !state.pruned().sweeping);
    drop(state);
    let state = open(dir.path(), DISK);
    let first = state.first_state();
    assert!(first > 40);
    heads.extend((100..140).map(|number| commit(&state, &diff(number))));
    assert_eq!(state.first_state(), first, "all is kept from now on");
    check_all(&state, &heads, &models);
    // Of entries with several nodes as of others.
    let audit = state.audit(&mut |_| {}).unwrap();
    assert_eq!((audit.findings, audit.stray_nodes), (Vec::new(), 0));
}

const CHILD: &str = "CALDERA_TEST_CHILD";

/// Not a test of its own: the process that [`kill_9_in_a_sweep_costs_nothing`] kills.
#[test]
fn killed_pruner() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (fjall, dir) = told.split_once(' ').unwrap();
    let options = if fjall == "true" { FJALL } else { DISK };
    let state = open(dir.as_ref(), pruning(StateOptions { behind_bytes: 1 << 20, ..options }));
    catch_up(&state, diff).unwrap();
    for next in state.head().map_or(0, |head| head.number + 1).. {
        commit(&state, &diff(next));
        if state.pruned().sweeping {
            println!("sweeping");
        }
    }
}

#[test]
fn kill_9_in_a_sweep_costs_nothing() {
    for options in [DISK, FJALL] {
        let dir = tempfile::tempdir().unwrap();
        let mut seen = 0;
        for round in 0..8u64 {
            let mut child = Command::new(std::env::current_exe().unwrap());
            let told = format!("{} {}", options.backend == FJALL.backend, dir.path().display());
            child.args(["--exact", "killed_pruner", "--nocapture"]).env(CHILD, told).stdout(Stdio::piped());
            let mut child = child.spawn().unwrap();
            let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
            let sweeping = lines.map_while(Result::ok).filter(|line| line.ends_with("sweeping"));
            seen += usize::from(sweeping.take(1 + 3 * round as usize).last().is_some());
            child.kill().unwrap();
            child.wait().unwrap();
            let state = open(dir.path(), options);
            let last = state.log_height().unwrap();
            catch_up(&state, diff).unwrap();
            let audit = state.audit(&mut |_| {}).unwrap();
            assert_eq!((audit.findings, audit.roots), (Vec::new(), last + 1 - state.first_state()), "{options:?}");
            let heads: Vec<_> = (0..=last)
                .map(|number| {
                    let (hash, header) = state.header(number).unwrap().unwrap();
                    HeadRecord { number, hash, state_root: header.state_root }
                })
                .collect();
            check_all(&state, &heads, &models(last + 1));
        }
        assert_eq!(seen, 8, "every life was killed in a sweep");
    }
}

/// Accounts and slots that come and go, so that branches and extensions split and collapse at every depth.
#[test]
fn what_comes_and_goes_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), pruning(MEMORY));
    let few = |number: u64| {
        let mut diff = StateDiff::default();
        for n in 0..24u64 {
            let account = (number * 7 + n * n * 3) % 40;
            let address = Address::with_last_byte(account as u8);
            let gone = (number + n).is_multiple_of(5);
            let changed = diff.accounts.entry(address).or_default();
            changed.account = (!gone).then(|| Account { nonce: number + 1, ..Default::default() });
            changed.wiped = (number * n).is_multiple_of(7);
            if !gone {
                let words = (0..n).map(|slot| (U256::from(slot % 9), U256::from((number + slot) % 3)));
                changed.storage.extend(words);
            }
        }
        diff
    };
    let mut model = MemoryView::default();
    let mut heads = Vec::new();
    let mut kept = Vec::new();
    for number in 0..400 {
        model.apply(&few(number));
        heads.push(commit(&state, &few(number)));
        kept.push(model.clone());
    }
    until("swept", || state.first_state() > 380 && !state.pruned().sweeping);
    let audit = state.audit(&mut |_| {}).unwrap();
    assert_eq!((audit.findings, audit.roots, audit.stray_nodes), (Vec::new(), 400 - state.first_state(), 0));
    for head in &heads[state.first_state() as usize..] {
        let (view, model) = (state.at_block(head.number, head.state_root).unwrap(), &kept[head.number as usize]);
        for address in (0..40).map(Address::with_last_byte) {
            assert_eq!(view.account(address).unwrap(), model.account(address).unwrap());
            for slot in (0..9).map(U256::from) {
                assert_eq!(view.storage(address, slot).unwrap(), model.storage(address, slot).unwrap());
            }
        }
    }
}

/// A state root that is gone is met by the sweep that would let that state go, and by nobody else.
#[test]
fn damage_that_a_sweep_meets_is_mended_by_the_next_start() {
    for options in [DISK, FJALL].map(pruning) {
        let dir = tempfile::tempdir().unwrap();
        let state = open(dir.path(), options);
        for number in 0..KEPT - 1 {
            commit(&state, &diff(number));
        }
        drop(state);
        let store = open_store(dir.path(), options);
        let mut batch = Batch::default();
        batch.remove([&b"p"[..], &0u64.to_be_bytes()].concat());
        store.commit(batch).unwrap();
        store.flush().unwrap();
        drop(store);
        let state = open(dir.path(), options);
        let (mark, began) = (store_dir(dir.path(), options).join("damaged"), Instant::now());
        for number in KEPT - 1.. {
            assert!(began.elapsed() < Duration::from_secs(60), "no sweep met it");
            commit(&state, &diff(number));
            std::thread::sleep(Duration::from_millis(20));
            if mark.exists() {
                break;
            }
        }
        drop(state);
        assert_eq!(open(dir.path(), options).head(), None, "it is made again from the log");
    }
}
