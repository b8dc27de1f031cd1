//! A block with what came of it.

use std::sync::{Arc, OnceLock};

use alloy_consensus::{TxEnvelope, transaction::SignerRecoverable as _};
use alloy_primitives::{Address, Log};
use caldera_execution::senders_of;
use caldera_types::{SYSTEM_ADDRESS, SealedBlock, TxReceipt};

use crate::pool::PooledTx;

/// A committed block, its receipts and who sent its transactions, all in the same order.
#[derive(Clone, Debug)]
pub struct ExecutedBlock {
    /// The block.
    pub block: SealedBlock,
    /// One receipt for each transaction.
    pub receipts: Vec<TxReceipt>,
    /// Known from the start, or recovered once somebody asks.
    senders: OnceLock<Vec<Address>>,
}

impl ExecutedBlock {
    /// A block that was just executed.
    pub(crate) fn new(block: SealedBlock, receipts: Vec<TxReceipt>, senders: Vec<Address>) -> Self {
        Self { block, receipts, senders: senders.into() }
    }

    /// A block that was read back.
    pub(crate) fn read_back(block: SealedBlock, receipts: Vec<TxReceipt>) -> Self {
        Self { block, receipts, senders: OnceLock::new() }
    }

    /// The sender of each transaction; [`SYSTEM_ADDRESS`] for the chain's own. Recovering them takes longer than everything
    /// else that a block is read for, and who looks for logs does not need them.
    ///
    /// A committed block's signatures were checked when it was executed, so a sender that does not recover can only be the
    /// chain itself.
    pub fn senders(&self) -> &[Address] {
        self.senders.get_or_init(|| senders(&self.block.transactions))
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

/// The senders follow from the block.
impl PartialEq for ExecutedBlock {
    fn eq(&self, other: &Self) -> bool {
        self.block == other.block && self.receipts == other.receipts
    }
}

impl Eq for ExecutedBlock {}

fn senders(transactions: &[TxEnvelope]) -> Vec<Address> {
    let sender = |(sender, tx): (Result<_, _>, &TxEnvelope)| {
        // Before Homestead a signature's twin counted too.
        sender.or_else(|_| tx.recover_signer_unchecked()).unwrap_or(SYSTEM_ADDRESS)
    };
    senders_of(transactions).into_iter().zip(transactions).map(sender).collect()
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
