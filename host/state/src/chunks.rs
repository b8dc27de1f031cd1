//! Long values, cut to the store's limit. Only for things written once: a shorter rewrite would leave old chunks.

use crate::store::{Batch, MAX_STORE_VALUE_BYTES, Store, StoreError};

/// Puts `value` under `key` and two bytes more for each chunk. An empty value is one empty chunk.
pub(crate) fn put(batch: &mut Batch, key: &[u8], value: &[u8]) {
    let mut index = 0u16;
    let mut rest = value;
    loop {
        let (chunk, tail) = rest.split_at(rest.len().min(MAX_STORE_VALUE_BYTES));
        batch.put([key, &index.to_be_bytes()].concat(), chunk);
        if tail.is_empty() {
            return;
        }
        rest = tail;
        // 65,536 chunks are 4 GiB; a block log record, the longest thing there is, holds 64 MiB.
        index += 1;
    }
}

/// What was put under `key`. Other keys never begin with it: all keys of one kind are equally long.
pub(crate) fn get(store: &dyn Store, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let mut value = None;
    for entry in store.scan(key) {
        value.get_or_insert_with(Vec::new).extend_from_slice(&entry?.1);
    }
    Ok(value)
}
