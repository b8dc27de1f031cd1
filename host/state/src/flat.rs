//! The state at the head as plain keys and values: what the writer executes on, one lookup for each read.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_rlp::Decodable;
use std::{fmt, sync::Arc};

use crate::{
    chunks,
    diff::StateDiff,
    error::StateError,
    history, keys,
    store::{Batch, Store},
    view::{Account, StateView},
};

/// The state at the head. It moves with the head, so only the single writer, between two commits, may use it.
#[derive(Clone)]
pub struct FlatView {
    store: Arc<dyn Store>,
}

impl fmt::Debug for FlatView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlatView")
    }
}

impl FlatView {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }
}

impl StateView for FlatView {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        let Some(bytes) = self.store.get(&keys::account(address))? else { return Ok(None) };
        let account = Account::decode(&mut bytes.as_slice()).map_err(|_| StateError::Damaged { what: "account" })?;
        Ok(Some(account))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        let bytes = self.store.get(&keys::slot(address, slot))?.unwrap_or_default();
        U256::try_from_be_slice(&bytes).ok_or(StateError::Damaged { what: "storage slot" })
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        code(&*self.store, hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        history::block_hash(&*self.store, number)?.ok_or(StateError::UnknownBlock(number))
    }
}

/// Code by its hash.
pub(crate) fn code(store: &dyn Store, hash: B256) -> Result<Bytes, StateError> {
    if hash == KECCAK256_EMPTY {
        return Ok(Bytes::new());
    }
    let code = chunks::get(store, &keys::code(hash), "code")?;
    code.map(Bytes::from).ok_or(StateError::UnknownCode(hash))
}

/// Puts a diff of the head's state into `batch`. The old slots of cleared storage are looked up, so clearing costs as
/// much as was stored.
pub(crate) fn put(batch: &mut Batch, store: &dyn Store, diff: &StateDiff) -> Result<(), StateError> {
    for (address, change) in &diff.accounts {
        if change.clears_storage() {
            for entry in store.scan(&keys::slots_of(*address)) {
                batch.remove(entry?.0);
            }
        }
        match change.account {
            Some(account) => batch.put(keys::account(*address), alloy_rlp::encode(account)),
            None => batch.remove(keys::account(*address)),
        }
        for (slot, value) in change.written_storage() {
            if value.is_zero() {
                batch.remove(keys::slot(*address, *slot));
            } else {
                batch.put(keys::slot(*address, *slot), value.to_be_bytes_trimmed_vec());
            }
        }
    }
    for (hash, code) in &diff.codes {
        chunks::put(batch, &keys::code(*hash), code);
    }
    Ok(())
}
