//! A view that remembers what was read: who holds exactly those things can execute again without the state.

use alloy_primitives::{Address, B256, Bytes, U256};
use parking_lot::Mutex;
use std::collections::BTreeSet;

use crate::{
    error::StateError,
    view::{Account, StateView},
};

/// What an execution read, found or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Accounts asked for.
    pub accounts: BTreeSet<Address>,
    /// Slots asked for.
    pub slots: BTreeSet<(Address, U256)>,
    /// Codes asked for, by hash.
    pub codes: BTreeSet<B256>,
    /// Heights whose block hash was asked for.
    pub block_hashes: BTreeSet<u64>,
}

/// A view with a record of its reads.
#[derive(Debug, Default)]
pub struct Observed<V> {
    view: V,
    reads: Mutex<Reads>,
}

impl<V: StateView> Observed<V> {
    /// Watches `view`.
    pub fn new(view: V) -> Self {
        Self { view, reads: Mutex::default() }
    }

    /// What was read so far.
    pub fn reads(&self) -> Reads {
        self.reads.lock().clone()
    }

    /// What was read in all.
    pub fn into_reads(self) -> Reads {
        self.reads.into_inner()
    }
}

impl<V: StateView> StateView for Observed<V> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.reads.lock().accounts.insert(address);
        self.view.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.reads.lock().slots.insert((address, slot));
        self.view.storage(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        self.reads.lock().codes.insert(hash);
        self.view.code(hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.reads.lock().block_hashes.insert(number);
        self.view.block_hash(number)
    }
}
