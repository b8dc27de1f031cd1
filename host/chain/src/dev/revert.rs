//! Going back to where a development chain was.

use alloy_primitives::B256;

use super::{Clock, DevError};
use crate::{chain::Chain, error::ChainError, events::ChainEvent, replay};

/// The places to which a chain can go back.
#[derive(Default)]
pub(super) struct Snapshots {
    taken: Vec<Snapshot>,
    /// How many were ever taken.
    count: u64,
}

#[derive(Clone, Copy)]
struct Snapshot {
    id: u64,
    number: u64,
    hash: B256,
    clock: Clock,
}

impl Chain {
    /// Notes where the chain is. The number names the place.
    pub fn snapshot(&self) -> Result<u64, DevError> {
        self.must_be_development()?;
        let clock = *self.dev.clock.lock();
        let head = self.head();
        let mut snapshots = self.dev.snapshots.lock();
        snapshots.count += 1;
        let id = snapshots.count;
        snapshots.taken.push(Snapshot { id, number: head.number(), hash: head.block.hash(), clock });
        Ok(id)
    }

    /// Goes back to a place, which is used up then, as all are that were noted after it. Blocks, state and clock are as they
    /// were; what waited in the pool is gone. False if there is no such place, or no more.
    pub fn revert(&self, id: u64) -> Result<bool, DevError> {
        self.must_be_development()?;
        self.must_work()?;
        let mut clock = self.dev.clock.lock();
        let _writer = self.writer.lock();
        self.catch_up()?;
        let snapshot = {
            let mut snapshots = self.dev.snapshots.lock();
            let Some(place) = snapshots.taken.iter().position(|snapshot| snapshot.id == id) else { return Ok(false) };
            let snapshot = snapshots.taken[place];
            snapshots.taken.truncate(place);
            snapshot
        };
        // Somebody went back below it meanwhile, by another place.
        if self.header(snapshot.number)?.is_none_or(|(hash, _)| hash != snapshot.hash) {
            return Ok(false);
        }
        if let Err(error) = self.go_back(snapshot.number) {
            // The store may be further back than the log. Opening the chain again mends that.
            self.halt(&error);
            return Err(error.into());
        }
        *clock = snapshot.clock;
        Ok(true)
    }

    fn go_back(&self, number: u64) -> Result<(), ChainError> {
        // What they compared is gone.
        self.stop_shadows();
        self.empty_pool()?;
        if number < self.head().number() {
            let block = self.state.block(number)?.ok_or(ChainError::UnknownBlock(number))?;
            let receipts = self.state.receipts(number)?.ok_or(ChainError::UnknownBlock(number))?;
            self.publish_older(crate::executed::ExecutedBlock::read_back(block, receipts));
            self.state.rewind(number)?;
            debug_assert_eq!(replay::newest(&self.state)?.block.hash(), self.head().block.hash());
            self.compile_armed();
            // Before any block that comes: the writer's lock is held.
            self.events.happened(ChainEvent::WentBack(number));
        }
        // What came in meanwhile was checked against a state that is gone.
        self.tell_pool()
    }

    /// What waits was meant for what comes after blocks that are gone. The journal forgets it too, with what those blocks had,
    /// before they are: it would be taken in again by the next start.
    fn empty_pool(&self) -> Result<(), ChainError> {
        {
            let mut pool = self.pool.lock();
            let content = pool.content(None);
            content.pending.iter().chain(&content.queued).for_each(|tx| pool.remove(tx));
        }
        Ok(self.journal.forget()?)
    }
}
