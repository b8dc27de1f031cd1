//! Transactions: finding them, their receipts, and taking new ones.

use alloy_consensus::{TxEnvelope, TxType};
use alloy_eips::{BlockId, eip2718::Decodable2718};
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_eth::{Index, Transaction};
use caldera_chain::{Accepted, FoundTransaction};
use jsonrpsee_core::RegisterMethodError;

use super::blocks::{by_hash, by_number};
use crate::{
    args::Args,
    context::ChainApi,
    convert::{self, Receipt},
    errors::{Reply, RpcError},
    module::Module,
};

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.blocking("eth_getTransactionByHash", |api, args| by_tx_hash(api, args.next("transaction hash")?))?;
    module.blocking("eth_getRawTransactionByHash", |api, args| raw(api, args.next("transaction hash")?))?;
    module.blocking("eth_getTransactionByBlockNumberAndIndex", |api, args| at_index(api, by_number(args)?, args))?;
    module.blocking("eth_getTransactionByBlockHashAndIndex", |api, args| at_index(api, by_hash(args)?, args))?;
    module.blocking("eth_getTransactionReceipt", |api, args| receipt(api, args.next("transaction hash")?))?;
    module.accepting("eth_sendRawTransaction", |api, args| send(api, args.next("transaction")?))
}

fn by_tx_hash(api: &ChainApi, hash: B256) -> Reply<Option<Transaction>> {
    Ok(api.chain.transaction(hash)?.and_then(|found| match found {
        FoundTransaction::Mined { block, index } => convert::mined(&block, index),
        FoundTransaction::Pending(pooled) => Some(convert::pending(&pooled)),
    }))
}

fn raw(api: &ChainApi, hash: B256) -> Reply<Option<Bytes>> {
    Ok(api.chain.transaction(hash)?.and_then(|found| match found {
        FoundTransaction::Mined { block, index } => block.block.transactions.get(index).map(convert::raw),
        FoundTransaction::Pending(pooled) => Some(convert::raw(&pooled.tx)),
    }))
}

fn at_index(api: &ChainApi, block: BlockId, args: &mut Args<'_>) -> Reply<Option<Transaction>> {
    let index: Index = args.next("transaction index")?;
    Ok(api.block(block)?.and_then(|block| convert::mined(&block, index.0)))
}

fn receipt(api: &ChainApi, hash: B256) -> Reply<Option<Receipt>> {
    Ok(match api.chain.transaction(hash)? {
        Some(FoundTransaction::Mined { block, index }) => convert::receipt(&block, index),
        Some(FoundTransaction::Pending(_)) | None => None,
    })
}

fn send(api: &ChainApi, raw: Bytes) -> Reply<Accepted> {
    Ok(api.chain.accept(decode(&raw)?, Vec::new())?)
}

/// Reads a signed transaction (EIP-2718); whether this chain takes it is the pool's question. Blob transactions are
/// refused by name.
pub(crate) fn decode(raw: &[u8]) -> Reply<TxEnvelope> {
    // By its first byte, since a blob transaction travels in another form than it is signed in.
    if raw.first() == Some(&(TxType::Eip4844 as u8)) {
        let why = "transaction type not supported: blob transactions (EIP-4844) have no place on this chain";
        return Err(RpcError::Refused(why.into()));
    }
    TxEnvelope::decode_2718_exact(raw)
        .map_err(|error| RpcError::InvalidParams(format!("the bytes are no signed transaction: {error}")))
}
