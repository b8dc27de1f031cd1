//! One waiting transaction.

use std::{
    borrow::Borrow,
    hash::{Hash, Hasher},
    sync::Arc,
};

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, U256};
use caldera_types::Component;

use super::price::Price;

/// What a transaction takes in memory beside itself: the indexes, its account's entry, what the allocator rounds up. With one
/// transaction for each sender, which is the dearest, `cargo xtask bench pool` measures 343.
const INDEX_BYTES: usize = 400;

/// A transaction whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PooledTx {
    /// As signed.
    pub tx: TxEnvelope,
    /// Who signed it.
    pub sender: Address,
    /// Its hash.
    pub hash: B256,
    /// Components that it stages.
    pub sidecar: Vec<Component>,
}

impl PooledTx {
    pub(crate) fn nonce(&self) -> u64 {
        self.tx.nonce()
    }

    pub(crate) fn price(&self) -> Price {
        Price::of(&self.tx)
    }

    /// Wei that its sender must have for it: all the gas it asks for, and what it gives.
    pub(crate) fn cost(&self) -> U256 {
        (U256::from(self.tx.gas_limit()) * U256::from(self.tx.max_fee_per_gas())).saturating_add(self.tx.value())
    }

    /// Memory that it takes while it waits, in bytes.
    pub fn memory(&self) -> u64 {
        let tx = &self.tx;
        let accesses = tx.access_list().map_or(0, |list| {
            let keys: usize = list.iter().map(|item| item.storage_keys.len()).sum();
            size_of_val(list.as_slice()) + keys * size_of::<B256>()
        });
        let authorizations = tx.authorization_list().map_or(0, <[SignedAuthorization]>::len);
        let sidecar: usize =
            self.sidecar.iter().map(|component| size_of::<Component>() + component.bytes().len()).sum();
        let own = size_of::<Self>() + tx.input().len() + accesses;
        (own + authorizations * size_of::<SignedAuthorization>() + sidecar + INDEX_BYTES) as u64
    }
}

/// A transaction that is found by its hash.
#[derive(Clone, Debug)]
pub(super) struct ByHash(pub(super) Arc<PooledTx>);

impl Borrow<B256> for ByHash {
    fn borrow(&self) -> &B256 {
        &self.0.hash
    }
}

impl Hash for ByHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash.hash(state);
    }
}

impl PartialEq for ByHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash
    }
}

impl Eq for ByHash {}
