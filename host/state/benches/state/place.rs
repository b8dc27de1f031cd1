//! Where the entries are that blocks change: accounts, or slots of one contract.

use alloy_primitives::{Address, B256, U256, keccak256};
use caldera_state::{Account, AccountDiff, StateDiff};
use std::fmt;

/// What a chain of the bench is full of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Accounts without storage.
    Accounts,
    /// Slots of one account.
    Slots,
}

impl Place {
    /// The diff that sets these entries to something that depends on `seed`.
    pub fn diff(self, entries: impl Iterator<Item = u64>, seed: u64) -> StateDiff {
        let mut diff = StateDiff::default();
        match self {
            Self::Accounts => diff.accounts.extend(entries.map(|n| {
                let account = Account { nonce: seed, balance: U256::from(seed) << 64 | U256::from(n), ..owner(seed) };
                (address(n), AccountDiff { account: Some(account), ..Default::default() })
            })),
            Self::Slots => {
                // Words as a token's balances: some bytes of the 32.
                let storage = entries.map(|n| (slot(n), U256::from(seed + 1) << 64 | U256::from(n))).collect();
                let change = AccountDiff { account: Some(owner(seed)), wiped: false, storage };
                diff.accounts.insert(address(u64::MAX), change);
            }
        }
        diff
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accounts => "accounts",
            Self::Slots => "slots",
        })
    }
}

fn owner(seed: u64) -> Account {
    Account { nonce: seed, ..Default::default() }
}

fn address(n: u64) -> Address {
    Address::from_word(hash(1, n))
}

/// Where a mapping's entries are: anywhere.
fn slot(n: u64) -> U256 {
    hash(2, n).into()
}

/// A number that looks random and is the same each time.
pub fn draw(seed: u64, n: u64) -> u64 {
    hash(seed + 3, n).0.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

fn hash(kind: u64, n: u64) -> B256 {
    keccak256([kind.to_be_bytes(), n.to_be_bytes()].concat())
}
