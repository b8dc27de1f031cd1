//! Letting old states go, in the background: mark what the kept roots lead to, then remove every other node.
//!
//! Nodes lie under their hashes and many states share them, so none tells by itself when it may go. A sweep reads every kept
//! node and every stored one. It begins once as many nodes were written as were kept by the last sweep (and half as many
//! blocks came as are kept), so that the work for each written node is bounded, and what is stored is bounded by about twice
//! what is kept.
//!
//! Invariants:
//! - what a kept root leads to is never removed: the roots from the first kept block to the head are marked, and so is, from
//!   the moment that head was taken, every node that a block writes; a block's other nodes are those of its parent;
//! - a removal and the commit of a block exclude each other ([`Gate`]), and reach the store in their order: a node that is
//!   written again after it was found dead is written after its removal;
//! - the store says from where on states are kept before any node goes; who began to read an older state before is waited for;
//! - the sweep rests for as long as it worked, and no lock is held over a walk or a scan.

mod kept;
mod marks;
mod reach;
mod sweeper;

use alloy_primitives::{B256, Bytes};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    behind::Behind,
    error::StateError,
    head::HeadRecord,
    keys,
    nodes::Nodes,
    options::History,
    store::{Batch, StoreError},
};
use marks::Marks;
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
    stop: AtomicBool,
}

/// What commits and removals take turns for.
#[derive(Debug, Default)]
struct Gate {
    head: Option<HeadRecord>,
    /// Nodes that were ever written, as far as that was counted.
    written: u64,
    /// What a sweep under way must not remove.
    marks: Option<Marks>,
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
        let written = kept::written(&**store)?;
        let kept = Arc::new(Kept::new(record.map_or(0, |record| record.from)));
        let gate = Gate { head, written: written.unwrap_or_default(), marks: None, from: kept.from() };
        let shared =
            Arc::new(Shared { kept, gate: Mutex::new(gate), moved: Condvar::new(), stop: AtomicBool::new(false) });
        let History::Blocks(blocks) = history else { return Ok(Self { shared, worker: None }) };
        let mut sweeper = Sweeper {
            blocks: blocks.get(),
            shared: shared.clone(),
            store: store.clone(),
            nodes: nodes.clone(),
            // What was never counted may be anything: it is looked at once there are blocks to let go.
            record: match (record.unwrap_or_default(), written) {
                (record, Some(_)) => record,
                (KeptRecord { from, .. }, None) => KeptRecord { from, ..KeptRecord::default() },
            },
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

    /// A block's turn to commit: what it writes is marked, its count goes into the batch.
    pub fn turn(&self, nodes: &[(B256, Bytes)], batch: &mut Batch) -> Turn<'_> {
        let mut gate = self.shared.gate.lock();
        if self.worker.is_some() {
            gate.written += nodes.len() as u64;
            batch.put(keys::WRITTEN, gate.written.to_be_bytes());
        }
        if let Some(marks) = &mut gate.marks {
            nodes.iter().for_each(|(hash, _)| marks.put(*hash));
        }
        Turn { gate, moved: &self.shared.moved }
    }
}

/// The turn of one block.
pub(crate) struct Turn<'a> {
    gate: MutexGuard<'a, Gate>,
    moved: &'a Condvar,
}

impl Turn<'_> {
    /// The store has the block.
    pub fn done(mut self, head: HeadRecord) {
        self.gate.head = Some(head);
        self.moved.notify_all();
    }
}

impl Drop for Pruner {
    fn drop(&mut self) {
        {
            // Under the lock, so that the worker does not miss it between looking and waiting.
            let _gate = self.shared.gate.lock();
            self.shared.stop.store(true, Ordering::SeqCst);
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
    /// Nodes that the last sweep kept.
    pub live: u64,
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
