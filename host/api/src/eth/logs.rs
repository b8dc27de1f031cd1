//! Logs by filter, with the header's bloom asked before a block is read.

use alloy_rpc_types_eth::{Filter, FilterBlockOption, Log};
use jsonrpsee_core::RegisterMethodError;
use std::ops::RangeInclusive;

use crate::{
    context::ChainApi,
    convert,
    errors::{Reply, RpcError},
    limits::ApiLimits,
    methods::param::FILTER,
    module::Module,
};

/// Bytes of a log in an answer beside its data, at most.
const LOG_BYTES: usize = 1_024;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "The logs that a filter lets through, oldest first.";
    module.blocking("eth_getLogs", about, &[FILTER], "Logs", |api, args| {
        let filter: Filter = args.next()?;
        check_values(&filter, &api.limits)?;
        check_end(&filter, api.head_number())?;
        find(api, &filter)
    })
}

/// Refuses a range that goes beyond the head, as the specification's tests have it: its answer would look complete.
fn check_end(filter: &Filter, head: u64) -> Reply<()> {
    let bounds = [("begins", filter.get_from_block()), ("ends", filter.get_to_block())];
    match bounds.into_iter().rev().find_map(|(does, bound)| Some((does, bound.filter(|bound| *bound > head)?))) {
        Some((does, bound)) => Err(RpcError::InvalidParams(format!(
            "block range extends beyond current head block: it {does} at {bound}, the head is {head}"
        ))),
        None => Ok(()),
    }
}

/// Refuses a filter that names more than may be looked for: in every block it is looked for one by one.
pub(super) fn check_values(filter: &Filter, limits: &ApiLimits) -> Reply<()> {
    let most = limits.log_values;
    let check = |what: &str, count: usize| match count > most {
        true => Err(RpcError::Limit(format!("the filter names {count} {what}, at most {most}"))),
        false => Ok(()),
    };
    check("addresses", filter.address.len())?;
    let mut topics = filter.topics.iter().enumerate();
    topics.try_for_each(|(position, topics)| check(&format!("topics at position {position}"), topics.len()))
}

/// The logs up to the head that a filter lets through, oldest first.
pub(super) fn find(api: &ChainApi, filter: &Filter) -> Reply<Vec<Log>> {
    walk(api, filter, heights(api, filter)?)
}

/// The logs in a range of blocks that a filter lets through; the filter's own range is not looked at.
fn walk(api: &ChainApi, filter: &Filter, heights: RangeInclusive<u64>) -> Reply<Vec<Log>> {
    let (first, last) = (*heights.start(), *heights.end());
    let blocks = if last < first { 0 } else { (last - first).saturating_add(1) };
    if blocks > api.limits.log_blocks {
        let most = api.limits.log_blocks;
        return Err(RpcError::Limit(format!("block range of {blocks} is too wide, at most {most} in one query")));
    }
    let mut logs = Vec::new();
    for number in heights {
        let Some(found) = of_block(api, filter, number)? else { break };
        logs.extend(found);
        within(api, number, logs.len())?;
    }
    Ok(logs)
}

/// The same for whose next question goes on where this answer ends: those of as many whole blocks as one answer holds, and the block
/// after the last of them.
pub(super) fn walk_part(api: &ChainApi, filter: &Filter, heights: RangeInclusive<u64>) -> Reply<(Vec<Log>, u64)> {
    let (mut logs, mut bytes, mut next) = (Vec::new(), 0, *heights.start());
    for number in heights.take(usize::try_from(api.limits.log_blocks).unwrap_or(usize::MAX)) {
        let Some(found) = of_block(api, filter, number)? else { break };
        let size = found.iter().map(|log: &Log| LOG_BYTES + 2 * log.inner.data.data.len()).sum::<usize>();
        let fits = logs.len() + found.len() <= api.limits.log_results && bytes + size <= api.limits.longest_response();
        if !fits && !logs.is_empty() {
            break;
        }
        within(api, number, found.len())?;
        logs.extend(found);
        bytes += size;
        next = number.saturating_add(1);
    }
    Ok((logs, next))
}

/// The logs of a block that a filter lets through, if there is such a block.
fn of_block(api: &ChainApi, filter: &Filter, number: u64) -> Reply<Option<Vec<Log>>> {
    let Some(bloom) = api.chain.logs_bloom(number)? else { return Ok(None) };
    if !filter.matches_bloom(bloom) {
        return Ok(Some(Vec::new()));
    }
    Ok(api.chain.block(number)?.map(|block| convert::logs(&block, filter)))
}

/// Refuses an answer that has too many logs with those of a block.
fn within(api: &ChainApi, number: u64, logs: usize) -> Reply<()> {
    let most = api.limits.log_results;
    if logs <= most {
        return Ok(());
    }
    Err(RpcError::Limit(format!("query returned more than {most} results; up to block {number} there are {logs}")))
}

/// The blocks that a filter asks about. Bounds above the head end at the head; both left out mean the head.
fn heights(api: &ChainApi, filter: &Filter) -> Reply<RangeInclusive<u64>> {
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let number = api.existing_hash(hash)?;
            Ok(number..=number)
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let from = api.height(from_block.unwrap_or_default());
            let to = api.height(to_block.unwrap_or_default());
            if from > to && to_block.is_some() {
                return Err(RpcError::InvalidParams(format!("block range begins at {from} and ends at {to}")));
            }
            Ok(from..=to.min(api.head_number()))
        }
    }
}
