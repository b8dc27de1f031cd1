//! Blocks, transactions, receipts and logs in the shapes of the execution-apis.

use alloy_consensus::{BlockBody, Header, Sealed, Transaction as _, TxEnvelope, transaction::Recovered};
use alloy_eips::{BlockNumHash, Encodable2718};
use alloy_primitives::{Address, Bytes, U256};
use alloy_rpc_types_eth::{
    Block, BlockTransactions, Filter, Header as RpcHeader, Log, Transaction, TransactionReceipt,
};
use caldera_chain::{Chain, ExecutedBlock, PooledTx};
use serde::Serialize;

/// A receipt; `calderaFault` names the fault of the engine that halted the transaction, and stands only there.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Receipt {
    #[serde(flatten)]
    pub(crate) inner: TransactionReceipt,
    #[serde(rename = "calderaFault", skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<&'static str>,
}

/// A block, with whole transactions or their hashes.
pub(crate) fn block(executed: &ExecutedBlock, full: bool) -> Block {
    let sealed = &executed.block;
    let transactions = if full {
        BlockTransactions::Full((0..sealed.transactions.len()).filter_map(|index| mined(executed, index)).collect())
    } else {
        BlockTransactions::Hashes(sealed.transactions.iter().map(|tx| *tx.tx_hash()).collect())
    };
    let alloy_consensus::Block { header, body } = sealed.to_ethereum();
    let size = alloy_consensus::Block::rlp_length_for(&header, &body);
    let header = Sealed::new_unchecked(header, sealed.hash());
    let header = RpcHeader::from_consensus(header, None, Some(U256::from(size)));
    let uncles = body.ommers.iter().map(Header::hash_slow).collect();
    Block { header, uncles, transactions, withdrawals: body.withdrawals }
}

/// Headers of the uncles of a block: only blocks that another client made have any.
pub(crate) fn uncles(executed: &ExecutedBlock) -> &[Header] {
    executed.block.ethereum.as_ref().map_or(&[], |body| &body.ommers)
}

/// An uncle as a block: its body is not known.
pub(crate) fn uncle(header: &Header) -> Block {
    let size = alloy_consensus::Block::rlp_length_for(header, &BlockBody::<TxEnvelope>::default());
    let header = RpcHeader::from_consensus(Sealed::new(header.clone()), None, Some(U256::from(size)));
    Block { header, uncles: Vec::new(), transactions: BlockTransactions::Uncle, withdrawals: None }
}

/// A header as `newHeads` shows it.
pub(crate) fn header(executed: &ExecutedBlock) -> RpcHeader<Header> {
    RpcHeader::from_sealed(Sealed::new_unchecked(executed.block.header.clone(), executed.block.hash()))
}

/// The transaction at an index of a block, or none past the last.
pub(crate) fn mined(executed: &ExecutedBlock, index: usize) -> Option<Transaction> {
    let sealed = &executed.block;
    let tx = sealed.transactions.get(index)?;
    let price = tx.effective_gas_price(sealed.header.base_fee_per_gas);
    Some(Transaction {
        inner: Recovered::new_unchecked(tx.clone(), sender(executed, index)?),
        block_hash: Some(sealed.hash()),
        block_number: Some(sealed.header.number),
        transaction_index: Some(index as u64),
        effective_gas_price: Some(executed.receipts.get(index).map_or(price, |receipt| receipt.effective_gas_price)),
        block_timestamp: Some(sealed.header.timestamp),
    })
}

/// A transaction that waits in the pool.
pub(crate) fn pending(pooled: &PooledTx) -> Transaction {
    Transaction {
        inner: Recovered::new_unchecked(pooled.tx.clone(), pooled.sender),
        block_hash: None,
        block_number: None,
        transaction_index: None,
        effective_gas_price: Some(pooled.tx.max_fee_per_gas()),
        block_timestamp: None,
    }
}

/// A transaction that no block has, with every field that says so.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Waiting {
    #[serde(flatten)]
    inner: Transaction,
    /// Null. The library leaves it out.
    block_timestamp: (),
}

/// A transaction that waits in the pool, for who asks for it by name.
pub(crate) fn waiting(pooled: &PooledTx) -> Waiting {
    Waiting { inner: pending(pooled), block_timestamp: () }
}

/// The receipt of the transaction at an index of a block, or none past the last.
pub(crate) fn receipt(chain: &Chain, executed: &ExecutedBlock, index: usize) -> Option<Receipt> {
    let earlier_logs = executed.receipts.iter().take(index).map(|receipt| receipt.logs().len()).sum();
    receipt_after(chain, executed, index, earlier_logs)
}

/// Every receipt of a block, in order.
pub(crate) fn receipts(chain: &Chain, executed: &ExecutedBlock) -> Vec<Receipt> {
    let mut earlier_logs = 0;
    let mut receipts = Vec::with_capacity(executed.receipts.len());
    for (index, stored) in executed.receipts.iter().enumerate() {
        receipts.extend(receipt_after(chain, executed, index, earlier_logs));
        earlier_logs += stored.logs().len();
    }
    receipts
}

fn receipt_after(chain: &Chain, executed: &ExecutedBlock, index: usize, earlier_logs: usize) -> Option<Receipt> {
    let sealed = &executed.block;
    let tx = sealed.transactions.get(index)?;
    let stored = executed.receipts.get(index)?;
    let mut log_index = earlier_logs as u64;
    let inner = stored.consensus.clone().map_logs(|inner| {
        log_index += 1;
        Log {
            inner,
            block_hash: Some(sealed.hash()),
            block_number: Some(sealed.header.number),
            block_timestamp: Some(sealed.header.timestamp),
            transaction_hash: Some(*tx.tx_hash()),
            transaction_index: Some(index as u64),
            log_index: Some(log_index - 1),
            removed: false,
        }
    });
    let inner = TransactionReceipt {
        inner,
        transaction_hash: *tx.tx_hash(),
        transaction_index: Some(index as u64),
        block_hash: Some(sealed.hash()),
        block_number: Some(sealed.header.number),
        gas_used: stored.gas_used,
        effective_gas_price: stored.effective_gas_price,
        blob_gas_used: tx.blob_gas_used(),
        blob_gas_price: tx.blob_gas_used().map(|_| chain.blob_market(&sealed.header).fee),
        from: sender(executed, index)?,
        to: tx.to(),
        contract_address: stored.contract_address,
    };
    Some(Receipt { inner, fault: stored.fault.map(|fault| fault.name()) })
}

/// The logs of a block that a filter lets through. The filter's own block range is not looked at here.
pub(crate) fn logs(executed: &ExecutedBlock, filter: &Filter) -> Vec<Log> {
    let sealed = &executed.block;
    if !filter.matches_bloom(sealed.header.logs_bloom) {
        return Vec::new();
    }
    let everywhere = Filter { block_option: Default::default(), ..filter.clone() };
    let place = BlockNumHash { number: sealed.header.number, hash: sealed.hash() };
    let receipts = sealed.transactions.iter().map(|tx| *tx.tx_hash());
    let receipts = receipts.zip(executed.receipts.iter().map(|receipt| &receipt.consensus));
    everywhere.matching_block_logs(place, sealed.header.timestamp, receipts, false)
}

/// Who sent the transaction at an index: the system address for the chain's own.
fn sender(executed: &ExecutedBlock, index: usize) -> Option<Address> {
    executed.senders().get(index).copied()
}

/// A transaction as it was signed, for `eth_getRawTransactionByHash`.
pub(crate) fn raw(tx: &TxEnvelope) -> Bytes {
    tx.encoded_2718().into()
}
