//! What a node acknowledged: a receipt that was seen is a promise.

use std::collections::BTreeMap;

use alloy_primitives::{B256, TxHash};
use caldera_node::rpc::RpcReceipt;
use caldera_types::SealedBlock;

/// Where an acknowledged transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Height of its block.
    pub number: u64,
    /// Hash of its block.
    pub hash: B256,
    /// Whether it succeeded.
    pub succeeded: bool,
}

/// The promises of one chain.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    acknowledged: BTreeMap<TxHash, Place>,
    /// The highest head that was seen.
    pub head: u64,
}

impl Ledger {
    /// Remembers a receipt.
    pub fn acknowledge(&mut self, receipt: &RpcReceipt) {
        let number = receipt.block_number.expect("a receipt has a block");
        let hash = receipt.block_hash.expect("a receipt has a block");
        let place = Place { number, hash, succeeded: receipt.status() };
        let before = self.acknowledged.insert(receipt.transaction_hash, place);
        assert!(before.is_none_or(|before| before == place), "{before:?} became {place:?}");
        self.head = self.head.max(number);
    }

    /// How many transactions were acknowledged.
    pub fn len(&self) -> usize {
        self.acknowledged.len()
    }

    /// The newest promises.
    pub fn last(&self, count: usize) -> Vec<(TxHash, Place)> {
        let mut all: Vec<_> = self.acknowledged.iter().map(|(hash, place)| (*hash, *place)).collect();
        all.sort_by_key(|(_, place)| std::cmp::Reverse(place.number));
        all.truncate(count);
        all
    }

    /// Every promise is kept by these blocks, and nothing stands in them twice.
    pub fn check(&self, blocks: &[SealedBlock]) {
        let mut found: BTreeMap<TxHash, B256> = BTreeMap::new();
        for block in blocks {
            for tx in &block.transactions {
                // The chain's own transactions of different blocks may look alike.
                let repeated = found.insert(*tx.tx_hash(), block.hash());
                let own = caldera_types::is_system_transaction(tx);
                assert!(own || repeated.is_none(), "{} stands in two blocks", tx.tx_hash());
            }
        }
        let last = blocks.last().map_or(0, |block| block.header.number);
        assert!(last >= self.head, "head {last} after {} was seen", self.head);
        for (hash, place) in &self.acknowledged {
            assert_eq!(found.get(hash), Some(&place.hash), "{hash} was acknowledged in block {}", place.number);
        }
    }
}
