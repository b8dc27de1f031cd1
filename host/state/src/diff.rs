//! What a block (or a transaction, or a genesis file) changes in a state.
//!
//! A diff is a function from states to states, and [`StateDiff::merge`] is composition: applying the merged diff is
//! the same as applying one after the other.

use alloy_primitives::{Address, B256, Bytes, U256};
use std::collections::BTreeMap;

use crate::view::Account;

/// Changes to a state. What is not named stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateDiff {
    /// Changed accounts.
    pub accounts: BTreeMap<Address, AccountDiff>,
    /// New code by its Keccak-256. Code is never removed: other accounts and older roots may share it.
    pub codes: BTreeMap<B256, Bytes>,
}

/// Changes to one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountDiff {
    /// The account afterwards, also when only its storage changed; none when it is gone, with all its storage.
    pub account: Option<Account>,
    /// All storage is cleared before `storage` is written. Implied when the account is gone.
    pub wiped: bool,
    /// Slots afterwards; zero removes.
    pub storage: BTreeMap<U256, U256>,
}

impl AccountDiff {
    /// Whether nothing of the earlier storage remains.
    pub fn clears_storage(&self) -> bool {
        self.wiped || self.account.is_none()
    }

    /// The slots that the account holds afterwards because of this diff, zeros included: none when it is gone.
    pub fn written_storage(&self) -> impl Iterator<Item = (&U256, &U256)> {
        self.storage.iter().filter(|_| self.account.is_some())
    }

    fn merge(&mut self, later: Self) {
        if later.clears_storage() {
            *self = Self { wiped: true, ..later };
        } else {
            self.wiped = self.clears_storage();
            if self.account.is_none() {
                self.storage.clear();
            }
            self.account = later.account;
            self.storage.extend(later.storage);
        }
    }
}

impl StateDiff {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.codes.is_empty()
    }

    /// Puts a later diff on top of this one.
    pub fn merge(&mut self, later: Self) {
        for (address, diff) in later.accounts {
            match self.accounts.entry(address) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(diff);
                }
                std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().merge(diff),
            }
        }
        self.codes.extend(later.codes);
    }
}
