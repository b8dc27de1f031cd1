//! A block with what came of it.

use std::sync::Arc;

use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, Log};
use caldera_execution::sender_of;
use caldera_types::{SYSTEM_ADDRESS, SealedBlock, TxReceipt};

use crate::pool::PooledTx;

/// A committed block, its receipts and who sent its transactions, all in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutedBlock {
    /// The block.
    pub block: SealedBlock,
    /// One receipt for each transaction.
    pub receipts: Vec<TxReceipt>,
    /// The sender of each transaction; [`SYSTEM_ADDRESS`] for the chain's own.
    pub senders: Vec<Address>,
}

impl ExecutedBlock {
    /// Recovers the senders of a block that was read back. A committed block's signatures were checked when it was
    /// executed, so a sender that does not recover can only be the chain itself.
    pub(crate) fn recovered(block: SealedBlock, receipts: Vec<TxReceipt>) -> Self {
        let senders = block.transactions.iter().map(sender).collect();
        Self { block, receipts, senders }
    }

    /// Height.
    pub fn number(&self) -> u64 {
        self.block.header.number
    }

    /// The logs of the block with the index of their transaction, in order.
    pub fn logs(&self) -> impl Iterator<Item = (usize, &Log)> {
        self.receipts.iter().enumerate().flat_map(|(index, receipt)| receipt.logs().iter().map(move |log| (index, log)))
    }
}

fn sender(tx: &TxEnvelope) -> Address {
    sender_of(tx).unwrap_or(SYSTEM_ADDRESS)
}

/// Where a transaction was found.
#[derive(Clone, Debug)]
pub enum FoundTransaction {
    /// In a block.
    Mined {
        /// The block.
        block: Arc<ExecutedBlock>,
        /// Its place there.
        index: usize,
    },
    /// In the pool.
    Pending(Arc<PooledTx>),
}
