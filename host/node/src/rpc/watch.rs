//! Waits for transactions by reading every block from a height on, each exactly once.
//!
//! Blocks, not receipts, are asked for: so one round trip per block settles any number of transactions, and a transaction
//! that stood in two blocks would be seen twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use alloy_primitives::TxHash;

use super::{Rpc, RpcError, RpcReceipt, SignedTx};

/// How long between two looks at the head.
const POLL: Duration = Duration::from_millis(25);

/// Where a transaction was found.
#[derive(Clone, Debug)]
pub struct Included {
    /// Its block.
    pub block: u64,
    /// In how many places it was found: one, unless the chain is broken.
    pub times: u32,
}

/// Reads blocks and remembers where each transaction stood.
pub struct Watch {
    rpc: Rpc,
    next: u64,
    found: BTreeMap<TxHash, Included>,
}

impl Watch {
    /// Watches from the block after the head.
    pub async fn from_head(rpc: &Rpc) -> Result<Self, RpcError> {
        Ok(Self { rpc: rpc.clone(), next: rpc.block_number().await? + 1, found: BTreeMap::new() })
    }

    /// Where a transaction was found so far.
    pub fn found(&self, hash: &TxHash) -> Option<&Included> {
        self.found.get(hash)
    }

    /// Height of the last block that was read.
    pub fn height(&self) -> u64 {
        self.next - 1
    }

    /// Reads the blocks that came since; says whether there were any.
    pub async fn advance(&mut self) -> Result<bool, RpcError> {
        let mut came = false;
        while let Some(block) = self.rpc.block(self.next).await? {
            for hash in block.transactions.hashes() {
                let included = self.found.entry(hash).or_insert(Included { block: self.next, times: 0 });
                included.times += 1;
            }
            self.next += 1;
            came = true;
        }
        Ok(came)
    }

    /// Waits until all are in blocks.
    pub async fn included(&mut self, hashes: &[TxHash], within: Duration) -> Result<(), RpcError> {
        let began = Instant::now();
        loop {
            self.advance().await?;
            let missing = || hashes.iter().filter(|hash| !self.found.contains_key(*hash));
            let Some(first) = missing().next().copied() else { return Ok(()) };
            if began.elapsed() > within {
                let (sent, missing, seconds) = (hashes.len(), missing().count(), within.as_secs());
                return Err(RpcError::TimedOut { sent, missing, first, seconds });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the head is at `height`.
    pub async fn height_reached(&mut self, height: u64) -> Result<(), RpcError> {
        while self.height() < height {
            if !self.advance().await? {
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    /// Sends transactions, waits for them, and returns their receipts. All of them must succeed.
    pub async fn settle(&mut self, txs: &[SignedTx], within: Duration) -> Result<Vec<RpcReceipt>, RpcError> {
        let raw: Vec<_> = txs.iter().map(|tx| tx.raw.clone()).collect();
        self.rpc.send_many(&raw).await?;
        let hashes: Vec<_> = txs.iter().map(|tx| tx.hash).collect();
        self.receipts(&hashes, within).await
    }

    /// Waits for transactions that were sent, and returns their receipts in the same order. All of them must succeed.
    pub async fn receipts(&mut self, hashes: &[TxHash], within: Duration) -> Result<Vec<RpcReceipt>, RpcError> {
        self.included(hashes, within).await?;
        let blocks: BTreeSet<u64> = hashes.iter().filter_map(|hash| Some(self.found.get(hash)?.block)).collect();
        let mut receipts: BTreeMap<TxHash, RpcReceipt> = BTreeMap::new();
        for block in blocks {
            let all = self.rpc.block_receipts(block).await?;
            receipts.extend(all.into_iter().map(|receipt| (receipt.transaction_hash, receipt)));
        }
        let mut wanted = Vec::with_capacity(hashes.len());
        for hash in hashes {
            let receipt = receipts.get(hash).cloned().ok_or_else(|| RpcError::BadAnswer {
                what: "eth_getBlockReceipts".to_owned(),
                why: format!("{hash} is in a block but has no receipt"),
            })?;
            if !receipt.status() {
                let block = receipt.block_number.unwrap_or_default();
                return Err(RpcError::Failed { hash: *hash, block, why: self.rpc.why_failed(*hash, block).await });
            }
            wanted.push(receipt);
        }
        Ok(wanted)
    }
}
