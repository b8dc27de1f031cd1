//! Code by its hash.

use alloy_primitives::{B256, Bytes, KECCAK256_EMPTY, keccak256};

use crate::{
    chunks,
    diff::StateDiff,
    error::StateError,
    keys,
    store::{Batch, Store},
};

/// Code by its hash.
pub(crate) fn get(store: &dyn Store, hash: B256) -> Result<Bytes, StateError> {
    if hash == KECCAK256_EMPTY {
        return Ok(Bytes::new());
    }
    match chunks::get(store, &keys::code(hash), "code")? {
        Some(code) if keccak256(&code) == hash => Ok(code.into()),
        found => {
            store.condemn("code");
            Err(found.map_or(StateError::UnknownCode(hash), |_| StateError::Damaged { what: "code" }))
        }
    }
}

/// Puts new code into `batch`.
pub(crate) fn put(batch: &mut Batch, diff: &StateDiff) {
    for (hash, code) in &diff.codes {
        chunks::put(batch, &keys::code(*hash), code);
    }
}
