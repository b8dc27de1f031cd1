//! Filters: what clients without a WebSocket ask for changes again and again.
//!
//! A filter is a place in the chain from which the next answer starts. Their number is bounded, and one that nobody asks
//! for [`crate::ApiLimits::filter_idle`] is forgotten.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use alloy_rpc_types_eth::{Filter, FilterChanges, Log};
use caldera_chain::ChainEvent;
use jsonrpsee_core::RegisterMethodError;
use parking_lot::Mutex;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use super::logs;
use crate::{
    context::ChainApi,
    errors::{Reply, RpcError},
    ids::HexIds,
    module::Module,
};

/// The installed filters of one chain, by identifier.
pub(crate) struct Filters {
    most: usize,
    idle: Duration,
    installed: Mutex<BTreeMap<String, Installed>>,
}

struct Installed {
    kind: Kind,
    asked: Instant,
}

enum Kind {
    /// Hashes of the blocks from this height on.
    Blocks { from: u64 },
    /// Logs in the blocks from this height on.
    Logs { filter: Box<Filter>, from: u64 },
    /// Hashes of the transactions that entered the pool. The channel's buffer is what can be missed.
    Pending(Receiver<ChainEvent>),
}

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.quick("eth_newBlockFilter", |api, _| api.filters.install(Kind::Blocks { from: api.head_number() + 1 }))?;
    module.quick("eth_newPendingTransactionFilter", |api, _| api.filters.install(Kind::Pending(api.chain.events())))?;
    module.quick("eth_newFilter", |api, args| {
        let filter: Box<Filter> = args.next("filter")?;
        if filter.get_block_hash().is_some() {
            return Err(RpcError::InvalidParams("a filter for changes cannot name a block hash".into()));
        }
        let from = (api.head_number() + 1).max(filter.get_from_block().unwrap_or(0));
        api.filters.install(Kind::Logs { filter, from })
    })?;
    module.quick("eth_uninstallFilter", |api, args| Ok(api.filters.remove(&args.next::<String>("filter id")?)))?;
    module.blocking("eth_getFilterChanges", |api, args| changes(api, &args.next::<String>("filter id")?))?;
    module.blocking("eth_getFilterLogs", |api, args| all_logs(api, &args.next::<String>("filter id")?))
}

impl Filters {
    pub(crate) fn new(most: usize, idle: Duration) -> Self {
        Self { most, idle, installed: Mutex::default() }
    }

    fn install(&self, kind: Kind) -> Reply<String> {
        let mut installed = self.installed.lock();
        installed.retain(|_, filter| filter.asked.elapsed() < self.idle);
        if installed.len() >= self.most {
            return Err(RpcError::Limit(format!("{} filters are installed; uninstall one or wait", self.most)));
        }
        let id = HexIds.next();
        installed.insert(id.clone(), Installed { kind, asked: Instant::now() });
        Ok(id)
    }

    fn remove(&self, id: &str) -> bool {
        self.installed.lock().remove(id).is_some()
    }

    /// Does something with a filter that is still alive. Short: the lock is held.
    fn with<T>(&self, id: &str, act: impl FnOnce(&mut Kind) -> T) -> Reply<T> {
        let mut installed = self.installed.lock();
        installed.retain(|_, filter| filter.asked.elapsed() < self.idle);
        let filter = installed.get_mut(id).ok_or(RpcError::NoFilter)?;
        filter.asked = Instant::now();
        Ok(act(&mut filter.kind))
    }
}

/// What an answer covers, taken from the filter in one step, so that two clients with one filter never see a thing twice.
enum Due {
    Blocks(std::ops::RangeInclusive<u64>),
    Logs(Box<Filter>, std::ops::RangeInclusive<u64>),
    Pending(Vec<B256>),
}

fn changes(api: &ChainApi, id: &str) -> Reply<FilterChanges> {
    let head = api.head_number();
    let due = api.filters.with(id, |kind| match kind {
        Kind::Blocks { from } => Due::Blocks(advance(from, head)),
        Kind::Logs { filter, from } => {
            let last = filter.get_to_block().unwrap_or(head).min(head);
            Due::Logs(filter.clone(), advance(from, last))
        }
        Kind::Pending(events) => Due::Pending(drain(events)),
    })?;
    Ok(match due {
        Due::Blocks(heights) => {
            let mut hashes = Vec::new();
            for number in heights {
                hashes.extend(api.chain.header(number)?.map(|(hash, _)| hash));
            }
            FilterChanges::Hashes(hashes)
        }
        Due::Logs(filter, heights) => FilterChanges::Logs(logs::walk(api, &filter, heights)?),
        Due::Pending(hashes) => FilterChanges::Hashes(hashes),
    })
}

/// The blocks from `from` to `last`, after which the filter stands behind `last`.
fn advance(from: &mut u64, last: u64) -> std::ops::RangeInclusive<u64> {
    let due = *from..=last;
    *from = (*from).max(last.saturating_add(1));
    due
}

fn drain(events: &mut Receiver<ChainEvent>) -> Vec<B256> {
    let mut hashes = Vec::new();
    loop {
        match events.try_recv() {
            Ok(ChainEvent::Pending(pooled)) => hashes.push(pooled.hash),
            Ok(ChainEvent::Block(_)) | Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return hashes,
        }
    }
}

/// Every log of a log filter, those already told included.
fn all_logs(api: &ChainApi, id: &str) -> Reply<Vec<Log>> {
    let filter = api.filters.with(id, |kind| match kind {
        Kind::Logs { filter, .. } => Some(filter.clone()),
        Kind::Blocks { .. } | Kind::Pending(_) => None,
    })?;
    let filter = filter.ok_or_else(|| RpcError::InvalidParams("not a filter for logs".into()))?;
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

    #[test]
    fn filters_are_bounded_and_forgotten() {
        let filters = Filters::new(2, Duration::from_millis(30));
        let first = filters.install(Kind::Blocks { from: 1 }).unwrap();
        filters.install(Kind::Blocks { from: 1 }).unwrap();
        assert!(matches!(filters.install(Kind::Blocks { from: 1 }), Err(RpcError::Limit(_))));
        std::thread::sleep(Duration::from_millis(40));
        assert!(matches!(filters.with(&first, |_| ()), Err(RpcError::NoFilter)));
        let third = filters.install(Kind::Blocks { from: 1 }).unwrap();
        assert!(filters.remove(&third) && !filters.remove(&third));
    }
}
