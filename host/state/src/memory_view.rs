//! A state in maps: for tests, and to put a genesis together.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use std::collections::BTreeMap;

use crate::{
    diff::{AccountDiff, StateDiff},
    error::StateError,
    view::{Account, StateView},
};

/// A whole state in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryView {
    accounts: BTreeMap<Address, Account>,
    /// Never holds a zero.
    storage: BTreeMap<(Address, U256), U256>,
    codes: BTreeMap<B256, Bytes>,
    block_hashes: BTreeMap<u64, B256>,
}

impl MemoryView {
    /// Sets an account.
    pub fn set_account(&mut self, address: Address, account: Account) {
        self.accounts.insert(address, account);
    }

    /// Sets a slot; zero removes.
    pub fn set_storage(&mut self, address: Address, slot: U256, value: U256) {
        if value.is_zero() {
            self.storage.remove(&(address, slot));
        } else {
            self.storage.insert((address, slot), value);
        }
    }

    /// Adds code; its hash goes into an account.
    pub fn add_code(&mut self, code: Bytes) -> B256 {
        let hash = keccak256(&code);
        self.codes.insert(hash, code);
        hash
    }

    /// Sets the hash of a block.
    pub fn set_block_hash(&mut self, number: u64, hash: B256) {
        self.block_hashes.insert(number, hash);
    }

    /// The accounts, in order.
    pub fn accounts(&self) -> impl Iterator<Item = (&Address, &Account)> {
        self.accounts.iter()
    }

    /// The slots of one account that are not zero, in order.
    pub fn slots(&self, address: Address) -> impl Iterator<Item = (&U256, &U256)> {
        self.storage.range((address, U256::ZERO)..=(address, U256::MAX)).map(|((_, slot), value)| (slot, value))
    }

    /// Applies a diff.
    pub fn apply(&mut self, diff: &StateDiff) {
        for (address, change) in &diff.accounts {
            if change.clears_storage() {
                self.storage.retain(|(owner, _), _| owner != address);
            }
            match change.account {
                Some(account) => self.accounts.insert(*address, account),
                None => self.accounts.remove(address),
            };
            for (slot, value) in change.written_storage() {
                self.set_storage(*address, *slot, *value);
            }
        }
        self.codes.extend(diff.codes.iter().map(|(hash, code)| (*hash, code.clone())));
    }
}

/// The diff that makes this state out of nothing. Storage of addresses without an account is no part of a state.
impl From<&MemoryView> for StateDiff {
    fn from(view: &MemoryView) -> Self {
        let accounts = view.accounts().map(|(address, account)| {
            let storage = view.slots(*address).map(|(slot, value)| (*slot, *value)).collect();
            (*address, AccountDiff { account: Some(*account), wiped: false, storage })
        });
        Self { accounts: accounts.collect(), codes: view.codes.clone() }
    }
}

impl StateView for MemoryView {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        Ok(self.accounts.get(&address).copied())
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        Ok(self.storage.get(&(address, slot)).copied().unwrap_or_default())
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        self.codes.get(&hash).cloned().ok_or(StateError::UnknownCode(hash))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.block_hashes.get(&number).copied().ok_or(StateError::UnknownBlock(number))
    }
}
