//! What rules may read of a state: the one seam between execution and wherever the state comes from.
//!
//! Flat state, a historical root, a map in memory and (later) a witness all stand behind [`StateView`]. A view is a
//! snapshot: it never changes while somebody holds it, except the flat view, which only the single writer uses.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use std::sync::Arc;

use crate::error::StateError;

/// An account without its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// In wei.
    pub balance: U256,
    /// Keccak-256 of the code; of nothing when there is none.
    pub code_hash: B256,
}

impl Account {
    /// Whether it holds nothing at all (EIP-161), storage left out.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK256_EMPTY
    }
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY }
    }
}

/// Read access to one state. Every error means that the answer is not known, never that the thing is absent.
pub trait StateView {
    /// The account at `address`, or none when there is none.
    fn account(&self, address: Address) -> Result<Option<Account>, StateError>;

    /// The word in `slot` of `address`: zero when nothing was written there.
    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError>;

    /// The code with this Keccak-256. The hash comes from an account, so not having it is an error.
    fn code(&self, hash: B256) -> Result<Bytes, StateError>;

    /// The hash of the block at `number`. Asked only for heights below the block being executed, so not having it is
    /// an error.
    fn block_hash(&self, number: u64) -> Result<B256, StateError>;
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: StateView + ?Sized> StateView for $pointer {
            fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
                (**self).account(address)
            }

            fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
                (**self).storage(address, slot)
            }

            fn code(&self, hash: B256) -> Result<Bytes, StateError> {
                (**self).code(hash)
            }

            fn block_hash(&self, number: u64) -> Result<B256, StateError> {
                (**self).block_hash(number)
            }
        }
    )*};
}

forward!(&T, Arc<T>, Box<T>);
