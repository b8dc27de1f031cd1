//! The worker: waits until there is enough to let go, marks, removes, rests.

use alloy_primitives::B256;
use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{KeptRecord, Marks, Progress, Shared, reach::Reach};
use crate::{
    behind::Behind,
    error::{Blame, StateError},
    history, keys,
    nodes::Nodes,
    store::{Batch, Store},
};

/// Fewest nodes that are written between two sweeps: less is not worth reading everything.
const LEAST_WRITTEN: u64 = 5_000;
/// How long it works before it rests as long.
const SLICE: Duration = Duration::from_millis(2);
/// Nodes that are marked, looked at or removed in one turn: a block may wait for one.
const AT_ONCE: usize = 512;
/// How long it waits after the store failed, and between two looks at who still reads old states.
const PATIENCE: Duration = Duration::from_millis(20);
const FAILED_PATIENCE: Duration = Duration::from_secs(5);
/// Kept nodes from which on the store is read in 65,536 parts instead of 256: a part is held in memory, and each costs a descent.
const MANY: u64 = 4_000_000;

pub(super) struct Sweeper {
    /// How many blocks' states are kept.
    pub blocks: u64,
    pub shared: Arc<Shared>,
    pub store: Arc<Behind>,
    pub nodes: Arc<Nodes>,
    pub record: KeptRecord,
    pub progress: Arc<Progress>,
}

/// Why a sweep did not come to its end.
enum Ended {
    /// The store is being closed.
    Stopped,
    Failed(StateError),
}

impl From<StateError> for Ended {
    fn from(error: StateError) -> Self {
        Self::Failed(error)
    }
}

impl Sweeper {
    pub fn work(&mut self) {
        while let Some((from, head)) = self.wait() {
            self.progress.update(|seen| seen.sweeping = true);
            let swept = self.sweep(from, head);
            self.shared.gate.lock().marks = None;
            self.progress.update(|seen| seen.sweeping = false);
            match swept {
                Ok(()) => {}
                Err(Ended::Stopped) => return,
                // The store is marked: the next start rebuilds it, and reading meets the same.
                Err(Ended::Failed(error)) if error.blame() == Blame::Data => {
                    return tracing::error!(%error, "old states stay: the store is damaged");
                }
                Err(Ended::Failed(error)) => {
                    tracing::warn!(%error, "old states stay for now");
                    self.pause(FAILED_PATIENCE);
                }
            }
        }
    }

    /// Waits until a sweep is due, and begins it: from here on everything that is written is marked. Gives the first block
    /// to keep, and the last one to mark.
    fn wait(&self) -> Option<(u64, u64)> {
        let mut gate = self.shared.gate.lock();
        loop {
            if self.shared.stop.load(Ordering::SeqCst) {
                return None;
            }
            if let Some(head) = gate.head.map(|head| head.number) {
                let from = (head + 1).saturating_sub(self.blocks);
                let goes = from.saturating_sub(self.record.from);
                let written = gate.written.saturating_sub(self.record.written);
                if goes > self.blocks / 2 && written >= self.record.live.max(LEAST_WRITTEN) {
                    (gate.marks, gate.from) = (Some(Marks::default()), from);
                    return Some((from, head));
                }
            }
            self.shared.moved.wait(&mut gate);
        }
    }

    fn sweep(&mut self, from: u64, head: u64) -> Result<(), Ended> {
        let began = Instant::now();
        // Said before anything goes. What was kept before is still there if this ends early.
        self.commit(|batch, record| {
            record.from = from;
            record.put(batch);
        })?;
        let readers = self.shared.kept.advance(from);
        let mut said = false;
        while Arc::strong_count(&readers) > 1 {
            if !said && began.elapsed() > Duration::from_secs(60) {
                said = true;
                tracing::info!(readers = Arc::strong_count(&readers) - 1, "old states stay while somebody reads one");
            }
            self.pause(PATIENCE);
            self.go_on()?;
        }
        self.mark(from, head)?;
        let removed = self.remove()?;
        let mut gate = self.shared.gate.lock();
        let live = gate.marks.take().map_or(0, |marks| marks.len());
        let written = gate.written;
        drop(gate);
        self.commit(|batch, record| {
            (record.live, record.written) = (live, written);
            record.put(batch);
        })?;
        self.progress.update(|seen| {
            (seen.sweeps, seen.removed, seen.live) = (seen.sweeps + 1, seen.removed + removed, live);
        });
        tracing::info!(
            first_kept = from,
            removed,
            live,
            took_ms = began.elapsed().as_millis() as u64,
            "old states went"
        );
        Ok(())
    }

    fn commit(&mut self, change: impl FnOnce(&mut Batch, &mut KeptRecord)) -> Result<(), Ended> {
        let mut batch = Batch::default();
        change(&mut batch, &mut self.record);
        self.store.ready().map_err(StateError::from)?;
        self.store.commit(batch).map_err(StateError::from)?;
        Ok(())
    }

    fn mark(&self, from: u64, head: u64) -> Result<(), Ended> {
        let mut reach = Reach::new(&self.nodes);
        let mut rest = Rest::default();
        let mut met = Vec::new();
        for number in from..=head {
            let header = history::header(&*self.store, number)?.ok_or(StateError::Damaged { what: "block header" })?;
            let mut stopped = false;
            let walked = reach.walk(header.1.state_root, &mut |hash| {
                met.push(hash);
                if met.len() >= AT_ONCE {
                    self.put_marks(&mut met);
                    rest.rest();
                    stopped = self.go_on().is_err();
                }
                if stopped { Err(StateError::UnknownBlock(number)) } else { Ok(()) }
            });
            self.put_marks(&mut met);
            if stopped {
                return Err(Ended::Stopped);
            }
            walked?;
        }
        Ok(())
    }

    fn put_marks(&self, met: &mut Vec<B256>) {
        if let Some(marks) = &mut self.shared.gate.lock().marks {
            met.drain(..).for_each(|hash| marks.put(hash));
        }
    }

    /// Removes what is not marked; gives how many nodes that were.
    fn remove(&self) -> Result<u64, Ended> {
        let many = self.shared.gate.lock().marks.as_ref().is_some_and(|marks| marks.len() >= MANY);
        let parts: u32 = if many { 1 << 16 } else { 1 << 8 };
        let mut rest = Rest::default();
        let (mut removed, mut dead) = (0, Vec::new());
        for part in 0..parts {
            let bytes = part.to_be_bytes();
            let prefix = [keys::NODES, if many { &bytes[2..] } else { &bytes[3..] }].concat();
            let stored: Result<Vec<_>, _> = self.store.scan(&prefix).map(|entry| entry.map(|(key, _)| key)).collect();
            let stored = stored.map_err(StateError::from)?;
            for some in stored.chunks(AT_ONCE) {
                let gate = self.shared.gate.lock();
                let marks = gate.marks.as_ref().ok_or(Ended::Stopped)?;
                dead.extend(some.iter().filter(|key| !is_marked(marks, key)).cloned());
                drop(gate);
                if dead.len() >= AT_ONCE {
                    removed += self.remove_some(&mut dead)?;
                }
                rest.rest();
                self.go_on()?;
            }
            rest.rest();
            self.go_on()?;
        }
        Ok(removed + self.remove_some(&mut dead)?)
    }

    /// Removes those that no block has written again meanwhile.
    fn remove_some(&self, dead: &mut Vec<Vec<u8>>) -> Result<u64, Ended> {
        self.store.ready().map_err(StateError::from)?;
        let gate = self.shared.gate.lock();
        let marks = gate.marks.as_ref().ok_or(Ended::Stopped)?;
        let mut batch = Batch::default();
        dead.drain(..).filter(|key| !is_marked(marks, key)).for_each(|key| batch.remove(key));
        let removed = batch.len() as u64;
        if removed > 0 {
            self.store.commit(batch).map_err(StateError::from)?;
        }
        Ok(removed)
    }

    fn go_on(&self) -> Result<(), Ended> {
        if self.shared.stop.load(Ordering::SeqCst) { Err(Ended::Stopped) } else { Ok(()) }
    }

    /// Waits, or until the store is closed.
    fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && self.go_on().is_ok() {
            thread::sleep(PATIENCE.min(until.saturating_duration_since(Instant::now())));
        }
    }
}

/// What is no node's key stays.
fn is_marked(marks: &Marks, key: &[u8]) -> bool {
    let hash = key.get(keys::NODES.len()..).and_then(|hash| B256::try_from(hash).ok());
    hash.is_none_or(|hash| marks.has(hash))
}

/// Leaves the machine to others half of the time.
struct Rest {
    since: Instant,
}

impl Default for Rest {
    fn default() -> Self {
        Self { since: Instant::now() }
    }
}

impl Rest {
    fn rest(&mut self) {
        let worked = self.since.elapsed();
        if worked >= SLICE {
            thread::sleep(worked);
            self.since = Instant::now();
        }
    }
}
