//! The block that a chain begins with, and what the store remembers of that.

use alloy_consensus::Header;
use alloy_primitives::B256;
use alloy_rlp::Decodable as _;
use caldera_types::{Block, SealedBlock, TxReceipt};

use crate::{
    audit,
    error::StateError,
    keys,
    store::{Batch, Store},
};

/// Headers before the block: as many as a transaction can ask the hashes of.
pub(super) const HEADERS: u64 = 256;

/// Highest block of a snapshot: a thousand blocks a second for a thousand years, and far from where heights end.
const MAX_HEIGHT: u64 = 1 << 45;

/// The first record of a snapshot.
pub(super) struct Base {
    pub genesis: B256,
    pub block: SealedBlock,
    pub receipts: Vec<TxReceipt>,
    /// Up to the block's parent, in order.
    pub headers: Vec<Header>,
}

impl Base {
    pub fn encode(&self) -> [Vec<u8>; 4] {
        let receipts: Vec<&TxReceipt> = self.receipts.iter().collect();
        let mut list = Vec::new();
        alloy_rlp::encode_list::<&TxReceipt, TxReceipt>(&receipts, &mut list);
        [self.genesis.to_vec(), alloy_rlp::encode(&*self.block), list, alloy_rlp::encode(&self.headers)]
    }

    /// Reads it, and says what does not fit together.
    pub fn decode(items: &[Vec<u8>]) -> Result<Self, String> {
        let [genesis, block, receipts, headers] = items else { return Err("the base has no four parts".into()) };
        let failed = |error: alloy_rlp::Error| format!("the base: {error}");
        let block = Block::decode(&mut block.as_slice()).map_err(failed)?.seal();
        let receipts = Vec::<TxReceipt>::decode(&mut receipts.as_slice()).map_err(failed)?;
        let headers = Vec::<Header>::decode(&mut headers.as_slice()).map_err(failed)?;
        let genesis = B256::try_from(genesis.as_slice()).map_err(|_| "the genesis' hash".to_owned())?;
        let base = Self { genesis, block, receipts, headers };
        match base.fault() {
            Some(what) => Err(what),
            None => Ok(base),
        }
    }

    fn fault(&self) -> Option<String> {
        let header = &self.block.header;
        if Block::transactions_root(&self.block.transactions) != header.transactions_root {
            return Some("the block's transactions are not those of its header".into());
        }
        if let Some(what) = audit::receipts_fault(&self.block, &self.receipts) {
            return Some(what);
        }
        if self.headers.len() as u64 != header.number.min(HEADERS) {
            return Some("headers are missing".into());
        }
        if header.number > MAX_HEIGHT {
            return Some(format!("no chain is {} blocks long", header.number));
        }
        let mut child = header;
        for parent in self.headers.iter().rev() {
            if parent.number.checked_add(1) != Some(child.number) || parent.hash_slow() != child.parent_hash {
                return Some(format!("header {} is not that of the parent of block {}", parent.number, child.number));
            }
            child = parent;
        }
        let first_hash = || if child.number == 0 { child.hash_slow() } else { self.genesis };
        (first_hash() != self.genesis).then(|| "block 0 is not the genesis".to_owned())
    }
}

/// With which block the chain in a store begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BaseRecord {
    /// Its height.
    pub number: u64,
    /// The hash of the chain's block 0.
    pub genesis: B256,
}

impl BaseRecord {
    /// The record, or none where the chain begins with its block 0.
    pub fn read(store: &dyn Store) -> Result<Option<Self>, StateError> {
        let Some(bytes) = store.get(keys::BASE)? else { return Ok(None) };
        let damaged = StateError::Damaged { what: "record of the first block" };
        let Some((number, genesis)) = bytes.split_first_chunk::<8>() else { return Err(damaged) };
        let Ok(genesis) = B256::try_from(genesis) else { return Err(damaged) };
        Ok(Some(Self { number: u64::from_be_bytes(*number), genesis }))
    }

    pub fn put(self, batch: &mut Batch) {
        batch.put(keys::BASE, [self.number.to_be_bytes().as_slice(), self.genesis.as_slice()].concat());
    }
}
