//! What waits for the store, and what is done with it next.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::store::{Batch, StoreError};

/// The store is flushed when a quarter of what may wait is in it,
const FLUSH_SHARE: usize = 4;
/// or so many batches, which are executed again after a power cut,
const FLUSH_BATCHES: usize = 64;
/// or when the first of them is in it for so long.
const FLUSH_AGE: Duration = Duration::from_secs(1);

/// Batches that are not known to be on disk, in order.
#[derive(Default)]
pub(super) struct Queue {
    pub batches: VecDeque<Batch>,
    /// Number of the first of them; they have no gap.
    pub first: u64,
    /// How many of them the store has taken, and since when the oldest of those is in it.
    taken: usize,
    /// How many of them it may have something of: those, and what it failed with.
    tried: usize,
    taken_since: Option<Instant>,
    /// What all of them hold, in bytes.
    pub bytes: usize,
    /// Somebody waits until nothing waits.
    pub hurry: bool,
    pub failure: Option<Failure>,
    /// Somebody asks whether the failure has passed.
    pub retry: bool,
    pub stop: bool,
}

/// Why the store takes nothing.
#[derive(Clone)]
pub(super) struct Failure {
    why: String,
    corrupt: bool,
}

impl Failure {
    fn of(error: &StoreError) -> Self {
        let corrupt = matches!(error, StoreError::Corrupt(_));
        let why = match error {
            StoreError::Corrupt(why) | StoreError::Stalled(why) => why.clone(),
            error => error.to_string(),
        };
        Self { why, corrupt }
    }

    pub fn error(&self) -> StoreError {
        let why = self.why.clone();
        if self.corrupt { StoreError::Corrupt(why) } else { StoreError::Stalled(why) }
    }
}

/// What the worker does.
pub(super) enum Work {
    /// So many batches, as one.
    Write(Batch, usize),
    Flush,
    Reopen,
    Stop,
}

/// What is next.
pub(super) enum Next {
    Work(Work),
    /// Waiting for a change, for so long at most.
    Wait(Option<Duration>),
}

impl Queue {
    /// What the worker does next; about `most` bytes may wait.
    pub fn next(&mut self, most: usize) -> Next {
        let all_taken = self.taken == self.batches.len();
        let age = self.taken_since.map(|since| since.elapsed());
        let is_due = |taken_bytes: usize| {
            taken_bytes >= most / FLUSH_SHARE
                || self.taken >= FLUSH_BATCHES
                || age.is_some_and(|age| age >= FLUSH_AGE)
                || (all_taken && (self.hurry || self.stop))
        };
        Next::Work(if self.failure.is_some() {
            match (self.stop, self.retry) {
                (true, _) => Work::Stop,
                (false, true) => Work::Reopen,
                (false, false) => return Next::Wait(None),
            }
        } else if self.taken > 0 && is_due(self.taken_bytes()) {
            Work::Flush
        } else if !all_taken {
            self.write()
        } else if self.stop {
            Work::Stop
        } else {
            self.hurry &= self.taken > 0;
            return Next::Wait(age.map(|age| FLUSH_AGE.saturating_sub(age)));
        })
    }

    /// Writes the next batch. What a store may have already, which was opened again, goes in at once: one after the other would
    /// take it back to what it was before, and to what it never was where a later one says more of a thing.
    fn write(&mut self) -> Work {
        let count = self.tried.saturating_sub(self.taken).max(1);
        self.tried = self.taken + count;
        let mut next = self.batches.iter().skip(self.taken).take(count);
        let mut batch = next.next().cloned().unwrap_or_default();
        next.for_each(|later| batch.extend(later));
        Work::Write(batch, count)
    }

    /// The number of the next batch.
    pub fn next_number(&self) -> u64 {
        self.first + self.batches.len() as u64
    }

    pub fn push(&mut self, batch: Batch) {
        self.bytes += batch.bytes();
        self.batches.push_back(batch);
    }

    /// The store has so many more.
    pub fn took(&mut self, count: usize) {
        self.taken += count;
        self.taken_since.get_or_insert_with(Instant::now);
    }

    pub fn fail(&mut self, error: &StoreError) {
        self.failure = Some(Failure::of(error));
        self.retry = false;
    }

    /// The store was opened again, and has nothing for sure.
    pub fn begin_again(&mut self) {
        (self.failure, self.retry, self.taken, self.taken_since) = (None, false, 0, None);
    }

    /// What the store has taken is on disk.
    pub fn forget_taken(&mut self) -> Vec<Batch> {
        let taken = std::mem::take(&mut self.taken);
        self.taken_since = None;
        // No more was taken than tried.
        self.tried -= taken;
        self.first += taken as u64;
        let batches: Vec<_> = self.batches.drain(..taken).collect();
        self.bytes -= batches.iter().map(Batch::bytes).sum::<usize>();
        batches
    }

    fn taken_bytes(&self) -> usize {
        self.batches.iter().take(self.taken).map(Batch::bytes).sum()
    }
}
