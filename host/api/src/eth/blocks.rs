//! Blocks and what stands in them. A block that does not exist is null, as the specification says.

use std::sync::Arc;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, U64};
use alloy_rpc_types_eth::{Block, Index};
use caldera_chain::ExecutedBlock;
use jsonrpsee_core::RegisterMethodError;

use crate::{
    args::Args,
    context::ChainApi,
    convert::{self, Receipt},
    errors::Reply,
    methods::{
        Param,
        param::{BLOCK_HASH, BLOCK_NUMBER, UNCLE_INDEX},
    },
    module::Module,
};

const FULL: Param = Param::optional("whole transactions", "Flag");

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let block_number = "Height of the newest block.";
    module.quick("eth_blockNumber", block_number, &[], "Quantity", |api, _| Ok(U64::from(api.head_number())))?;
    let about = "A block, with whole transactions or their hashes; null if there is none.";
    module.blocking("eth_getBlockByNumber", about, &[BLOCK_NUMBER, FULL], "BlockOrNull", |api, args| {
        whole(api, by_number(args)?, args)
    })?;
    module.blocking("eth_getBlockByHash", about, &[BLOCK_HASH, FULL], "BlockOrNull", |api, args| {
        whole(api, by_hash(args)?, args)
    })?;
    let about = "How many transactions a block has; null if there is no such block.";
    let (by_number_name, by_hash_name) = ("eth_getBlockTransactionCountByNumber", "eth_getBlockTransactionCountByHash");
    module
        .blocking(by_number_name, about, &[BLOCK_NUMBER], "QuantityOrNull", |api, args| count(api, by_number(args)?))?;
    module.blocking(by_hash_name, about, &[BLOCK_HASH], "QuantityOrNull", |api, args| count(api, by_hash(args)?))?;
    let about = "How many uncles a block has: none, unless another client made it; null if there is no such block.";
    let (by_number_name, by_hash_name) = ("eth_getUncleCountByBlockNumber", "eth_getUncleCountByBlockHash");
    module.blocking(by_number_name, about, &[BLOCK_NUMBER], "QuantityOrNull", |api, args| {
        uncles(api, by_number(args)?)
    })?;
    module.blocking(by_hash_name, about, &[BLOCK_HASH], "QuantityOrNull", |api, args| uncles(api, by_hash(args)?))?;
    let about = "An uncle of a block; null if there is none, as in every block that this node made.";
    let (by_number_name, by_hash_name) = ("eth_getUncleByBlockNumberAndIndex", "eth_getUncleByBlockHashAndIndex");
    module.blocking(by_number_name, about, &[BLOCK_NUMBER, UNCLE_INDEX], "BlockOrNull", |api, args| {
        uncle(api, by_number(args)?, args)
    })?;
    module.blocking(by_hash_name, about, &[BLOCK_HASH, UNCLE_INDEX], "BlockOrNull", |api, args| {
        uncle(api, by_hash(args)?, args)
    })?;
    let about = "Every receipt of a block, in order; null if there is no such block.";
    let block = const { &[Param::new("block", "BlockId")] };
    module.blocking("eth_getBlockReceipts", about, block, "ReceiptsOrNull", |api, args| receipts(api, args.next()?))
}

/// The block that a call names by number or tag.
pub(crate) fn by_number(args: &mut Args<'_>) -> Reply<BlockId> {
    Ok(BlockId::Number(args.next::<BlockNumberOrTag>()?))
}

/// The block that a call names by hash.
pub(crate) fn by_hash(args: &mut Args<'_>) -> Reply<BlockId> {
    Ok(BlockId::from(args.next::<B256>()?))
}

fn uncle(api: &ChainApi, block: BlockId, args: &mut Args<'_>) -> Reply<Option<Block>> {
    let Index(index) = args.next()?;
    let block = api.block(block)?;
    Ok(block.and_then(|block| convert::uncles(&block).get(index).map(convert::uncle)))
}

fn whole(api: &ChainApi, block: BlockId, args: &mut Args<'_>) -> Reply<Option<Block>> {
    let full = args.next::<Option<bool>>()?.unwrap_or(false);
    Ok(api.block(block)?.map(|block| convert::block(&block, full)))
}

fn count(api: &ChainApi, block: BlockId) -> Reply<Option<U64>> {
    map(api, block, |block| U64::from(block.block.transactions.len()))
}

fn uncles(api: &ChainApi, block: BlockId) -> Reply<Option<U64>> {
    map(api, block, |block| U64::from(convert::uncles(&block).len()))
}

fn receipts(api: &ChainApi, block: BlockId) -> Reply<Option<Vec<Receipt>>> {
    map(api, block, |block| convert::receipts(&api.chain, &block))
}

fn map<T>(api: &ChainApi, block: BlockId, show: impl FnOnce(Arc<ExecutedBlock>) -> T) -> Reply<Option<T>> {
    Ok(api.block(block)?.map(show))
}
