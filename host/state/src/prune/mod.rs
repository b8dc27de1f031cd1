//! Letting old states go, in the background, block by block: what the state of a block has and the next one has not.
//!
//! Nodes lie in the order in which blocks made them, each in a place of its own ([`crate::place`]). So a node that a block replaces
//! is never needed by a later one, and finding it takes reading the two tries where they differ: as much work as
//! making the block's nodes was, however large the state.
//!
//! Invariants:
//! - the store says from where on states are kept before any node goes; who began to read an older state before is waited for;
//! - what a block's state leaves goes in one batch with the note that it went, so that a crash finds it whole or gone;
//! - the sweep rests for as long as it worked, and holds no lock over a walk.

mod gone;
mod kept;
mod sweeper;

use parking_lot::{Condvar, Mutex};
use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use crate::{
    background::Stop, behind::Behind, error::StateError, head::HeadRecord, nodes::Nodes, options::History,
    store::StoreError,
};
use sweeper::Sweeper;

pub(crate) use kept::{Kept, KeptRecord, Pin};

/// The thread that lets states go, and what it shares with who commits.
pub(crate) struct Pruner {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

struct Shared {
    kept: Arc<Kept>,
    gate: Mutex<Gate>,
    /// Told of every block.
    moved: Condvar,
    stop: Stop,
}

/// What the sweeps are told, and tell.
#[derive(Debug, Default)]
struct Gate {
    head: Option<HeadRecord>,
    /// The first block whose state is not let go by the last sweep, or by the one under way.
    from: u64,
}

impl Pruner {
    /// Keeps `history` of what is in the store.
    pub fn start(
        history: History,
        store: &Arc<Behind>,
        nodes: &Arc<Nodes>,
        head: Option<HeadRecord>,
        progress: Arc<Progress>,
    ) -> Result<Self, StateError> {
        let record = KeptRecord::read(&**store)?;
        let kept = Arc::new(Kept::new(record.map_or(0, |record| record.from)));
        let gate = Gate { head, from: kept.from() };
        let shared = Arc::new(Shared { kept, gate: Mutex::new(gate), moved: Condvar::new(), stop: Stop::default() });
        let History::Blocks(blocks) = history else { return Ok(Self { shared, worker: None }) };
        let mut sweeper = Sweeper {
            blocks: blocks.get(),
            shared: shared.clone(),
            store: store.clone(),
            nodes: nodes.clone(),
            record: record.unwrap_or_default(),
            progress,
        };
        let spawned = thread::Builder::new().name("prune".into()).spawn(move || sweeper.work());
        let failed = |source: io::Error| StoreError::Io(source);
        Ok(Self { shared, worker: Some(spawned.map_err(failed)?) })
    }

    /// Where the kept states begin.
    pub fn kept(&self) -> &Arc<Kept> {
        &self.shared.kept
    }

    /// Takes the newest blocks back, down to `head`, whose state must not be on its way out.
    pub fn go_back(&self, head: HeadRecord) -> Result<(), StateError> {
        let mut gate = self.shared.gate.lock();
        if head.number < gate.from {
            return Err(StateError::StateNotKept { number: head.number, first: gate.from });
        }
        gate.head = Some(head);
        Ok(())
    }

    /// A block was committed.
    pub fn moved(&self, head: HeadRecord) {
        self.shared.gate.lock().head = Some(head);
        self.shared.moved.notify_all();
    }
}

impl Drop for Pruner {
    fn drop(&mut self) {
        {
            // Under the lock, so that the worker does not miss it between looking and waiting.
            let _gate = self.shared.gate.lock();
            self.shared.stop.stop();
            self.shared.moved.notify_all();
        }
        if let Some(worker) = self.worker.take()
            && worker.join().is_err()
        {
            tracing::error!("the thread that lets old states go panicked: this is a bug");
        }
    }
}

/// How far letting go has come.
#[derive(Debug, Default)]
pub struct Progress {
    /// What can be seen of it.
    seen: Mutex<Pruned>,
}

/// What was let go since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Sweeps that came to their end.
    pub sweeps: u64,
    /// Nodes that were removed.
    pub removed: u64,
    /// Whether one is under way.
    pub sweeping: bool,
}

impl Progress {
    pub(crate) fn get(&self) -> Pruned {
        *self.seen.lock()
    }

    fn update(&self, change: impl FnOnce(&mut Pruned)) {
        change(&mut self.seen.lock());
    }
}
