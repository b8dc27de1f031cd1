//! What one chain counts: its blocks as they are made, and its engines' calls.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use alloy_sol_types::SolEventInterface;
use caldera_chain::{BlockObserver, Chain, ExecutedBlock};
use caldera_engine::Observer;
use caldera_execution::registry::{self, abi::IEngineRegistry::IEngineRegistryEvents as Events};
use caldera_types::Digest;
use caldera_validation::Certified;
use parking_lot::Mutex;

use super::{
    calls::{ChainCalls, nanoseconds},
    histogram::Histogram,
};
use crate::admin::port::Shadows;

/// Bounds of the time to build and commit a block, and from one to the next, in nanoseconds: 1 ms to 10 s.
const BLOCK_NS: [u64; 15] = [
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    250_000_000,
    300_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Counts of one chain. Made before the chain is opened, because opening it calls engines.
pub struct ChainMetrics {
    name: String,
    chain: OnceLock<Weak<Chain>>,
    shadows: OnceLock<Weak<dyn Shadows>>,
    certified: OnceLock<Weak<Certified>>,
    calls: Arc<ChainCalls>,
    pub(super) build: Histogram,
    pub(super) interval: Histogram,
    last: Mutex<Option<Instant>>,
    pub(super) transactions: AtomicU64,
    pub(super) gas_used: AtomicU64,
}

impl ChainMetrics {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            chain: OnceLock::new(),
            shadows: OnceLock::new(),
            certified: OnceLock::new(),
            calls: Arc::default(),
            build: Histogram::new(&BLOCK_NS),
            interval: Histogram::new(&BLOCK_NS),
            last: Mutex::default(),
            transactions: AtomicU64::new(0),
            gas_used: AtomicU64::new(0),
        }
    }

    /// The chain's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What the chain's engines tell of their calls.
    pub fn calls(&self) -> Arc<dyn Observer> {
        self.calls.clone()
    }

    pub(super) fn engine_calls(&self) -> &ChainCalls {
        &self.calls
    }

    /// Counts the blocks of `chain` from now on, and shows its state and its shadow runs.
    ///
    /// It is not kept alive: a chain closes its folder when the last who works with it lets go.
    pub fn watch(self: &Arc<Self>, chain: &Arc<Chain>, shadows: &Arc<dyn Shadows>) {
        if self.chain.set(Arc::downgrade(chain)).is_err() || self.shadows.set(Arc::downgrade(shadows)).is_err() {
            return tracing::warn!(chain = self.name, "metrics of this chain are watched already");
        }
        if let Ok(registry) = chain.registry() {
            registry.mounts.iter().for_each(|mount| self.calls.learn(mount.digest, mount.address));
            registry.armed.iter().for_each(|armed| self.calls.learn(armed.digest, armed.mount));
        }
        if chain.observe(Box::new(Blocks(self.clone()))).is_err() {
            tracing::warn!(chain = self.name, "another observer has this chain's blocks: their times are not counted");
        }
    }

    /// Shows what is known of the chain's certificates from now on.
    pub fn watch_certified(&self, certified: &Arc<Certified>) {
        if self.certified.set(Arc::downgrade(certified)).is_err() {
            tracing::warn!(chain = self.name, "certificates of this chain are watched already");
        }
    }

    /// Its certificates, if it has validators.
    pub(super) fn certificates(&self) -> Option<Arc<Certified>> {
        self.certified.get()?.upgrade()
    }

    /// The chain, while it is open.
    pub(super) fn open_chain(&self) -> Option<Arc<Chain>> {
        self.chain.get()?.upgrade()
    }

    /// Its shadow runs.
    pub(super) fn shadow_runs(&self) -> Option<Arc<dyn Shadows>> {
        self.shadows.get()?.upgrade()
    }
}

/// What a chain tells of its blocks.
struct Blocks(Arc<ChainMetrics>);

impl BlockObserver for Blocks {
    fn made(&self, block: &ExecutedBlock, time: Duration) {
        let metrics = &self.0;
        metrics.build.observe(nanoseconds(time));
        let now = Instant::now();
        if let Some(last) = metrics.last.lock().replace(now) {
            metrics.interval.observe(nanoseconds(now - last));
        }
        metrics.transactions.fetch_add(block.block.transactions.len() as u64, Relaxed);
        metrics.gas_used.fetch_add(block.block.header.gas_used, Relaxed);
        // A component that is armed will be called at its mount by exports that do not say where they run.
        for (_, log) in block.logs().filter(|(_, log)| log.address == registry::ADDRESS) {
            if let Ok(Events::Armed(armed)) = Events::decode_log(log).map(|log| log.data) {
                metrics.calls.learn(Digest(armed.digest), armed.mount);
            }
        }
    }
}
