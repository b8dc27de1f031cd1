//! What the store knows of past blocks: headers, receipts, and where to find a hash.

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
    for (index, transaction) in (0u32..).zip(&block.transactions) {
        let hash = *transaction.tx_hash();
        batch.put(keys::transaction(hash), TransactionPlace { hash, number, index }.encode());
    }
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
    for transaction in &block.transactions {
        batch.remove(keys::transaction(*transaction.tx_hash()));
    }
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

/// Height and index of a transaction.
pub(crate) fn transaction(store: &dyn Store, hash: B256) -> Result<Option<(u64, u32)>, StateError> {
    let Some(bytes) = store.get(&keys::transaction(hash))? else { return Ok(None) };
    let place = TransactionPlace::decode(hash, &bytes).ok_or(StateError::Damaged { what: "transaction index" })?;
    Ok(place.map(|place| (place.number, place.index)))
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

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TransactionPlace {
    hash: B256,
    number: u64,
    index: u32,
}

impl TransactionPlace {
    /// What stands under [`keys::transaction`].
    fn encode(&self) -> Vec<u8> {
        let number = self.number.to_be_bytes();
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        [&self.hash[keys::TRANSACTION_BYTES..], &self.index.to_be_bytes(), &number[zeros..]].concat()
    }

    /// What stands under the key of `hash`: the place of another one if their hashes begin alike, and then none of this. The
    /// outer `None` is damage.
    fn decode(hash: B256, bytes: &[u8]) -> Option<Option<Self>> {
        let (rest, place) = bytes.split_at_checked(hash.len() - keys::TRANSACTION_BYTES)?;
        let (index, digits) = place.split_first_chunk::<4>()?;
        let mut number = [0; 8];
        let zeros = number.len().checked_sub(digits.len())?;
        number[zeros..].copy_from_slice(digits);
        let place = Self { hash, number: u64::from_be_bytes(number), index: u32::from_be_bytes(*index) };
        Some((rest == &hash[keys::TRANSACTION_BYTES..]).then_some(place))
    }
}

fn number(bytes: &[u8]) -> Result<u64, StateError> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| StateError::Damaged { what: "block height" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_that_of_its_own_hash() {
        for number in [0, 1, 255, 256, 1 << 40, u64::MAX] {
            for index in [0, 7, u32::MAX] {
                let hash = B256::with_last_byte(9);
                let place = TransactionPlace { hash, number, index };
                let bytes = place.encode();
                assert_eq!(TransactionPlace::decode(hash, &bytes), Some(Some(place)));
                let other = B256::with_last_byte(8);
                assert_eq!(keys::transaction(hash), keys::transaction(other), "they begin alike");
                assert_eq!(TransactionPlace::decode(other, &bytes), Some(None));
                assert_eq!(TransactionPlace::decode(hash, &bytes[..15]), None, "torn");
                assert_eq!(TransactionPlace::decode(hash, &[&bytes[..], &[0; 9]].concat()), None, "too long");
            }
        }
    }

    #[test]
    fn it_lies_in_the_pages_of_sled() {
        const INLINE: usize = 22;
        let hash = B256::repeat_byte(1);
        let place = TransactionPlace { hash, number: 1 << 47, index: u32::MAX };
        assert!(place.encode().len() <= INLINE && keys::transaction(hash).len() <= INLINE);
    }
}
