//! The chain itself: opening, and the one way in which a block comes to be.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy_consensus::Header;
use alloy_primitives::Address;
use caldera_engine::Engines;
use caldera_execution::Ground;
use caldera_state::{ChainState, StateDiff, StateOptions, StateView};
use caldera_types::{BlockEnv, FeeRule};
use parking_lot::{Mutex, RwLock};
use tokio::sync::broadcast::Receiver;

use crate::{
    admission,
    blooms::Blooms,
    builder::{self, Built, Unbuilt},
    dev::Dev,
    error::ChainError,
    events::{ChainEvent, Events},
    executed::ExecutedBlock,
    follow::Following,
    history,
    observer::BlockObserver,
    pool::{
        Candidates, Pool, PooledTx,
        journal::{Journal, Reader},
    },
    readiness::{Needed, is_unready},
    recent::RecentBlocks,
    replay::{self, Progress},
    shadow::{KnownState, Shadows},
    source::LoggedComponents,
    spec::ChainSpec,
};

/// One chain: its state, its pool, its newest block.
pub struct Chain {
    pub(crate) spec: ChainSpec,
    /// Before the state, so that it is closed before another process may open the folder.
    pub(crate) journal: Journal,
    pub(crate) state: ChainState,
    pub(crate) engines: Engines,
    pub(crate) pool: Arc<Mutex<Pool>>,
    /// Height of the last block that another client made, if one began the chain.
    pub(crate) imported_head: Option<u64>,
    head: RwLock<Arc<ExecutedBlock>>,
    pub(crate) recent: RecentBlocks,
    pub(crate) blooms: Blooms,
    pub(crate) events: Events,
    halted: RwLock<Option<String>>,
    /// Candidates that are tried beside what is mounted.
    pub(crate) shadows: Shadows,
    pub(crate) observer: OnceLock<Box<dyn BlockObserver>>,
    /// What blocks may run, and from when.
    pub(crate) needed: Mutex<Vec<Needed>>,
    /// Whether the store lacks blocks of the log, because an engine that they need is not ready here.
    behind: AtomicBool,
    /// Held while a block is made: there is one writer.
    pub(crate) writer: Mutex<()>,
    /// What a development chain was told.
    pub(crate) dev: Dev,
    /// Whom the chain follows, if it does.
    pub(crate) following: Following,
}

impl Chain {
    /// Opens or creates the chain's folder, replays what the block log has above the store, and compiles what is
    /// mounted. An engine that is not ready on this node keeps no other chain from its work: this one then opens as it
    /// stands, makes no blocks, says why, and goes on once the engine is ready.
    pub fn open(
        spec: ChainSpec,
        dir: &Path,
        options: StateOptions,
        engines: Engines,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Arc<Self>, ChainError> {
        let state = ChainState::open(dir, options)?;
        let (head, waits) = match replay::catch_up(&spec, &state, &engines, progress) {
            Ok(head) => (head, None),
            Err(error) if is_unready(&error) && state.head().is_some() => (replay::newest(&state)?, Some(error)),
            Err(error) => return Err(error),
        };
        let chain = Self::assemble(spec, dir, state, engines, head)?;
        if let Some(error) = waits {
            chain.behind.store(true, Ordering::Relaxed);
            chain.wait(&error);
        }
        Ok(chain)
    }

    pub(crate) fn assemble(
        spec: ChainSpec,
        dir: &Path,
        state: ChainState,
        engines: Engines,
        head: ExecutedBlock,
    ) -> Result<Arc<Self>, ChainError> {
        let imported_head = history::imported_head(&spec, &state)?;
        let mut pool = Pool::new(spec.pool.limits);
        pool.set_base_fee(base_fee_after(&head));
        admission::restore(&spec, &state, &mut pool, Reader::open(dir)?)?;
        let pool = Arc::new(Mutex::new(pool));
        let chain = Self {
            events: Events::new(spec.genesis.development),
            journal: Journal::begin(dir, pool.clone(), spec.pool.durable)?,
            spec,
            state,
            engines,
            pool,
            imported_head,
            head: RwLock::new(Arc::new(head)),
            recent: RecentBlocks::default(),
            blooms: Blooms::default(),
            halted: RwLock::default(),
            shadows: Shadows::default(),
            observer: OnceLock::new(),
            needed: Mutex::default(),
            behind: AtomicBool::new(false),
            writer: Mutex::default(),
            dev: Dev::default(),
            following: Following::default(),
        };
        chain.compile_armed();
        Ok(Arc::new(chain))
    }

    /// What makes this chain this chain.
    pub fn spec(&self) -> &ChainSpec {
        &self.spec
    }

    /// Its short name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// EIP-155 chain id.
    pub fn chain_id(&self) -> u64 {
        self.spec.chain_id()
    }

    /// The newest block.
    pub fn head(&self) -> Arc<ExecutedBlock> {
        self.head.read().clone()
    }

    /// What happens to blocks, from now on.
    pub fn events(&self) -> Receiver<ChainEvent> {
        self.events.blocks()
    }

    /// Transactions that enter the pool, from now on.
    pub fn pending(&self) -> Receiver<Arc<PooledTx>> {
        self.events.pending()
    }

    /// Why the chain makes no more blocks, if it does not.
    pub fn halted(&self) -> Option<String> {
        self.halted.read().clone()
    }

    /// Stops making blocks for a reason that somebody has to look at. Reading goes on.
    pub(crate) fn halt(&self, reason: &ChainError) {
        tracing::error!(chain = self.name(), %reason, "chain halted: no more blocks until the node is mended");
        *self.halted.write() = Some(reason.to_string());
    }

    /// Stops making blocks until something has passed: an engine is ready here, the disk has space; [`Self::go_on`] ends it.
    pub(crate) fn wait(&self, reason: &ChainError) {
        let until = if reason.may_pass() { "the disk takes writes" } else { "it is ready here" };
        let text = format!("{reason}; waiting until {until}, and trying again");
        tracing::error!(chain = self.name(), %reason, "chain waits until {until}");
        *self.halted.write() = Some(text);
    }

    /// Makes blocks again.
    pub(crate) fn go_on(&self) {
        if self.halted.read().is_some() && self.halted.write().take().is_some() {
            tracing::warn!(chain = self.name(), "chain goes on: what it waited for is there");
        }
    }

    /// Builds, commits and publishes the next block. `time` bounds how long transactions are taken in.
    pub fn produce_block(&self, timestamp_s: u64, time: Duration) -> Result<Arc<ExecutedBlock>, ChainError> {
        let _writer = self.writer.lock();
        self.make_block(timestamp_s, time).map_err(|error| self.or_stalled(error))
    }

    fn make_block(&self, timestamp_s: u64, time: Duration) -> Result<Arc<ExecutedBlock>, ChainError> {
        self.catch_up()?;
        let parent = self.head();
        let env = self.env_after(&parent, timestamp_s);
        self.must_be_ready(env.number)?;
        let (flat, components) = (self.state.flat(), LoggedComponents(&self.state));
        let watched = self.shadows.watch(&flat);
        let view: &dyn StateView = watched.as_ref().map_or(&flat, |watched| watched);
        let engines = self.engines.at_hand();
        let built = self.build(Ground { view, engines: &engines, components: &components }, env, time)?;
        self.take_in(&parent, env, built, watched.map(|watched| watched.into_known()), None)
    }

    /// What a block's execution failed with, or that the store could not be read meanwhile: on its way through the EVM such an
    /// error may become a text.
    fn or_stalled(&self, error: ChainError) -> ChainError {
        match self.state.failure() {
            Some(failure) if failure.may_pass() && matches!(error, ChainError::Execution { .. }) => failure.into(),
            _ => error,
        }
    }

    /// Commits and publishes a block that was built on `parent`, by whoever holds the writer's lock; `given` is the header
    /// that it must have, if it is a leader's.
    pub(crate) fn take_in(
        &self,
        parent: &ExecutedBlock,
        env: BlockEnv,
        built: Built,
        known: Option<KnownState>,
        given: Option<&Header>,
    ) -> Result<Arc<ExecutedBlock>, ChainError> {
        let nonces: Vec<_> = nonces(&built.outcome.diff).collect();
        let block = replay::commit(&self.state, &parent.block, env, built.outcome, built.senders, given)?;
        let block = Arc::new(block);
        // Who sees the block never sees the chain wait for it any more.
        self.go_on();
        // Before the pool forgets them: who asks for a nonce or a transaction in between finds it in one of the two.
        self.publish(block.clone());
        self.compile_due(&block);
        if let Some(known) = known {
            self.shadows.feed(&block, parent.block.header.state_root, known);
        }
        let mut pool = self.pool.lock();
        pool.advance(nonces);
        pool.set_base_fee(base_fee_after(&block));
        for (tx, reason) in &built.dropped {
            tracing::warn!(chain = self.name(), tx = %tx.hash, reason, "transaction dropped from the pool");
            pool.remove(tx);
        }
        Ok(block)
    }

    /// Builds the next block. A transaction that turns out to stage what is not compiled here is left for a later one.
    fn build(&self, ground: Ground<'_>, env: BlockEnv, time: Duration) -> Result<Built, ChainError> {
        let (mut held, mut refused) = (BTreeSet::new(), Vec::new());
        loop {
            let mut candidates = Candidates::of(&self.pool, env.base_fee);
            match builder::build(ground, env, &mut candidates, &held, time) {
                Ok(mut built) => {
                    built.dropped.append(&mut refused);
                    return Ok(built);
                }
                Err(Unbuilt::Waits(tx, digest)) => {
                    held.insert(tx.hash);
                    refused.extend(self.prepare_for(&tx, digest).map(|why| (tx, why)));
                }
                Err(Unbuilt::Node(error)) => return Err(ChainError::Execution { number: env.number, error }),
            }
        }
    }

    /// Before a block is made: has a store that failed tried again, which perhaps cannot even be read, and executes what the log
    /// has above the store, if an engine was not ready for it when the chain was opened.
    pub(crate) fn catch_up(&self) -> Result<(), ChainError> {
        self.state.try_again()?;
        if self.behind.load(Ordering::Relaxed) {
            let head = replay::catch_up(&self.spec, &self.state, &self.engines, &mut |_| {})?;
            self.publish(Arc::new(head));
            self.behind.store(false, Ordering::Relaxed);
            self.compile_armed();
            self.tell_pool()?;
        }
        Ok(())
    }

    /// Tells the pool of a head that it was not told of block by block.
    pub(crate) fn tell_pool(&self) -> Result<(), ChainError> {
        let head = self.head();
        let view = self.state.at_block(head.number(), head.block.header.state_root)?;
        let mut pool = self.pool.lock();
        let content = pool.content(None);
        let mut nonces = Vec::new();
        for tx in content.pending.iter().chain(&content.queued) {
            nonces.push((tx.sender, view.account(tx.sender)?.map_or(0, |account| account.nonce)));
        }
        pool.advance(nonces);
        pool.set_base_fee(base_fee_after(&head));
        Ok(())
    }

    /// The environment of the block after `parent`.
    pub(crate) fn env_after(&self, parent: &ExecutedBlock, timestamp_s: u64) -> BlockEnv {
        replay::env_of(&self.spec, &parent.block, timestamp_s)
    }

    /// Makes an older block the newest for readers: blocks above it are about to go.
    pub(crate) fn publish_older(&self, block: ExecutedBlock) {
        *self.head.write() = Arc::new(block);
        self.recent.clear();
        self.blooms.clear();
    }

    fn publish(&self, block: Arc<ExecutedBlock>) {
        self.recent.put_newest(block.clone());
        self.blooms.put(block.number(), block.block.header.logs_bloom);
        *self.head.write() = block.clone();
        self.events.happened(ChainEvent::Block(block));
    }
}

/// The base fee of the block after another.
pub(crate) fn base_fee_after(block: &ExecutedBlock) -> u64 {
    FeeRule::after(&block.block).next_base_fee(&block.block.header)
}

/// The nonces of the accounts that a block changed.
fn nonces(diff: &StateDiff) -> impl Iterator<Item = (Address, u64)> {
    diff.accounts.iter().filter_map(|(address, changed)| changed.account.map(|account| (*address, account.nonce)))
}
