//! Blocks, headers, receipts and transactions in their consensus encoding.

use alloy_eips::{BlockId, Encodable2718};
use alloy_primitives::{B256, Bytes};
use caldera_chain::{ExecutedBlock, FoundTransaction};
use jsonrpsee_core::RegisterMethodError;

use crate::{
    args::Args,
    context::ChainApi,
    convert,
    errors::{Reply, RpcError},
    methods::{Param, param::TRANSACTION_HASH},
    module::Module,
};

const BLOCK: Param = Param::new("block", "BlockId");

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "RLP of a block; the sidecar, which Ethereum's blocks have not, is left out.";
    module.blocking("debug_getRawBlock", about, &[BLOCK], "Bytes", |api, args| of_block(api, args, block))?;
    let about = "RLP of a header.";
    module.blocking("debug_getRawHeader", about, &[BLOCK], "Bytes", |api, args| {
        of_block(api, args, |block| Bytes::from(alloy_rlp::encode(&block.block.header)))
    })?;
    let about = "A block's receipts, each as the receipts root commits to it.";
    module.blocking("debug_getRawReceipts", about, &[BLOCK], "BytesList", |api, args| {
        of_block(api, args, |block| {
            let receipts = block.receipts.iter().map(|receipt| receipt.consensus.encoded_2718().into());
            receipts.collect::<Vec<Bytes>>()
        })
    })?;
    let about = "A transaction as it was signed; null if there is none.";
    module.blocking("debug_getRawTransaction", about, &[TRANSACTION_HASH], "BytesOrNull", |api, args| {
        transaction(api, args.next()?)
    })
}

fn of_block<T>(api: &ChainApi, args: &mut Args<'_>, show: impl FnOnce(&ExecutedBlock) -> T) -> Reply<T> {
    let block: BlockId = args.next()?;
    let number = api.existing(Some(block))?;
    let block = api.chain.block(number)?.ok_or_else(|| RpcError::NoBlock(number.to_string()))?;
    Ok(show(&block))
}

fn block(executed: &ExecutedBlock) -> Bytes {
    alloy_rlp::encode(executed.block.to_ethereum()).into()
}

fn transaction(api: &ChainApi, hash: B256) -> Reply<Option<Bytes>> {
    Ok(api.chain.transaction(hash)?.and_then(|found| match found {
        FoundTransaction::Mined { block, index } => block.block.transactions.get(index).map(convert::raw),
        FoundTransaction::Pending(pooled) => Some(convert::raw(&pooled.tx)),
    }))
}
