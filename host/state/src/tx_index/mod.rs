//! Where a transaction stands, by its hash.
//!
//! Hashes come in no order, and a database that gets them one by one works on another page for each: that was four fifths of what
//! sled did for a transfer, and a third of its file. So the newest blocks' transactions are in memory, from where they are read
//! again when a chain opens ([`Sizes`] bounds how many blocks that are); then they lie in *runs*, each of some blocks, sorted, in
//! pieces of a few kilobytes; eight runs alike become one, in the background. Looking a transaction up takes one piece of each run, of
//! which there are at most seven of each size: the structure is that of a log-structured merge tree (O'Neil et al., 1996), tiered.
//!
//! Invariants:
//! - the runs that count and the blocks in memory follow each other without a gap, from the first block to the head;
//! - a run comes with the last of its blocks, in one batch;
//! - one that takes others' place counts in the batch in which those cease to, when all of its pieces are there; what is on its
//!   way in or out is recorded, and goes after a crash.

mod merge;
mod recent;
mod run;
mod stored;

#[cfg(test)]
mod tests;

use alloy_primitives::B256;
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::{
    ops::{Range, RangeInclusive},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    error::StateError,
    log::BlockLog,
    store::{Batch, Store},
};
use caldera_types::SealedBlock;
use recent::{Recent, hashes};
use run::{Item, Run, settle};
use stored::Stored;

pub(crate) use merge::Merges;
pub(crate) use stored::check;

/// When what is in memory becomes a run, and runs become one.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Transactions,
    items: usize,
    /// blocks,
    blocks: u64,
    /// or bytes of the block log, which are read when a chain opens.
    log_bytes: u64,
    /// Runs that become one.
    fan: usize,
    /// Runs of which the newest become one whatever they have.
    most_runs: usize,
}

const SIZES: Sizes = Sizes { items: 4_096, blocks: 1_024, log_bytes: 16 << 20, fan: 8, most_runs: 64 };

/// The index of a chain's transactions.
pub(crate) struct TxIndex {
    sizes: Sizes,
    /// Locked before the runs by who wants both.
    recent: RwLock<Recent>,
    /// Those that count, oldest first.
    runs: RwLock<Arc<Vec<Run>>>,
    /// Those whose pieces are to be removed.
    going: Mutex<Vec<Run>>,
    next_id: AtomicU64,
    /// Held by who puts one run in others' place, and by who takes blocks back.
    changing: Mutex<()>,
}

impl TxIndex {
    /// The index of what is in a store, whose newest block is `head`.
    pub fn open(store: &dyn Store, log: &BlockLog, head: Option<u64>) -> Result<Self, StateError> {
        Self::with_recent(store, log, head, SIZES)
    }

    /// The same, which writes nothing.
    pub fn open_to_read(store: &dyn Store, log: &BlockLog, head: Option<u64>) -> Result<Self, StateError> {
        Self::with_recent(store, log, head, Sizes { items: usize::MAX, blocks: u64::MAX, log_bytes: u64::MAX, ..SIZES })
    }

    fn with_recent(store: &dyn Store, log: &BlockLog, head: Option<u64>, sizes: Sizes) -> Result<Self, StateError> {
        let mut index = Self::with_runs(store, log.first(), sizes)?;
        if let Some(head) = head {
            let mut runs = Vec::clone(index.runs.get_mut());
            let recent = index.read_again(store, log, index.first_recent()..=head, &mut runs)?;
            (*index.recent.get_mut(), *index.runs.get_mut()) = (recent, Arc::new(runs));
        }
        Ok(index)
    }

    /// What the log has of the newest blocks. They are more than may be in memory where runs were taken back or have gone without a
    /// word: those become runs.
    fn read_again(
        &self,
        store: &dyn Store,
        log: &BlockLog,
        blocks: RangeInclusive<u64>,
        runs: &mut Vec<Run>,
    ) -> Result<Recent, StateError> {
        let mut recent = Recent::new(*blocks.start(), self.new_id());
        for number in blocks {
            let block = log.block(number)?.ok_or(StateError::UnknownBlock(number))?;
            let mut batch = Batch::default();
            match self.run_with(&recent, &mut batch, number, hashes(&block), log.bytes_of(recent.first..number)) {
                Some(run) => {
                    store.commit(batch)?;
                    runs.push(run);
                    recent = Recent::new(number + 1, self.new_id());
                }
                None => recent.add(number, hashes(&block)),
            }
        }
        Ok(recent)
    }

    /// The runs of a chain whose first block is `first`, and nothing in memory.
    fn with_runs(store: &dyn Store, first: u64, sizes: Sizes) -> Result<Self, StateError> {
        let Stored { runs, going, next, free_id } = Stored::read(store, first)?;
        Ok(Self {
            sizes,
            recent: RwLock::new(Recent::new(next, free_id)),
            runs: RwLock::new(Arc::new(runs)),
            going: Mutex::new(going),
            next_id: AtomicU64::new(free_id + 1),
            changing: Mutex::default(),
        })
    }

    /// Height and index of a transaction.
    pub fn find(&self, store: &dyn Store, hash: B256) -> Result<Option<(u64, u32)>, StateError> {
        loop {
            let runs = {
                let recent = self.recent.read();
                if let Some(place) = recent.places.get(&hash) {
                    return Ok(Some(*place));
                }
                // Of the same moment: what goes from one to the other would be found in neither.
                self.runs.read().clone()
            };
            let found = runs.iter().rev().find_map(|run| run.find(store, hash).transpose()).transpose();
            match found {
                // One that another took the place of meanwhile loses its pieces.
                Err(StateError::Damaged { .. }) if !Arc::ptr_eq(&runs, &self.runs.read()) => {}
                found => return found,
            }
        }
    }

    /// Puts what becomes a run with this block into `batch`, if it does.
    pub fn put(&self, batch: &mut Batch, block: &SealedBlock, log: &BlockLog) -> Option<NewRun> {
        let number = block.header.number;
        self.put_hashes(batch, number, hashes(block), log.bytes_of(self.first_recent()..number))
    }

    fn put_hashes(
        &self,
        batch: &mut Batch,
        number: u64,
        hashes: impl ExactSizeIterator<Item = B256>,
        log_bytes: u64,
    ) -> Option<NewRun> {
        self.run_with(&self.recent.read(), batch, number, hashes, log_bytes).map(NewRun)
    }

    /// What blocks in memory become with the next one, if it is time. `log_bytes` are those of the former.
    fn run_with(
        &self,
        recent: &Recent,
        batch: &mut Batch,
        number: u64,
        hashes: impl ExactSizeIterator<Item = B256>,
        log_bytes: u64,
    ) -> Option<Run> {
        let blocks = (number + 1).saturating_sub(recent.first);
        let (sizes, count) = (&self.sizes, recent.places.len() + hashes.len());
        if count < sizes.items && blocks < sizes.blocks && log_bytes < sizes.log_bytes {
            return None;
        }
        let old =
            recent.places.iter().map(|(hash, (number, index))| Item { hash: *hash, number: *number, index: *index });
        let new = (0u32..).zip(hashes).map(|(index, hash)| Item { hash, number, index });
        let mut items: Vec<_> = old.chain(new).collect();
        settle(&mut items);
        let run = Run::new(recent.id, recent.first..=number, items.len() as u64);
        let mut rest = &items[..];
        for piece in 0..run.pieces() {
            let (these, others) = rest.split_at(rest.partition_point(|item| run.piece_of(item.hash) <= piece));
            run.put_piece(batch, piece, these);
            rest = others;
        }
        run.put(batch, true);
        Some(run)
    }

    /// The store has a block, and `run` if there is one.
    pub fn advance(&self, block: &SealedBlock, run: Option<NewRun>) {
        self.advance_hashes(block.header.number, hashes(block), run);
    }

    fn advance_hashes(&self, number: u64, hashes: impl IntoIterator<Item = B256>, run: Option<NewRun>) {
        let mut recent = self.recent.write();
        let Some(NewRun(run)) = run else { return recent.add(number, hashes) };
        Arc::make_mut(&mut self.runs.write()).push(run);
        *recent = Recent::new(number + 1, self.new_id());
    }

    /// The first block whose transactions are in memory.
    pub fn first_recent(&self) -> u64 {
        self.recent.read().first
    }

    /// Takes the blocks above `head` out, and returns once the store knows; while what it gives is held, runs stay as they are.
    pub fn go_back(&self, store: &dyn Store, log: &BlockLog, head: u64) -> Result<MutexGuard<'_, ()>, StateError> {
        let changing = self.changing.lock();
        let mut runs = Vec::clone(&self.runs.read());
        let gone = runs.split_off(runs.partition_point(|run| run.last <= head));
        let mut batch = Batch::default();
        gone.iter().for_each(|run| run.put(&mut batch, false));
        store.commit(batch)?;
        let first = gone.first().map_or_else(|| self.first_recent(), |run| run.first);
        // A suite of tests goes back a few blocks again and again.
        let held = self.recent.read().without_above(head, self.new_id()).filter(|_| gone.is_empty());
        let kept = held.map_or_else(|| self.read_again(store, log, first..=head, &mut runs), Ok)?;
        let mut recent = self.recent.write();
        (*recent, *self.runs.write()) = (kept, Arc::new(runs));
        drop(recent);
        self.going.lock().extend(gone);
        Ok(changing)
    }

    fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::SeqCst)
    }

    /// Which runs are to become one: as many alike, side by side, as [`Sizes::fan`] says, short ones first.
    fn due(&self) -> Option<Range<usize>> {
        let (runs, fan) = (self.runs.read().clone(), self.sizes.fan);
        let size = |run: &Run| (run.items / self.sizes.items as u64).checked_ilog(fan as u64).unwrap_or(0);
        let mut start = runs.len();
        for alike in runs.chunk_by(|a, b| size(a) == size(b)).rev() {
            start -= alike.len();
            if alike.len() >= fan {
                return Some(start..start + fan);
            }
        }
        (runs.len() > self.sizes.most_runs).then(|| runs.len() - fan..runs.len())
    }
}

/// A run that is in a batch.
#[must_use = "the index is told when the store has the batch"]
#[derive(Debug)]
pub(crate) struct NewRun(Run);
