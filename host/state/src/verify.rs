//! Whether a store that opened is whole.
//!
//! A database may open a damaged file and miss entries without a word (sled does, seen by damaging its file at random
//! places). In flat state a missing entry reads as zero, and the chain would go on from a wrong state. So the state root
//! is computed from flat state, from all of it, and compared with the head's. That takes as long as reading it, which with
//! a cold sled is some seconds for 100,000 entries. A missing trie node or receipt needs no check here: reading it is an error.

use alloy_primitives::{Address, B256, U256};
use alloy_rlp::Decodable;
use alloy_trie::{
    EMPTY_ROOT_HASH, TrieAccount,
    root::{state_root_unhashed, storage_root_unhashed},
};
use std::collections::BTreeMap;

use crate::{error::StateError, head::HeadRecord, keys, store::Store, view::Account};

const DAMAGED: StateError = StateError::Damaged { what: "flat state: it does not give the head's state root" };

/// Reads the head and checks that flat state belongs to it; without a head there must be nothing at all.
pub(crate) fn read_head(store: &dyn Store) -> Result<Option<HeadRecord>, StateError> {
    let head = HeadRecord::read(store)?;
    match head {
        None if store.scan(b"").next().is_some() => Err(StateError::Damaged { what: "store without a head" }),
        Some(head) if flat_root(store)? != head.state_root => Err(DAMAGED),
        head => Ok(head),
    }
}

/// The state root of flat state.
fn flat_root(store: &dyn Store) -> Result<B256, StateError> {
    let mut storage_roots = storage_roots(store)?;
    let mut accounts = Vec::new();
    for entry in store.scan(keys::ACCOUNTS) {
        let (key, value) = entry?;
        let address = keys::read_account(&key).ok_or(DAMAGED)?;
        let Account { nonce, balance, code_hash } = Account::decode(&mut value.as_slice()).map_err(|_| DAMAGED)?;
        let storage_root = storage_roots.remove(&address).unwrap_or(EMPTY_ROOT_HASH);
        accounts.push((address, TrieAccount { nonce, balance, storage_root, code_hash }));
    }
    // Storage that no account owns would come back with the account.
    if storage_roots.is_empty() { Ok(state_root_unhashed(accounts)) } else { Err(DAMAGED) }
}

/// The storage roots of all accounts that have storage. Slots come ordered by account, so one account's are held at once.
fn storage_roots(store: &dyn Store) -> Result<BTreeMap<Address, B256>, StateError> {
    let mut roots = BTreeMap::new();
    let mut owner = Address::ZERO;
    let mut slots: Vec<(B256, U256)> = Vec::new();
    for entry in store.scan(keys::SLOTS) {
        let (key, value) = entry?;
        let (address, slot) = keys::read_slot(&key).ok_or(DAMAGED)?;
        if address != owner && !slots.is_empty() {
            roots.insert(owner, storage_root_unhashed(slots.drain(..)));
        }
        owner = address;
        slots.push((slot, U256::try_from_be_slice(&value).ok_or(DAMAGED)?));
    }
    if !slots.is_empty() {
        roots.insert(owner, storage_root_unhashed(slots));
    }
    Ok(roots)
}
