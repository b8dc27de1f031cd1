//! What the block path leaves to the shadows of its chain. It never waits: a shadow that is behind loses blocks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError},
    },
};

use alloy_primitives::{Address, B256};
use caldera_state::FlatView;
use parking_lot::Mutex;

use super::{
    cache::{KnownState, Remembering},
    worker::ShadowRun,
};
use crate::executed::ExecutedBlock;

/// A committed block, with what its execution read.
pub(crate) struct Job {
    pub(super) block: Arc<ExecutedBlock>,
    /// Root of the state on which it was executed.
    pub(super) parent_root: B256,
    pub(super) known: KnownState,
}

/// The way to one shadow.
#[derive(Clone)]
pub(super) struct Feed {
    pub(super) jobs: SyncSender<Arc<Job>>,
    /// Blocks and calls lost because the shadow was behind.
    pub(super) lost: Arc<Lost>,
    pub(super) mount: Address,
}

/// What a shadow never saw.
#[derive(Default)]
pub(super) struct Lost {
    pub(super) blocks: AtomicU64,
    pub(super) calls: AtomicU64,
}

impl Feed {
    /// Hands a block over. False when nobody is there any more.
    fn send(&self, job: &Arc<Job>) -> bool {
        match self.jobs.try_send(job.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.lost.blocks.fetch_add(1, Ordering::Relaxed);
                self.lost.calls.fetch_add(direct_calls(&job.block, self.mount), Ordering::Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

/// Transactions that call an engine directly.
pub(super) fn direct_calls(block: &ExecutedBlock, mount: Address) -> u64 {
    use alloy_consensus::Transaction as _;
    let to = alloy_primitives::TxKind::Call(mount);
    block.block.transactions.iter().filter(|&tx| tx.kind() == to).count() as u64
}

/// The shadows of one chain, by mount.
#[derive(Default)]
pub(crate) struct Shadows(pub(super) Mutex<BTreeMap<Address, ShadowRun>>);

impl Shadows {
    /// The view for the next block to execute on: it remembers what is read if a shadow wants it.
    pub(crate) fn watch(&self, flat: &FlatView) -> Option<Remembering<FlatView>> {
        let wanted = self.0.lock().values().any(ShadowRun::is_running);
        wanted.then(|| Remembering::new(flat.clone(), KnownState::default()))
    }

    /// Hands a committed block to every shadow.
    pub(crate) fn feed(&self, block: &Arc<ExecutedBlock>, parent_root: B256, known: KnownState) {
        let job = Arc::new(Job { block: block.clone(), parent_root, known });
        for run in self.0.lock().values_mut() {
            run.feed.take_if(|feed| !feed.send(&job));
        }
    }
}
