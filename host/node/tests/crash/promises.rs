//! What a node promised over many lives: accepted transactions, and receipts.

use std::collections::BTreeSet;

use alloy_primitives::TxHash;
use caldera_node::rpc::{Rpc, RpcReceipt};
use caldera_types::SealedBlock;
use jsonrpsee_core::rpc_params;
use serde_json::Value;

use crate::rig::Ledger;

/// Blocks after a restart within which what was accepted before it is in one.
const SOON: u64 = 3;

/// The promises of one chain.
#[derive(Debug, Default)]
pub struct Promises {
    /// Receipts that were seen.
    pub receipts: Ledger,
    /// What was accepted, in all.
    pub accepted: usize,
    /// What of it is in no block yet.
    pub open: BTreeSet<TxHash>,
    /// How often a transaction was in no block when the node died.
    pub waited: usize,
}

impl Promises {
    /// An answer to `eth_sendRawTransaction`.
    pub fn accept(&mut self, hash: TxHash) {
        self.accepted += 1;
        self.open.insert(hash);
    }

    /// An answer to `eth_sendRawTransactionSync`.
    pub fn receive(&mut self, receipt: &RpcReceipt) {
        self.accepted += 1;
        self.receipts.acknowledge(receipt);
    }

    /// A node that was started again knows everything: what is in no block waits again, and the newest receipts are the same.
    pub async fn are_known(&self, rpc: &Rpc) {
        let hashes: Vec<_> = self.open.iter().map(|hash| rpc_params![hash]).collect();
        let found: Vec<Value> = rpc.batch("eth_getTransactionByHash", &hashes).await.expect("the node answers");
        for (hash, found) in self.open.iter().zip(found) {
            assert!(!found.is_null(), "{hash} was accepted and is not known any more");
        }
        let last = self.receipts.last(50);
        let hashes: Vec<_> = last.iter().map(|(hash, _)| *hash).collect();
        let receipts = rpc.receipts(&hashes).await.expect("the node answers");
        for ((hash, place), receipt) in last.into_iter().zip(receipts) {
            let receipt = receipt.unwrap_or_else(|| panic!("{hash} has no receipt any more"));
            assert_eq!((receipt.block_hash, receipt.status()), (Some(place.hash), place.succeeded), "{hash}");
        }
    }

    /// Holds the blocks of a dead node against the promises. `since` is the head when it was started, if it was ready, with
    /// what was open then.
    pub fn check(&mut self, blocks: &[SealedBlock], since: Option<(u64, &BTreeSet<TxHash>)>) {
        self.receipts.check(blocks);
        for tx in blocks.iter().flat_map(|block| &block.transactions) {
            self.open.remove(tx.tx_hash());
        }
        let last = blocks.last().map_or(0, |block| block.header.number);
        if let Some((start, before)) = since
            && last >= start + SOON
        {
            let late = before.intersection(&self.open).next();
            assert_eq!(late, None, "accepted before block {start} and in no block up to {last}");
        }
        self.waited += self.open.len();
    }
}
