//! What the store knows of past blocks: headers, receipts, and where to find a block's or a component's hash.

use alloy_consensus::Header;
use alloy_primitives::B256;
use alloy_rlp::Decodable;
use caldera_types::{Digest, SealedBlock, TxReceipt};

use crate::{
    chunks,
    error::StateError,
    keys,
    store::{Batch, Store},
};

/// Puts the indexes of a block and its receipts into `batch`.
pub(crate) fn put(
    batch: &mut Batch,
    store: &dyn Store,
    block: &SealedBlock,
    receipts: &[TxReceipt],
) -> Result<(), StateError> {
    let number = block.header.number;
    batch.put(keys::header(number), [block.hash().as_slice(), &alloy_rlp::encode(&block.header)].concat());
    batch.put(keys::block_number(block.hash()), number.to_be_bytes());
    for component in &block.sidecar {
        let key = keys::component(component.digest().0);
        if store.get(&key)?.is_none() {
            batch.put(key, number.to_be_bytes());
        }
    }
    let receipts: Vec<&TxReceipt> = receipts.iter().collect();
    let mut list = Vec::new();
    alloy_rlp::encode_list::<&TxReceipt, TxReceipt>(&receipts, &mut list);
    chunks::put(batch, &keys::receipts(number), &list);
    Ok(())
}

/// Takes what is found by hash of a block out of the indexes, in `batch`. What is found by height is written over by the
/// block that takes its place, and not looked at before.
pub(crate) fn remove(batch: &mut Batch, store: &dyn Store, block: &SealedBlock) -> Result<(), StateError> {
    batch.remove(keys::block_number(block.hash()));
    for digest in block.sidecar.iter().map(caldera_types::Component::digest) {
        if component(store, digest)? == Some(block.header.number) {
            batch.remove(keys::component(digest.0));
        }
    }
    Ok(())
}

/// The header at a height with its hash.
pub(crate) fn header(store: &dyn Store, number: u64) -> Result<Option<(B256, Header)>, StateError> {
    let damaged = || StateError::Damaged { what: "block header" };
    let Some(bytes) = store.get(&keys::header(number))? else { return Ok(None) };
    let (hash, mut header) = bytes.split_first_chunk::<32>().ok_or_else(damaged)?;
    let header = Header::decode(&mut header).map_err(|_| damaged())?;
    Ok(Some((B256::from(*hash), header)))
}

/// The hash of the block at a height.
pub(crate) fn block_hash(store: &dyn Store, number: u64) -> Result<Option<B256>, StateError> {
    let Some(bytes) = store.get(&keys::header(number))? else { return Ok(None) };
    let (hash, _) = bytes.split_first_chunk::<32>().ok_or(StateError::Damaged { what: "block header" })?;
    Ok(Some(B256::from(*hash)))
}

/// The height of a block.
pub(crate) fn number_of(store: &dyn Store, hash: B256) -> Result<Option<u64>, StateError> {
    store.get(&keys::block_number(hash))?.map(|bytes| number(&bytes)).transpose()
}

/// The height of the first block that carries a component.
pub(crate) fn component(store: &dyn Store, digest: Digest) -> Result<Option<u64>, StateError> {
    store.get(&keys::component(digest.0))?.map(|bytes| number(&bytes)).transpose()
}

/// The receipts of the block at a height, in order.
pub(crate) fn receipts(store: &dyn Store, number: u64) -> Result<Option<Vec<TxReceipt>>, StateError> {
    let Some(bytes) = chunks::get(store, &keys::receipts(number), "list of receipts")? else { return Ok(None) };
    let receipts = Vec::decode(&mut bytes.as_slice()).map_err(|_| StateError::Damaged { what: "list of receipts" })?;
    Ok(Some(receipts))
}

fn number(bytes: &[u8]) -> Result<u64, StateError> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| StateError::Damaged { what: "block height" })
}
