//! The state at the head as plain keys and values: what the writer executes on, one lookup for each read.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_rlp::Decodable;
use parking_lot::Mutex;
use std::{fmt, sync::Arc};

use crate::{
    cache::Cache,
    chunks,
    diff::StateDiff,
    error::StateError,
    history, keys,
    store::{Batch, Store},
    view::{Account, StateView},
};

/// A key of the store with its value, or none when it is absent.
type Entry = (Vec<u8>, Option<Vec<u8>>);

/// Flat state with a cache of its entries, absent ones too.
///
/// The cache's lock is held while an entry is read from the store, and while a batch is written to it: so no reader can
/// put back a value that a batch has just replaced.
pub(crate) struct Flat {
    store: Arc<dyn Store>,
    cache: Mutex<Cache<Vec<u8>, Option<Vec<u8>>>>,
}

impl Flat {
    pub fn new(store: Arc<dyn Store>, cache_bytes: usize) -> Self {
        Self { store, cache: Mutex::new(Cache::new(cache_bytes)) }
    }

    fn get(&self, key: Vec<u8>) -> Result<Option<Vec<u8>>, StateError> {
        let mut cache = self.cache.lock();
        if let Some(value) = cache.get(&key, |value| 64 + bytes_of(value)) {
            return Ok(value);
        }
        let value = self.store.get(&key)?;
        let bytes = key.len() + bytes_of(&value);
        cache.put(key, value.clone(), bytes);
        Ok(value)
    }

    /// Commits `batch` with these `changes` of flat state added to it.
    pub fn commit(&self, mut batch: Batch, changes: Vec<Entry>) -> Result<(), StateError> {
        for (key, value) in &changes {
            match value {
                Some(value) => batch.put(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        let mut cache = self.cache.lock();
        if let Err(error) = self.store.commit(batch) {
            // A store that keeps its promise changed nothing, but one that fails may not keep it.
            cache.clear();
            return Err(error.into());
        }
        for (key, value) in changes {
            let bytes = key.len() + bytes_of(&value);
            cache.put(key, value, bytes);
        }
        Ok(())
    }
}

fn bytes_of(value: &Option<Vec<u8>>) -> usize {
    value.as_ref().map_or(0, Vec::len)
}

/// The state at the head. It moves with the head, so only the single writer, between two commits, may use it.
#[derive(Clone)]
pub struct FlatView {
    flat: Arc<Flat>,
}

impl fmt::Debug for FlatView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlatView")
    }
}

impl FlatView {
    pub(crate) fn new(flat: Arc<Flat>) -> Self {
        Self { flat }
    }
}

impl StateView for FlatView {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        let Some(bytes) = self.flat.get(keys::account(address))? else { return Ok(None) };
        let account = Account::decode(&mut bytes.as_slice()).map_err(|_| StateError::Damaged { what: "account" })?;
        Ok(Some(account))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        let bytes = self.flat.get(keys::slot(address, slot))?.unwrap_or_default();
        U256::try_from_be_slice(&bytes).ok_or(StateError::Damaged { what: "storage slot" })
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        code(&*self.flat.store, hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        history::block_hash(&*self.flat.store, number)?.ok_or(StateError::UnknownBlock(number))
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

/// What a diff of the head's state changes in flat state, in order. The old slots of cleared storage are looked up, so
/// clearing costs as much as was stored.
pub(crate) fn changes(store: &dyn Store, diff: &StateDiff) -> Result<Vec<Entry>, StateError> {
    let mut changes = Vec::new();
    for (address, change) in &diff.accounts {
        if change.clears_storage() {
            for entry in store.scan(&keys::slots_of(*address)) {
                changes.push((entry?.0, None));
            }
        }
        changes.push((keys::account(*address), change.account.map(alloy_rlp::encode)));
        for (slot, value) in change.written_storage() {
            let value = (!value.is_zero()).then(|| value.to_be_bytes_trimmed_vec());
            changes.push((keys::slot(*address, *slot), value));
        }
    }
    Ok(changes)
}

/// Puts new code into `batch`.
pub(crate) fn put_codes(batch: &mut Batch, diff: &StateDiff) {
    for (hash, code) in &diff.codes {
        chunks::put(batch, &keys::code(*hash), code);
    }
}
