//! Long values with their length in front, cut to the store's limit. Only for things written once: a shorter rewrite would leave old chunks.

use alloy_primitives::Bytes;

use crate::{
    error::StateError,
    store::{Batch, MAX_STORE_VALUE_BYTES, Store},
};

/// Puts `value` under `key` and two bytes more for each chunk.
pub(crate) fn put(batch: &mut Batch, key: &[u8], value: &[u8]) {
    let whole = [(value.len() as u64).to_be_bytes().as_slice(), value].concat();
    // 65,536 chunks are 4 GiB; a block log record, the longest thing there is, holds 64 MiB.
    for (index, chunk) in (0u16..).zip(whole.chunks(MAX_STORE_VALUE_BYTES)) {
        batch.put([key, &index.to_be_bytes()].concat(), Bytes::copy_from_slice(chunk));
    }
}

/// Takes away what was put under `key`, if it is there.
pub(crate) fn remove(batch: &mut Batch, store: &dyn Store, key: &[u8]) -> Result<(), StateError> {
    let chunk = |index: u16| [key, &index.to_be_bytes()].concat();
    let Some(first) = store.get(&chunk(0))? else { return Ok(()) };
    let length = first.first_chunk().map_or(0, |length| u64::from_be_bytes(*length));
    let chunks = length.saturating_add(8).div_ceil(MAX_STORE_VALUE_BYTES as u64).min(u64::from(u16::MAX)) as u16;
    (0..chunks).for_each(|index| batch.remove(chunk(index)));
    Ok(())
}

/// What was put under `key`; `what` it is, in case a part is missing.
pub(crate) fn get(store: &dyn Store, key: &[u8], what: &'static str) -> Result<Option<Vec<u8>>, StateError> {
    let damaged = StateError::Damaged { what };
    let chunk = |index: u16| store.get(&[key, &index.to_be_bytes()].concat());
    let Some(first) = chunk(0)? else { return Ok(None) };
    let Some((length, start)) = first.split_first_chunk::<8>() else { return Err(damaged) };
    let length = u64::from_be_bytes(*length);
    let mut whole = start.to_vec();
    for index in 1.. {
        if whole.len() as u64 >= length {
            break;
        }
        match chunk(index)? {
            Some(chunk) if !chunk.is_empty() => whole.extend_from_slice(&chunk),
            _ => return Err(damaged),
        }
    }
    if whole.len() as u64 == length { Ok(Some(whole)) } else { Err(damaged) }
}
