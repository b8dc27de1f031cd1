//! Long values with their length in front, cut to the store's limit. Only for things written once: a shorter rewrite would leave old chunks.

use crate::{
    error::StateError,
    store::{Batch, MAX_STORE_VALUE_BYTES, Store},
};

/// Puts `value` under `key` and two bytes more for each chunk.
pub(crate) fn put(batch: &mut Batch, key: &[u8], value: &[u8]) {
    let whole = [(value.len() as u64).to_be_bytes().as_slice(), value].concat();
    // 65,536 chunks are 4 GiB; a block log record, the longest thing there is, holds 64 MiB.
    for (index, chunk) in (0u16..).zip(whole.chunks(MAX_STORE_VALUE_BYTES)) {
        batch.put([key, &index.to_be_bytes()].concat(), chunk);
    }
}

/// What was put under `key`; `what` it is, in case a part is missing. Other keys never begin with it: all keys of one
/// kind are equally long.
pub(crate) fn get(store: &dyn Store, key: &[u8], what: &'static str) -> Result<Option<Vec<u8>>, StateError> {
    let mut whole = Vec::new();
    for entry in store.scan(key) {
        whole.extend_from_slice(&entry?.1);
    }
    if whole.is_empty() {
        return Ok(None);
    }
    let (length, value) = whole.split_first_chunk::<8>().ok_or(StateError::Damaged { what })?;
    if u64::from_be_bytes(*length) != value.len() as u64 {
        return Err(StateError::Damaged { what });
    }
    Ok(Some(value.to_vec()))
}
