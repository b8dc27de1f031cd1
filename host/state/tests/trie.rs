//! Roots, proofs and historical views against alloy-trie, which is not what computes them here.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles, TrieAccount,
    proof::verify_proof,
    root::{state_root_unhashed, storage_root_unhashed},
};
use caldera_state::{Account, AccountProof, Backend, ChainState, MemoryView, StateDiff, StateError, StateView};
use common::{MEMORY, SLOTS, addresses, commit, diff, open};
use proptest::prelude::*;

fn trie_account(view: &MemoryView, address: Address, account: &Account) -> TrieAccount {
    let storage = view.slots(address).map(|(slot, value)| (B256::from(*slot), *value));
    let storage_root = storage_root_unhashed(storage);
    TrieAccount { nonce: account.nonce, balance: account.balance, storage_root, code_hash: account.code_hash }
}

/// The root by alloy-trie's `HashBuilder`, from all entries at once.
fn expected_root(view: &MemoryView) -> B256 {
    state_root_unhashed(view.accounts().map(|(address, account)| (*address, trie_account(view, *address, account))))
}

fn verify(root: B256, view: &MemoryView, proof: &AccountProof) {
    let address = proof.address;
    let account = view.account(address).unwrap();
    assert_eq!(proof.account, account);
    let leaf = account.map(|account| trie_account(view, address, &account));
    assert_eq!(proof.storage_root, leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root));
    verify_proof(root, Nibbles::unpack(keccak256(address)), leaf.map(alloy_rlp::encode), &proof.proof).unwrap();
    for slot in &proof.storage {
        let value = view.storage(address, slot.key.into()).unwrap();
        let value = if account.is_some() { value } else { U256::ZERO };
        assert_eq!(slot.value, value);
        let leaf = (!value.is_zero()).then(|| alloy_rlp::encode(value));
        verify_proof(proof.storage_root, Nibbles::unpack(keccak256(slot.key)), leaf, &slot.proof).unwrap();
    }
}

fn same(view: &dyn StateView, model: &MemoryView) {
    for address in addresses() {
        let account = model.account(address).unwrap();
        assert_eq!(view.account(address).unwrap(), account);
        for slot in (0..SLOTS).map(U256::from) {
            assert_eq!(view.storage(address, slot).unwrap(), model.storage(address, slot).unwrap(), "{address} {slot}");
        }
        if let Some(account) = account {
            assert_eq!(view.code(account.code_hash).unwrap(), model.code(account.code_hash).unwrap());
        }
    }
}

fn check(state: &ChainState, diffs: &[StateDiff]) {
    let mut model = MemoryView::default();
    let mut past = Vec::new();
    for diff in diffs {
        let head = commit(state, diff);
        model.apply(diff);
        assert_eq!(head.state_root, expected_root(&model));
        same(&state.flat(), &model);
        past.push((head, model.clone()));
    }
    let slots: Vec<B256> = [0, 1, 7, 23, SLOTS + 1].into_iter().map(|slot| B256::from(U256::from(slot))).collect();
    for (head, model) in &past {
        let view = state.at_block(head.number, head.state_root).unwrap();
        same(&view, model);
        for address in addresses().chain([Address::repeat_byte(0xee)]) {
            verify(
                head.state_root,
                model,
                &state.proof_at_block(head.number, head.state_root, address, &slots).unwrap(),
            );
        }
        assert_eq!(view.block_hash(head.number).unwrap(), head.hash);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn roots_proofs_and_history(diffs in prop::collection::vec(diff(), 1..6), bytes in prop::sample::select(vec![0, 4 << 10, 1 << 20])) {
        let dir = tempfile::tempdir().unwrap();
        check(&open(dir.path(), caldera_state::StateOptions { node_cache_bytes: bytes, flat_cache_bytes: bytes, ..MEMORY }), &diffs);
    }
}

#[test]
fn what_is_emptied_has_the_empty_root_and_proofs_of_absence() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), MEMORY);
    let mut full = MemoryView::default();
    addresses().for_each(|address| {
        full.set_account(address, Account { nonce: 1, ..Default::default() });
        full.set_storage(address, U256::from(7), U256::from(9));
    });
    let full = StateDiff::from(&full);
    let mut empty = full.clone();
    empty.accounts.values_mut().for_each(|change| change.account = None);
    check(&state, &[StateDiff::default(), full.clone(), empty.clone(), full.clone(), empty]);
    assert_eq!(state.state_root(), EMPTY_ROOT_HASH);
    assert_ne!(state.header(3).unwrap().unwrap().1.state_root, EMPTY_ROOT_HASH);
}

/// Thousands of slots make a trie with branches, extensions and deep leaves; then most go again.
#[test]
fn a_large_storage_grows_and_shrinks() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), MEMORY);
    let address = Address::with_last_byte(1);
    let write = |slots: std::ops::Range<u64>, value: u64| {
        let storage = slots.map(|slot| (U256::from(slot), U256::from(value))).collect();
        let change = caldera_state::AccountDiff { account: Some(Account::default()), wiped: false, storage };
        StateDiff { accounts: [(address, change)].into(), codes: Default::default() }
    };
    let mut model = MemoryView::default();
    for diff in [write(0..5000, 1), write(1000..1500, 2), write(10..4990, 0), write(0..10, 0), write(4000..4100, 3)] {
        model.apply(&diff);
        assert_eq!(commit(&state, &diff).state_root, expected_root(&model));
        for slot in [0, 5, 1200, 4050, 4995, 7777].map(U256::from) {
            verify(
                state.state_root(),
                &model,
                &state
                    .proof_at_block(state.head().unwrap().number, state.state_root(), address, &[slot.into()])
                    .unwrap(),
            );
        }
    }
}

/// Accounts that are cleared and filled anew with what they had: their roots are what they were, and so are the places of their nodes.
#[test]
fn what_is_put_back_is_where_it_was() {
    let filled = |wiped: bool, changed: Option<u64>| caldera_state::AccountDiff {
        account: Some(Account { nonce: 1, ..Default::default() }),
        wiped,
        storage: (0..SLOTS).map(|slot| (U256::from(slot), U256::from(slot + 1 + changed.unwrap_or(0)))).collect(),
    };
    let slot = |slot: u64| caldera_state::AccountDiff {
        account: Some(Account { nonce: 1, ..Default::default() }),
        wiped: false,
        storage: [(U256::from(slot), U256::from(1_000))].into(),
    };
    let all: Vec<Address> = addresses().collect();
    let of = |changes: Vec<(Address, caldera_state::AccountDiff)>| StateDiff {
        accounts: changes.into_iter().collect(),
        codes: Default::default(),
    };
    let diffs = [
        of(all.iter().map(|address| (*address, filled(false, None))).collect()),
        of(vec![(all[0], filled(true, None))]),
        of(vec![(all[0], slot(3))]),
        of(vec![(all[1], filled(true, None)), (all[2], slot(7))]),
        of(vec![(all[1], slot(5)), (all[2], filled(true, Some(2)))]),
        of(all.iter().map(|address| (*address, slot(9))).collect()),
    ];
    for options in [MEMORY, caldera_state::StateOptions { node_cache_bytes: 0, flat_cache_bytes: 0, ..MEMORY }] {
        let dir = tempfile::tempdir().unwrap();
        check(&open(dir.path(), options), &diffs);
    }
}

#[test]
fn an_unknown_root_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), MEMORY);
    assert_eq!(MEMORY.backend, Backend::Memory);
    let root = B256::repeat_byte(1);
    assert!(matches!(state.at_block(0, root), Err(StateError::UnknownRoot(r)) if r == root));
    assert!(matches!(state.proof_at_block(0, root, Address::ZERO, &[]), Err(StateError::UnknownRoot(_))));
    assert!(matches!(state.root_after(0, root, &StateDiff::default()), Err(StateError::UnknownRoot(_))));
    assert_eq!(state.at_block(0, EMPTY_ROOT_HASH).unwrap().account(Address::ZERO).unwrap(), None);
}
