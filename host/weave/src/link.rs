//! One direction: reads an origin's certified blocks, and sends a destination what makes their units take effect.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use alloy_primitives::B256;

use crate::{
    Counts, CursorError, Destination, Origin, PortError,
    cursor::Cursor,
    errand::{Errand, accepted, errands},
    heartbeat::Heartbeat,
    run::Run,
};

/// Most units that may be open at once.
pub const MAX_OPEN: usize = 4_096;
/// Most of them that may be parked: refused for now, and tried again ever more seldom. What is refused beyond that is given up, so
/// there is always room for others.
pub const MAX_PARKED: usize = 1_024;
/// Most blocks of either chain that one step reads.
const BLOCKS_A_STEP: u64 = 256;
/// Blocks after which the file is written though nothing else changed: reading them again costs little.
const SAVE_BLOCKS: u64 = 64;
/// How a link behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkOptions {
    /// After how many certified blocks without one the destination gets a root; 0: only with units.
    pub heartbeat: u64,
}

/// Why a step was not finished. The next one goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// One of the chains did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The link's file.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// An answer of an engine that is no weave engine.
    #[error("chain {0}: what is mounted there does not answer as a weave engine")]
    NotWeave(u64),
}

/// Carries from one chain to another.
pub struct Link {
    pub(crate) origin: Arc<dyn Origin>,
    pub(crate) destination: Arc<dyn Destination>,
    pub(crate) options: LinkOptions,
    file: PathBuf,
    pub(crate) cursor: Cursor,
    /// What the file has.
    saved: Cursor,
    /// Of open errands.
    pub(crate) runs: BTreeMap<B256, Run>,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) counts: Arc<Counts>,
}

impl Link {
    /// Goes on where the file says.
    pub fn open(
        origin: Arc<dyn Origin>,
        destination: Arc<dyn Destination>,
        file: PathBuf,
        options: LinkOptions,
    ) -> Result<Self, CursorError> {
        let cursor = Cursor::load(&file)?;
        let (runs, saved, heartbeat) = (BTreeMap::new(), cursor.clone(), Heartbeat::default());
        Ok(Self { origin, destination, options, file, cursor, saved, runs, heartbeat, counts: Arc::default() })
    }

    /// What it did.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Chain ids of origin and destination.
    pub fn ends(&self) -> (u64, u64) {
        (self.origin.chain_id(), self.destination.chain_id())
    }

    /// Whether a step could do something: there are blocks that were not read, or open units.
    pub fn has_work(&self) -> Result<bool, LinkError> {
        let Cursor { open, read, seen, .. } = &self.cursor;
        Ok(!open.is_empty() || self.origin.certified()? > *read || self.destination.head()? > *seen)
    }

    /// Does what can be done now. `now` is the time since any fixed moment.
    pub fn step(&mut self, now: Duration) -> Result<(), LinkError> {
        let stepped = self.advance(now);
        let waits = self.cursor.open.keys().filter_map(|id| Some(now.saturating_sub(self.runs.get(id)?.since)));
        self.counts.oldest_ms.store(millis(waits.max().unwrap_or_default()), Relaxed);
        self.counts.open.store(self.cursor.open.len() as u64, Relaxed);
        self.counts.parked.store(self.parked().count() as u64, Relaxed);
        if stepped.is_err() {
            self.counts.failed.fetch_add(1, Relaxed);
        }
        stepped
    }

    fn advance(&mut self, now: Duration) -> Result<(), LinkError> {
        let certified = self.origin.certified()?;
        self.watch(now)?;
        self.read(certified, now)?;
        // Before anything is sent: who dies after sending finds it open.
        self.save()?;
        let done = self.carry(certified, now);
        self.give_up();
        self.save()?;
        done?;
        self.beat(certified, now)
    }

    /// Reads what was certified since.
    fn read(&mut self, certified: u64, now: Duration) -> Result<(), LinkError> {
        // Only a development chain that was taken back has less than what was read; what comes instead is read again.
        self.cursor.read = self.cursor.read.min(certified);
        let last = certified.min(self.cursor.read.saturating_add(BLOCKS_A_STEP));
        while self.cursor.read < last && self.has_room() {
            let height = self.cursor.read + 1;
            let logs = self.origin.logs(height)?;
            self.meet(errands(&*self.origin, self.destination.chain_id(), &logs), now);
            self.cursor.read = height;
        }
        self.counts.behind.store(certified - self.cursor.read, Relaxed);
        Ok(())
    }

    /// Reads which rights were accepted at the destination, by whomever. A proof of before a revocation holds as long as its root
    /// is near enough, so a right that is gone may be accepted after it was looked at here, and must be ended then.
    fn watch(&mut self, now: Duration) -> Result<(), LinkError> {
        let head = self.destination.head()?;
        self.cursor.seen = self.cursor.seen.min(head);
        let last = head.min(self.cursor.seen.saturating_add(BLOCKS_A_STEP));
        while self.cursor.seen < last && self.has_room() {
            let height = self.cursor.seen + 1;
            let logs = self.destination.logs(height)?;
            self.meet(accepted(&*self.origin, &logs), now);
            self.cursor.seen = height;
        }
        Ok(())
    }

    fn meet(&mut self, errands: Vec<(B256, Errand)>, now: Duration) {
        for (id, errand) in errands {
            self.cursor.open.insert(id, errand);
            // Something new is known of it, so what it waited for may be over.
            self.runs.entry(id).or_insert(Run::new(now)).due = now;
        }
    }

    /// Open errands that were refused.
    pub(crate) fn parked(&self) -> impl Iterator<Item = (&B256, &Run)> {
        self.runs.iter().filter(|(_, run)| run.refused.is_some())
    }

    fn has_room(&self) -> bool {
        self.cursor.open.len() < MAX_OPEN
    }

    fn save(&mut self) -> Result<(), LinkError> {
        let far = |now: u64, then: u64| now.abs_diff(then) >= SAVE_BLOCKS;
        let moved = far(self.cursor.read, self.saved.read) || far(self.cursor.seen, self.saved.seen);
        if self.cursor.open != self.saved.open || moved {
            self.cursor.save(&self.file)?;
            self.saved = self.cursor.clone();
        }
        Ok(())
    }
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
