//! Code by its hash.

use alloy_primitives::{B256, Bytes, KECCAK256_EMPTY, keccak256};

use crate::{
    chunks,
    diff::StateDiff,
    error::{Blame, StateError},
    keys,
    store::{Batch, Store},
};

/// Code by its hash.
pub(crate) fn get(store: &dyn Store, hash: B256) -> Result<Bytes, StateError> {
    if hash == KECCAK256_EMPTY {
        return Ok(Bytes::new());
    }
    let error = match chunks::get(store, &keys::code(hash), "code") {
        Ok(Some(code)) if keccak256(&code) == hash => return Ok(code.into()),
        Ok(Some(_)) => StateError::Damaged { what: "code" },
        Ok(None) => StateError::UnknownCode(hash),
        Err(error) => error,
    };
    if error.blame() == Blame::Data {
        store.condemn("code");
    }
    Err(error)
}

/// Puts new code into `batch`.
pub(crate) fn put(batch: &mut Batch, diff: &StateDiff) {
    for (hash, code) in &diff.codes {
        chunks::put(batch, &keys::code(*hash), code);
    }
}
