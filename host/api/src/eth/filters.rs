//! Filters: what clients without a WebSocket ask for changes again and again.
//!
//! A filter is a place in the chain from which the next answer starts. Their number is bounded, and one that nobody asks
//! for [`crate::ApiLimits::filter_idle`] is forgotten.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_rpc_types_eth::{Filter, FilterChanges, Log};
use caldera_chain::{ChainEvent, PooledTx};
use jsonrpsee_core::RegisterMethodError;
use parking_lot::Mutex;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use super::logs;
use crate::{
    context::ChainApi,
    convert,
    errors::{Reply, RpcError},
    ids::HexIds,
    methods::{
        Param,
        param::{FILTER, FILTER_ID},
    },
    module::Module,
};

/// The installed filters of one chain, by identifier.
pub(crate) struct Filters {
    most: usize,
    /// Most of one connection.
    each: usize,
    idle: Duration,
    installed: Mutex<BTreeMap<String, Installed>>,
}

struct Installed {
    kind: Kind,
    asked: Instant,
    /// On which it was installed, if that is known.
    connection: Option<u64>,
}

enum Kind {
    /// Hashes of the blocks from this height on.
    Blocks { from: u64 },
    /// Logs in the blocks from this height on.
    Logs { filter: Box<Filter>, from: u64 },
    /// Hashes of the transactions that entered the pool. The channel's buffer is what can be missed.
    Pending { events: Receiver<ChainEvent>, full: bool },
}

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Installs a filter that tells of new blocks.";
    module.quick("eth_newBlockFilter", about, &[], "Quantity", |api, args| {
        api.filters.install(Kind::Blocks { from: api.head_number() + 1 }, args.connection)
    })?;
    let about = "Installs a filter that tells of transactions that come into the pool: their hashes, or whole.";
    let params = const { &[Param::optional("whole transactions", "Flag")] };
    module.quick("eth_newPendingTransactionFilter", about, params, "Quantity", |api, args| {
        let full = args.next::<Option<bool>>()?.unwrap_or(false);
        api.filters.install(Kind::Pending { events: api.chain.events(), full }, args.connection)
    })?;
    let about = "Installs a filter that tells of new logs.";
    module.quick("eth_newFilter", about, &[FILTER], "Quantity", |api, args| {
        let filter: Box<Filter> = args.next()?;
        logs::check_values(&filter, &api.limits)?;
        if filter.get_block_hash().is_some() {
            return Err(RpcError::InvalidParams("a filter for changes cannot name a block hash".into()));
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

impl Filters {
    pub(crate) fn new(most: usize, each: usize, idle: Duration) -> Self {
        Self { most, each, idle, installed: Mutex::default() }
    }

    fn install(&self, kind: Kind, connection: Option<u64>) -> Reply<String> {
        let mut installed = self.installed.lock();
        installed.retain(|_, filter| filter.asked.elapsed() < self.idle);
        if installed.len() >= self.most {
            return Err(RpcError::Limit(format!("{} filters are installed; uninstall one or wait", self.most)));
        }
        let own = installed.values().filter(|filter| connection.is_some() && filter.connection == connection).count();
        if own >= self.each {
            return Err(RpcError::Limit(format!(
                "this connection has {own} filters, at most {}; uninstall one or wait",
                self.each
            )));
        }
        let id = HexIds.next();
        installed.insert(id.clone(), Installed { kind, asked: Instant::now(), connection });
        Ok(id)
    }

    /// The chain went back to this height: filters that stood behind it tell of what comes after it again.
    pub(crate) fn go_back(&self, head: u64) {
        for filter in self.installed.lock().values_mut() {
            match &mut filter.kind {
                Kind::Blocks { from } => *from = (*from).min(head + 1),
                Kind::Logs { filter, from } => {
                    *from = (*from).min((head + 1).max(filter.get_from_block().unwrap_or(0)));
                }
                Kind::Pending { .. } => {}
            }
        }
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
        Kind::Pending { events, full } => Due::Pending { txs: drain(events), full: *full },
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
        Due::Pending { txs, full: false } => FilterChanges::Hashes(txs.iter().map(|tx| tx.hash).collect()),
        Due::Pending { txs, full: true } => {
            FilterChanges::Transactions(txs.iter().map(|tx| convert::pending(tx)).collect())
        }
    })
}

/// The blocks from `from` to `last`, after which the filter stands behind `last`.
fn advance(from: &mut u64, last: u64) -> std::ops::RangeInclusive<u64> {
    let due = *from..=last;
    *from = (*from).max(last.saturating_add(1));
    due
}

fn drain(events: &mut Receiver<ChainEvent>) -> Vec<Arc<PooledTx>> {
    let mut txs = Vec::new();
    loop {
        match events.try_recv() {
            Ok(ChainEvent::Pending(pooled)) => txs.push(pooled),
            Ok(ChainEvent::Block(_)) | Err(TryRecvError::Lagged(_)) => {}
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
        let filters = Filters::new(2, 2, Duration::from_millis(30));
        let block = || Kind::Blocks { from: 1 };
        let first = filters.install(block(), None).unwrap();
        filters.install(block(), None).unwrap();
        assert!(matches!(filters.install(block(), None), Err(RpcError::Limit(_))));
        std::thread::sleep(Duration::from_millis(40));
        assert!(matches!(filters.with(&first, |_| ()), Err(RpcError::NoFilter)));
        let third = filters.install(block(), None).unwrap();
        assert!(filters.remove(&third) && !filters.remove(&third));
    }

    #[test]
    fn one_connection_cannot_take_all_filters() {
        let filters = Filters::new(5, 2, Duration::from_secs(30));
        let install = |connection| filters.install(Kind::Blocks { from: 1 }, connection);
        let first = install(Some(1)).unwrap();
        install(Some(1)).unwrap();
        let Err(RpcError::Limit(why)) = install(Some(1)) else { panic!("a third is refused") };
        assert!(why.contains("this connection has 2 filters, at most 2"), "{why}");
        install(Some(2)).unwrap();
        assert!(filters.remove(&first));
        install(Some(1)).unwrap();
    }
}
