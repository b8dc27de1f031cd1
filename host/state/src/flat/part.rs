//! A part of the accounts, with their slots.

use alloy_primitives::{Address, U256};
use alloy_trie::EMPTY_ROOT_HASH;
use std::collections::HashSet;

use crate::{cache::Cache, diff::AccountDiff, place::NodeRef, trie::Stored};

const ACCOUNT_BYTES: usize = size_of::<Address>() + size_of::<Option<Stored>>();
const SLOT_BYTES: usize = size_of::<(Address, U256)>() + size_of::<U256>();

/// Entries of the state at a root, absent ones too.
pub(super) struct Part {
    pub root: NodeRef,
    pub accounts: Cache<Address, Option<Stored>>,
    pub slots: Cache<(Address, U256), U256>,
}

/// What a block does to a part.
#[derive(Default)]
pub(super) struct News<'a> {
    pub changes: Vec<(Address, &'a AccountDiff)>,
    /// Those of the changed accounts that are still there.
    pub left: Vec<(Address, Stored)>,
}

impl Part {
    /// Of the state at `root`; at most about `cache_bytes` are kept.
    pub fn new(root: NodeRef, cache_bytes: usize) -> Self {
        let accounts = Cache::new(cache_bytes / 2, |_| ACCOUNT_BYTES);
        let slots = Cache::new(cache_bytes / 2, |_| SLOT_BYTES);
        Self { root, accounts, slots }
    }

    /// Moves to the root after a block.
    pub fn advance(&mut self, root: NodeRef, news: News<'_>) {
        self.root = root;
        self.forget_storage(&news.changes);
        for (address, change) in news.changes {
            match change.account {
                None => self.accounts.put(address, None),
                // Of one that came out as it was, the update may say nothing more.
                Some(_) => drop(self.accounts.remove(&address)),
            }
            for (slot, value) in change.written_storage() {
                self.slots.put((address, *slot), *value);
            }
        }
        for (address, account) in news.left {
            self.accounts.put(address, Some(account));
        }
    }

    /// Moves to another root, of which nothing is known yet.
    pub fn move_to(&mut self, root: NodeRef) {
        self.root = root;
        self.accounts.forget(|_| true);
        self.slots.forget(|_| true);
    }

    /// Forgets the slots of accounts whose storage goes, all in one look: a genesis has many of them, and so may a block. Where
    /// nothing was stored there are only zeros, which stay true.
    fn forget_storage(&mut self, changes: &[(Address, &AccountDiff)]) {
        let held =
            |account: Option<Stored>| account.is_some_and(|account| account.account.storage_root != EMPTY_ROOT_HASH);
        let cleared = changes.iter().filter(|(_, change)| change.clears_storage()).map(|(address, _)| *address);
        let cleared: HashSet<_> = cleared.filter(|address| self.accounts.get(address).is_none_or(held)).collect();
        if !cleared.is_empty() {
            self.slots.forget(|(owner, _)| cleared.contains(owner));
        }
    }
}
