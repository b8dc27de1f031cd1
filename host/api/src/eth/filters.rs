//! Filters: what clients without a WebSocket ask for changes again and again.
//!
//! A filter is a place in the chain from which the next answer starts: behind what an answer had room for, and back where it was
//! when there was none.

use std::{ops::RangeInclusive, sync::Arc};

use alloy_rpc_types_eth::{Filter, FilterChanges, Log};
use caldera_chain::PooledTx;
use jsonrpsee_core::RegisterMethodError;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use super::{installed::Kind, logs};
use crate::{
    context::ChainApi,
    convert,
    errors::{Reply, RpcError},
    methods::{
        Param,
        param::{FILTER, FILTER_ID},
    },
    module::Module,
};

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Installs a filter that tells of new blocks.";
    module.quick("eth_newBlockFilter", about, &[], "Quantity", |api, args| {
        api.filters.install(Kind::Blocks { from: api.head_number() + 1 }, args.connection)
    })?;
    let about = "Installs a filter that tells of transactions that come into the pool: their hashes, or whole.";
    let params = const { &[Param::optional("whole transactions", "Flag")] };
    module.quick("eth_newPendingTransactionFilter", about, params, "Quantity", |api, args| {
        let full = args.next::<Option<bool>>()?.unwrap_or(false);
        api.filters.install(Kind::Pending { entered: api.chain.pending(), full }, args.connection)
    })?;
    let about = "Installs a filter that tells of new logs.";
    module.quick("eth_newFilter", about, &[FILTER], "Quantity", |api, args| {
        let filter: Box<Filter> = args.next()?;
        logs::check_values(&filter, &api.limits)?;
        if filter.get_block_hash().is_some() {
            return Err(RpcError::InvalidParams("a filter for changes cannot name a block hash".into()));
        }
        if let (Some(from), Some(to)) = (filter.get_from_block(), filter.get_to_block())
            && from > to
        {
            return Err(RpcError::InvalidParams(format!("block range begins at {from} and ends at {to}")));
        }
        let from = (api.head_number() + 1).max(filter.get_from_block().unwrap_or(0));
        api.filters.install(Kind::Logs { filter, from }, args.connection)
    })?;
    let about = "Takes a filter away; whether it was there.";
    module.quick("eth_uninstallFilter", about, &[FILTER_ID], "Flag", |api, args| {
        Ok(api.filters.remove(&args.next::<String>()?))
    })?;
    let about = "What a filter has to tell since it was asked last.";
    module.blocking("eth_getFilterChanges", about, &[FILTER_ID], "FilterChanges", |api, args| {
        changes(api, &args.next::<String>()?)
    })?;
    let about = "Every log that a log filter lets through.";
    module
        .blocking("eth_getFilterLogs", about, &[FILTER_ID], "Logs", |api, args| all_logs(api, &args.next::<String>()?))
}

/// What an answer covers, taken from the filter in one step, so that two clients with one filter see a thing once.
enum Due {
    Blocks(RangeInclusive<u64>),
    Logs(Box<Filter>, RangeInclusive<u64>),
    Pending { txs: Vec<Arc<PooledTx>>, full: bool },
}

fn changes(api: &ChainApi, id: &str) -> Reply<FilterChanges> {
    let head = api.head_number();
    let due = api.filters.with(id, |kind| match kind {
        Kind::Blocks { from } => Due::Blocks(advance(from, head)),
        Kind::Logs { filter, from } => {
            let last = filter.get_to_block().unwrap_or(head).min(head);
            Due::Logs(filter.clone(), advance(from, last))
        }
        Kind::Pending { entered, full } => Due::Pending { txs: drain(entered), full: *full },
    })?;
    Ok(match due {
        Due::Blocks(heights) => {
            let first = *heights.start();
            let hash = |number| api.chain.header(number).map(|header| header.map(|(hash, _)| hash)).transpose();
            let hashes = heights.filter_map(hash).collect::<Result<_, _>>();
            FilterChanges::Hashes(hashes.inspect_err(|_| api.filters.put_back(id, first))?)
        }
        Due::Logs(filter, heights) => {
            let (first, last) = (*heights.start(), *heights.end());
            let told = logs::walk_part(api, &filter, heights);
            let next = told.as_ref().map_or(first, |(_, next)| *next);
            if next <= last {
                api.filters.put_back(id, next);
            }
            FilterChanges::Logs(told?.0)
        }
        Due::Pending { txs, full: false } => FilterChanges::Hashes(txs.iter().map(|tx| tx.hash).collect()),
        Due::Pending { txs, full: true } => {
            FilterChanges::Transactions(txs.iter().map(|tx| convert::pending(tx)).collect())
        }
    })
}

/// The blocks from `from` to `last`, after which the filter stands behind `last`.
fn advance(from: &mut u64, last: u64) -> RangeInclusive<u64> {
    let due = *from..=last;
    *from = (*from).max(last.saturating_add(1));
    due
}

fn drain(entered: &mut Receiver<Arc<PooledTx>>) -> Vec<Arc<PooledTx>> {
    let mut txs = Vec::new();
    loop {
        match entered.try_recv() {
            Ok(pooled) => txs.push(pooled),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return txs,
        }
    }
}

/// Every log of a log filter, those already told included.
fn all_logs(api: &ChainApi, id: &str) -> Reply<Vec<Log>> {
    let filter = api.filters.with(id, |kind| match kind {
        Kind::Logs { filter, .. } => Some(filter.clone()),
        Kind::Blocks { .. } | Kind::Pending { .. } => None,
    })?;
    let filter = filter.ok_or_else(|| RpcError::Refused("filter not found: it is not one for logs".into()))?;
    logs::find(api, &filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_tells_each_block_once() {
        let mut from = 5;
        assert_eq!(advance(&mut from, 7), 5..=7);
        assert!(advance(&mut from, 7).is_empty());
        assert_eq!(advance(&mut from, 8), 8..=8);
        let mut ahead = 20;
        assert!(advance(&mut ahead, 8).is_empty());
        assert_eq!(ahead, 20);
    }
}
