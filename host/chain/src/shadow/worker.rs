//! The thread of one shadow: takes committed blocks, executes each again within its time, and says how it stands.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use caldera_engine::Purpose;
use caldera_execution::{
    Ground,
    shadow::{FrozenView, Gate, Shadow, Skip, StateMode, execute_shadowed},
};
use caldera_types::Digest;
use parking_lot::Mutex;

use super::{
    cache::{KnownState, Remembering},
    error::ShadowError,
    feed::{Feed, Job, Lost, direct_calls},
    quietly,
    status::{ShadowOptions, ShadowState, ShadowStatus},
};
use crate::{
    chain::Chain,
    producer::{STACK_BYTES, message},
    source::LoggedComponents,
};

/// Blocks that may wait for a shadow: enough to make a copy of the state meanwhile. What they read is kept with them.
const BACKLOG_BLOCKS: usize = 16;

/// A shadow with its thread. Dropping it ends the thread after the call under way.
pub(crate) struct ShadowRun {
    pub(super) feed: Option<Feed>,
    pub(super) standing: Standing,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Where a shadow can be asked how it stands, without the lock that the block path takes.
#[derive(Clone)]
pub(super) struct Standing {
    status: Arc<Mutex<ShadowStatus>>,
    lost: Arc<Lost>,
}

impl Standing {
    /// Which candidate is compared, unless the shadow has ended.
    pub(super) fn running(&self) -> Option<Digest> {
        let status = self.status.lock();
        (status.state == ShadowState::Running).then_some(status.report.candidate)
    }

    /// How it stands.
    pub(super) fn status(&self) -> ShadowStatus {
        let mut status = self.status.lock().clone();
        status.blocks_skipped += self.lost.blocks.load(Ordering::Relaxed);
        status.report.skip(Skip::Backlog, self.lost.calls.load(Ordering::Relaxed));
        status
    }
}

impl ShadowRun {
    /// Starts the thread.
    pub(super) fn start(chain: &Arc<Chain>, shadow: Shadow, options: ShadowOptions) -> Result<Self, ShadowError> {
        let (jobs, waiting) = mpsc::sync_channel(BACKLOG_BLOCKS);
        let lost = Arc::new(Lost::default());
        let stop = Arc::new(AtomicBool::new(false));
        let report = shadow.report().clone();
        let status = ShadowStatus { state: ShadowState::Running, blocks_cut: 0, blocks_skipped: 0, busy_ms: 0, report };
        let status = Arc::new(Mutex::new(status));
        let feed = Feed { jobs, lost: lost.clone(), mount: shadow.plan().mount };
        let worker = Worker {
            // Not a strong one: a chain that is dropped closes its folder.
            chain: Arc::downgrade(chain),
            shadow,
            options,
            stop: stop.clone(),
            status: status.clone(),
            last: None,
            calls: Arc::default(),
            busy: Duration::ZERO,
        };
        let thread = std::thread::Builder::new()
            .name(format!("shadow-{}", chain.name()))
            .stack_size(STACK_BYTES)
            .spawn(move || worker.work(&waiting))
            .map_err(ShadowError::Thread)?;
        Ok(Self { feed: Some(feed), standing: Standing { status, lost }, stop, thread: Some(thread) })
    }

    /// Whether it still takes blocks.
    pub(super) fn is_running(&self) -> bool {
        self.feed.is_some()
    }

    /// Ends the thread and waits for the call under way.
    pub(super) fn stop(mut self) -> ShadowStatus {
        self.end();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a shadow's thread panicked: this is a bug");
        }
        self.standing.status()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.feed = None;
    }
}

impl Drop for ShadowRun {
    fn drop(&mut self) {
        // Not joined: the thread itself may be the one that drops the chain's last owner.
        self.end();
    }
}

struct Worker {
    chain: Weak<Chain>,
    shadow: Shadow,
    options: ShadowOptions,
    stop: Arc<AtomicBool>,
    status: Arc<Mutex<ShadowStatus>>,
    /// Height of the last block executed.
    last: Option<u64>,
    /// Calls asked about so far, for sampling.
    calls: Arc<AtomicU64>,
    busy: Duration,
}

impl Worker {
    fn work(mut self, waiting: &Receiver<Arc<Job>>) {
        let end = loop {
            let Ok(job) = waiting.recv() else { break ShadowState::Stopped };
            let Some(chain) = self.chain.upgrade().filter(|_| !self.stop.load(Ordering::Relaxed)) else {
                break ShadowState::Stopped;
            };
            // A panic is a bug of ours or of a library's; it must not take the block path's lock or the node with it.
            let done = panic::catch_unwind(AssertUnwindSafe(|| quietly(|| self.block(&chain, &job))));
            self.publish();
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => break ShadowState::Failed(error.to_string()),
                Err(panic) => {
                    break ShadowState::Failed(format!("panicked, which is a bug: {}", message(panic.as_ref())));
                }
            }
            if let Some(digest) = self.shadow.replaced_by() {
                let candidate = digest == self.shadow.plan().target.digest;
                let what = if candidate { "the candidate".to_owned() } else { format!("component {digest}") };
                break ShadowState::Finished(format!("{what} went live at block {}", job.block.number()));
            }
        };
        if let ShadowState::Failed(reason) = &end {
            tracing::error!(mount = %self.shadow.plan().mount, reason, "a shadow ended");
        }
        self.status.lock().state = end;
    }

    /// Executes one block again.
    fn block(&mut self, chain: &Chain, job: &Job) -> Result<(), ShadowError> {
        let number = job.block.number();
        if self.last.is_some_and(|last| last + 1 != number) {
            self.shadow.missed_block();
        }
        self.last = Some(number);
        let copies = self.shadow.mode() == StateMode::Copy;
        if copies && !number.is_multiple_of(self.options.every.max(1).into()) {
            self.shadow.missed_block();
            self.shadow.skip(Skip::Sampling, direct_calls(&job.block, self.shadow.plan().mount));
            self.status.lock().blocks_skipped += 1;
            return Ok(());
        }
        let env = chain.env_of(&job.block.block.header);
        let parent = || chain.state.at_block(number.saturating_sub(1), job.parent_root);
        let trie = parent()?;
        let view = Remembering::new(trie, job.known.clone());
        let components = LoggedComponents(&chain.state);
        let engines = chain.engines.for_purpose(Purpose::Shadow);
        let ground = Ground { view: &view, engines: &engines, components: &components };
        if self.shadow.wants_copy() {
            let frozen = Remembering::new(parent()?, KnownState::default());
            let frozen: FrozenView = Arc::new(frozen);
            self.shadow.copy_state(ground, &env, frozen)?;
        }
        let began = Instant::now();
        let gate = Timed {
            until: began + self.options.time(chain.spec.block_interval),
            stop: self.stop.clone(),
            every: if copies { 1 } else { self.options.every.max(1) },
            calls: self.calls.clone(),
        };
        let (block, senders) = (&job.block.block, job.block.senders());
        let outcome = execute_shadowed(ground, env, block, senders, &mut self.shadow, Box::new(gate))?;
        self.busy += began.elapsed();
        match outcome {
            None => self.status.lock().blocks_cut += 1,
            Some(outcome) if outcome.receipts != job.block.receipts => return Err(ShadowError::OtherOutcome(number)),
            Some(_) => {}
        }
        Ok(())
    }

    fn publish(&self) {
        let mut status = self.status.lock();
        status.report.clone_from(self.shadow.report());
        status.busy_ms = u64::try_from(self.busy.as_millis()).unwrap_or(u64::MAX);
    }
}

/// Lets calls through until the time is over.
struct Timed {
    until: Instant,
    stop: Arc<AtomicBool>,
    every: u32,
    calls: Arc<AtomicU64>,
}

impl Gate for Timed {
    fn skips(&mut self) -> Option<Skip> {
        if !self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every.into()) {
            return Some(Skip::Sampling);
        }
        (!self.goes_on()).then_some(Skip::Budget)
    }

    fn goes_on(&mut self) -> bool {
        Instant::now() < self.until && !self.stop.load(Ordering::Relaxed)
    }
}
