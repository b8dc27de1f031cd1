//! Transactions: finding them, their receipts, and taking new ones.

use alloy_consensus::{TxEnvelope, TxLegacy, TxType, transaction::RlpEcdsaDecodableTx as _};
use alloy_eips::{BlockId, eip2718::Decodable2718};
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_eth::{Index, Transaction};
use caldera_chain::FoundTransaction;
use jsonrpsee_core::RegisterMethodError;
use serde::Serialize;

use super::blocks::{by_hash, by_number};
use crate::{
    args::Args,
    context::ChainApi,
    convert::{self, Receipt, Waiting},
    errors::{Reply, RpcError},
    methods::param::{BLOCK_HASH, BLOCK_NUMBER, RAW_TRANSACTION, TRANSACTION_HASH, TRANSACTION_INDEX},
    module::Module,
};

/// Takes a signed transaction into the pool.
pub(crate) const SEND_RAW_TRANSACTION: &str = "eth_sendRawTransaction";

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let by_hash_params = &[TRANSACTION_HASH];
    let about = "A transaction in a block or in the pool; null if it is in neither.";
    module.blocking("eth_getTransactionByHash", about, by_hash_params, "TransactionOrNull", |api, args| {
        by_tx_hash(api, args.next()?)
    })?;
    let about = "A transaction as it was signed (EIP-2718); null if there is none.";
    module.blocking("eth_getRawTransactionByHash", about, by_hash_params, "BytesOrNull", |api, args| {
        raw(api, args.next()?)
    })?;
    let (number, hash) = (&[BLOCK_NUMBER, TRANSACTION_INDEX], &[BLOCK_HASH, TRANSACTION_INDEX]);
    let (by_number_name, by_hash_name) =
        ("eth_getRawTransactionByBlockNumberAndIndex", "eth_getRawTransactionByBlockHashAndIndex");
    module.blocking(by_number_name, about, number, "BytesOrNull", |api, args| raw_at(api, by_number(args)?, args))?;
    module.blocking(by_hash_name, about, hash, "BytesOrNull", |api, args| raw_at(api, by_hash(args)?, args))?;
    let about = "The transaction at an index of a block; null if there is none.";
    let (by_number_name, by_hash_name) =
        ("eth_getTransactionByBlockNumberAndIndex", "eth_getTransactionByBlockHashAndIndex");
    module.blocking(by_number_name, about, number, "TransactionOrNull", |api, args| {
        at_index(api, by_number(args)?, args)
    })?;
    module.blocking(by_hash_name, about, hash, "TransactionOrNull", |api, args| at_index(api, by_hash(args)?, args))?;
    let about = "A transaction's receipt; null until it is in a block.";
    module.blocking("eth_getTransactionReceipt", about, by_hash_params, "ReceiptOrNull", |api, args| {
        receipt(api, args.next()?)
    })?;
    let about = "Takes a signed transaction into the pool.";
    module.accepting(SEND_RAW_TRANSACTION, about, &[RAW_TRANSACTION], |args| decode(&args.next::<Bytes>()?))
}

/// In a block or in the pool.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Shown {
    Mined(Transaction),
    Waiting(Waiting),
}

fn by_tx_hash(api: &ChainApi, hash: B256) -> Reply<Option<Shown>> {
    Ok(api.chain.transaction(hash)?.and_then(|found| match found {
        FoundTransaction::Mined { block, index } => convert::mined(&block, index).map(Shown::Mined),
        FoundTransaction::Pending(pooled) => Some(Shown::Waiting(convert::waiting(&pooled))),
    }))
}

fn raw(api: &ChainApi, hash: B256) -> Reply<Option<Bytes>> {
    Ok(api.chain.transaction(hash)?.and_then(|found| match found {
        FoundTransaction::Mined { block, index } => block.block.transactions.get(index).map(convert::raw),
        FoundTransaction::Pending(pooled) => Some(convert::raw(&pooled.tx)),
    }))
}

fn at_index(api: &ChainApi, block: BlockId, args: &mut Args<'_>) -> Reply<Option<Transaction>> {
    let index: Index = args.next()?;
    Ok(api.block(block)?.and_then(|block| convert::mined(&block, index.0)))
}

fn raw_at(api: &ChainApi, block: BlockId, args: &mut Args<'_>) -> Reply<Option<Bytes>> {
    let index: Index = args.next()?;
    Ok(api.block(block)?.and_then(|block| block.block.transactions.get(index.0).map(convert::raw)))
}

fn receipt(api: &ChainApi, hash: B256) -> Reply<Option<Receipt>> {
    Ok(match api.chain.transaction(hash)? {
        Some(FoundTransaction::Mined { block, index }) => convert::receipt(&api.chain, &block, index),
        Some(FoundTransaction::Pending(_)) | None => None,
    })
}

/// Reads a signed transaction (EIP-2718); whether this chain takes it is the pool's question. Blob transactions are
/// refused by name.
pub(crate) fn decode(raw: &[u8]) -> Reply<TxEnvelope> {
    // By its first byte, since a blob transaction travels in another form than it is signed in.
    if raw.first() == Some(&(TxType::Eip4844 as u8)) {
        let why = "transaction type not supported: blob transactions (EIP-4844) have no place on this chain";
        return Err(RpcError::Refused(why.into()));
    }
    let wrong = |why: String| RpcError::InvalidParams(format!("the bytes are no signed transaction: {why}"));
    match raw.first() {
        None => Err(wrong("there are none".into())),
        // A list is a transaction without a type. The general decoder would name the type that it has not.
        Some(0xc0..) => {
            let mut rest = raw;
            let signed = TxLegacy::rlp_decode_signed(&mut rest).map_err(|error| wrong(error.to_string()))?;
            if rest.is_empty() { Ok(signed.into()) } else { Err(wrong("there are bytes behind it".into())) }
        }
        Some(_) => TxEnvelope::decode_2718_exact(raw).map_err(|error| wrong(error.to_string())),
    }
}
