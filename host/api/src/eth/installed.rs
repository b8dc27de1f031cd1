//! The installed filters of a chain. Their number is bounded, and one that nobody asks for [`crate::ApiLimits::filter_idle`] is
//! forgotten.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_rpc_types_eth::Filter;
use caldera_chain::PooledTx;
use parking_lot::Mutex;
use tokio::sync::broadcast::Receiver;

use crate::{
    errors::{Reply, RpcError},
    ids::HexIds,
};

/// Between two looks for what nobody asks for, at least.
const SWEEP_PAUSE: Duration = Duration::from_millis(10);

/// The installed filters of one chain, by identifier.
pub(crate) struct Filters {
    most: usize,
    /// Most of one connection.
    each: usize,
    idle: Duration,
    installed: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    filters: BTreeMap<String, Installed>,
    /// Whether a task takes away those that nobody asks for.
    swept: bool,
}

struct Installed {
    kind: Kind,
    asked: Instant,
    /// On which it was installed, if that is known.
    connection: Option<u64>,
}

/// What a filter tells, and from where on.
pub(super) enum Kind {
    /// Hashes of the blocks from this height on.
    Blocks { from: u64 },
    /// Logs in the blocks from this height on.
    Logs { filter: Box<Filter>, from: u64 },
    /// Hashes of the transactions that entered the pool. The channel's buffer is what can be missed.
    Pending { entered: Receiver<Arc<PooledTx>>, full: bool },
}

impl Filters {
    pub(crate) fn new(most: usize, each: usize, idle: Duration) -> Self {
        Self { most, each, idle, installed: Arc::default() }
    }

    pub(super) fn install(&self, kind: Kind, connection: Option<u64>) -> Reply<String> {
        let mut shelf = self.installed.lock();
        shelf.forget(self.idle);
        let installed = &mut shelf.filters;
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
        if !std::mem::replace(&mut shelf.swept, true) {
            tokio::spawn(sweep(self.installed.clone(), self.idle));
        }
        Ok(id)
    }

    /// The chain went back to this height: filters that stood behind it tell of what comes after it again.
    pub(crate) fn go_back(&self, head: u64) {
        for filter in self.installed.lock().filters.values_mut() {
            match &mut filter.kind {
                Kind::Blocks { from } => *from = (*from).min(head + 1),
                Kind::Logs { filter, from } => {
                    *from = (*from).min((head + 1).max(filter.get_from_block().unwrap_or(0)));
                }
                Kind::Pending { .. } => {}
            }
        }
    }

    /// An answer did not tell of the blocks from this height on: the next one does. Who asked beside it may be told twice.
    pub(super) fn put_back(&self, id: &str, height: u64) {
        match self.installed.lock().filters.get_mut(id).map(|filter| &mut filter.kind) {
            Some(Kind::Blocks { from } | Kind::Logs { from, .. }) => *from = (*from).min(height),
            Some(Kind::Pending { .. }) | None => {}
        }
    }

    pub(super) fn remove(&self, id: &str) -> bool {
        self.installed.lock().filters.remove(id).is_some()
    }

    /// Does something with a filter that is still alive. Short: the lock is held.
    pub(super) fn with<T>(&self, id: &str, act: impl FnOnce(&mut Kind) -> T) -> Reply<T> {
        let mut shelf = self.installed.lock();
        shelf.forget(self.idle);
        let filter = shelf.filters.get_mut(id).ok_or(RpcError::NoFilter)?;
        filter.asked = Instant::now();
        Ok(act(&mut filter.kind))
    }
}

impl Shelf {
    fn forget(&mut self, idle: Duration) {
        self.filters.retain(|_, filter| filter.asked.elapsed() < idle);
    }
}

/// Forgets what nobody asks for, as long as there are filters: one for pending transactions keeps those that it has not told.
async fn sweep(installed: Arc<Mutex<Shelf>>, idle: Duration) {
    loop {
        tokio::time::sleep(idle.max(SWEEP_PAUSE)).await;
        let mut shelf = installed.lock();
        shelf.forget(idle);
        if shelf.filters.is_empty() {
            // Under the same lock: who installs one now begins another.
            shelf.swept = false;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn filters_are_bounded_and_forgotten() {
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

    /// Nobody calls for it: what it keeps would be kept.
    #[tokio::test]
    async fn a_filter_that_is_left_behind_goes_by_itself() {
        let filters = Filters::new(2, 2, Duration::from_millis(30));
        let (pool, _) = tokio::sync::broadcast::channel(1);
        for _ in 0..2 {
            filters.install(Kind::Pending { entered: pool.subscribe(), full: false }, None).unwrap();
            assert_eq!(pool.receiver_count(), 1);
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(pool.receiver_count(), 0);
        }
    }

    #[tokio::test]
    async fn one_connection_cannot_take_all_filters() {
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
