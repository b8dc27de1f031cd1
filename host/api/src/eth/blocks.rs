//! Blocks and what stands in them. A block that does not exist is null, as the specification says.

use std::sync::Arc;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, U64};
use alloy_rpc_types_eth::Block;
use caldera_chain::ExecutedBlock;
use jsonrpsee_core::RegisterMethodError;

use crate::{
    args::Args,
    context::ChainApi,
    convert::{self, Receipt},
    errors::Reply,
    module::Module,
};

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.quick("eth_blockNumber", |api, _| Ok(U64::from(api.head_number())))?;
    module.blocking("eth_getBlockByNumber", |api, args| whole(api, by_number(args)?, args))?;
    module.blocking("eth_getBlockByHash", |api, args| whole(api, by_hash(args)?, args))?;
    module.blocking("eth_getBlockTransactionCountByNumber", |api, args| count(api, by_number(args)?))?;
    module.blocking("eth_getBlockTransactionCountByHash", |api, args| count(api, by_hash(args)?))?;
    module.blocking("eth_getUncleCountByBlockNumber", |api, args| uncles(api, by_number(args)?))?;
    module.blocking("eth_getUncleCountByBlockHash", |api, args| uncles(api, by_hash(args)?))?;
    module.blocking("eth_getBlockReceipts", |api, args| receipts(api, args.next("block")?))
}

/// The block that a call names by number or tag.
pub(super) fn by_number(args: &mut Args<'_>) -> Reply<BlockId> {
    Ok(BlockId::Number(args.next::<BlockNumberOrTag>("block")?))
}

/// The block that a call names by hash.
pub(super) fn by_hash(args: &mut Args<'_>) -> Reply<BlockId> {
    Ok(BlockId::from(args.next::<B256>("block hash")?))
}

fn whole(api: &ChainApi, block: BlockId, args: &mut Args<'_>) -> Reply<Option<Block>> {
    let full = args.optional("whole transactions")?.unwrap_or(false);
    Ok(api.block(block)?.map(|block| convert::block(&block, full)))
}

fn count(api: &ChainApi, block: BlockId) -> Reply<Option<U64>> {
    map(api, block, |block| U64::from(block.block.transactions.len()))
}

fn uncles(api: &ChainApi, block: BlockId) -> Reply<Option<U64>> {
    map(api, block, |_| U64::ZERO)
}

fn receipts(api: &ChainApi, block: BlockId) -> Reply<Option<Vec<Receipt>>> {
    map(api, block, |block| convert::receipts(&block))
}

fn map<T>(api: &ChainApi, block: BlockId, show: impl FnOnce(Arc<ExecutedBlock>) -> T) -> Reply<Option<T>> {
    Ok(api.block(block)?.map(show))
}
