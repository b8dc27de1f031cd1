//! The worker: waits until there is enough to let go, removes it block by block, rests.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{KeptRecord, Progress, Shared, gone};
use crate::{
    background::{self, Ended, Rest},
    behind::Behind,
    error::Blame,
    keys,
    nodes::{Nodes, pack},
    roots,
    store::{Batch, Store as _},
};

/// How many sweeps there are while as many blocks come as are kept, at most.
const SWEEPS: u64 = 8;
/// How long it waits after the store failed, and between two looks at who still reads old states.
const PATIENCE: Duration = Duration::from_millis(20);
const FAILED_PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Sweeper {
    /// How many blocks' states are kept.
    pub blocks: u64,
    pub shared: Arc<Shared>,
    pub store: Arc<Behind>,
    pub nodes: Arc<Nodes>,
    pub record: KeptRecord,
    pub progress: Arc<Progress>,
}

impl Sweeper {
    pub fn work(&mut self) {
        while let Some(from) = self.wait() {
            self.progress.update(|seen| seen.sweeping = true);
            let swept = self.sweep(from);
            self.progress.update(|seen| seen.sweeping = false);
            match swept {
                Ok(()) => {}
                Err(Ended::Stopped) => return,
                // The store is marked: the next start rebuilds it, and reading meets the same.
                Err(Ended::Failed(error)) if error.blame() == Blame::Data => {
                    self.store.condemn(&error.to_string());
                    return tracing::error!(%error, "old states stay: the store is damaged");
                }
                Err(Ended::Failed(error)) => {
                    tracing::warn!(%error, "old states stay for now");
                    self.shared.stop.pause(FAILED_PATIENCE);
                }
            }
        }
    }

    /// Waits until a sweep is due, and gives the first block whose state it keeps.
    fn wait(&self) -> Option<u64> {
        let mut gate = self.shared.gate.lock();
        loop {
            if self.shared.stop.is_set() {
                return None;
            }
            if let Some(head) = gate.head.map(|head| head.number) {
                let from = (head + 1).saturating_sub(self.blocks).max(self.record.from);
                if from - self.record.from > self.blocks / SWEEPS || self.record.swept < self.record.from {
                    gate.from = from;
                    return Some(from);
                }
            }
            self.shared.moved.wait(&mut gate);
        }
    }

    fn sweep(&mut self, from: u64) -> Result<(), Ended> {
        let began = Instant::now();
        // Said before anything goes. What was kept before is still there if this ends early.
        self.commit(Batch::default(), KeptRecord { from, ..self.record })?;
        let readers = self.shared.kept.advance(from);
        let mut said = false;
        while Arc::strong_count(&readers) > 1 {
            if !said && began.elapsed() > Duration::from_secs(60) {
                said = true;
                tracing::info!(readers = Arc::strong_count(&readers) - 1, "old states stay while somebody reads one");
            }
            self.shared.stop.pause(PATIENCE);
            self.shared.stop.go_on()?;
        }
        let (mut rest, mut removed) = (Rest::default(), 0);
        for number in self.record.swept..from {
            removed += self.remove(number)?;
            rest.rest(&self.shared.stop)?;
        }
        self.progress.update(|seen| seen.sweeps += 1);
        tracing::info!(first_kept = from, removed, took_ms = began.elapsed().as_millis() as u64, "old states went");
        Ok(())
    }

    /// Removes what the state of a block has and the next one has not, all or nothing; gives how many nodes that are.
    fn remove(&mut self, number: u64) -> Result<u64, Ended> {
        let root = |number| roots::must_get(&*self.store, number);
        let gone = gone::gone(&self.nodes, root(number)?, root(number + 1)?)?;
        let mut batch = Batch::default();
        pack::remove(&mut batch, &*self.store, &gone)?;
        batch.remove(keys::root(number));
        self.commit(batch, KeptRecord { swept: number + 1, ..self.record })?;
        let count = gone.len() as u64;
        self.progress.update(|seen| seen.removed += count);
        Ok(count)
    }

    /// Writes something, and how far this has come with it: what fails is to be done again.
    fn commit(&mut self, mut batch: Batch, record: KeptRecord) -> Result<(), Ended> {
        record.put(&mut batch);
        background::commit(&self.store, batch)?;
        self.record = record;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloy_trie::EMPTY_ROOT_HASH;

    use super::*;
    use crate::{
        behind::tests::{Door, Weary},
        place::NodeRef,
        prune::{Gate, Kept},
    };

    #[test]
    fn a_block_that_could_not_go_goes_with_the_next_try() {
        let under = Arc::new(Weary::default());
        let door = Door::new(&under);
        door.fill(false);
        let store = Arc::new(Behind::new(under, Box::new(door.clone()), 1 << 20).unwrap());
        let mut batch = Batch::default();
        (0..3).for_each(|number| roots::put(&mut batch, number, NodeRef::anywhere(EMPTY_ROOT_HASH)));
        store.commit(batch).unwrap();
        store.flush().unwrap();
        let shared = Shared {
            kept: Arc::new(Kept::new(0)),
            gate: parking_lot::Mutex::new(Gate::default()),
            moved: parking_lot::Condvar::new(),
            stop: background::Stop::default(),
        };
        let mut sweeper = Sweeper {
            blocks: 1,
            shared: Arc::new(shared),
            store: store.clone(),
            nodes: Arc::new(Nodes::new(store.clone(), 0)),
            record: KeptRecord::default(),
            progress: Arc::default(),
        };
        door.fill(true);
        store.commit(Batch::default()).unwrap();
        store.flush().unwrap_err();
        assert!(sweeper.sweep(2).is_err() && sweeper.remove(0).is_err());
        assert_eq!(sweeper.record, KeptRecord::default());
        assert!(roots::get(&*store, 0).unwrap().is_some());
        door.fill(false);
        assert!(sweeper.sweep(2).is_ok());
        assert_eq!(KeptRecord::read(&*store).unwrap(), Some(KeptRecord { from: 2, swept: 2 }));
        for number in 0..3 {
            assert_eq!(roots::get(&*store, number).unwrap().is_some(), number == 2, "{number}");
        }
    }
}
