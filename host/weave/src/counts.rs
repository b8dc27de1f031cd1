//! What a link did, for metrics.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;

/// Counted by the link, read by whoever shows it.
#[derive(Debug, Default)]
pub struct Counts {
    pub(crate) carried: AtomicU64,
    pub(crate) open: AtomicU64,
    pub(crate) parked: AtomicU64,
    pub(crate) behind: AtomicU64,
    pub(crate) last_ms: AtomicU64,
    pub(crate) total_ms: AtomicU64,
    pub(crate) oldest_ms: AtomicU64,
    pub(crate) given_up: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) refused: Mutex<BTreeMap<&'static str, u64>>,
}

/// The same at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Units for which something was sent, and that took effect or stopped to.
    pub carried: u64,
    /// Units that are not done.
    pub open: u64,
    /// Those of them that were refused and are tried again.
    pub parked: u64,
    /// Certified blocks that are not read.
    pub behind: u64,
    /// From reading the last unit's block to seeing it done, in milliseconds.
    pub last_ms: u64,
    /// The same of all units, added up.
    pub total_ms: u64,
    /// How long the oldest unit that is not done has been known, in milliseconds; 0: all are done.
    pub oldest_ms: u64,
    /// Units that are not tried any more: never taken, or parked beyond the bound.
    pub given_up: u64,
    /// Steps that could not be finished: a chain did not answer, the account has no funds, the file cannot be written.
    pub failed: u64,
    /// Refusals by the error's name.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// What was counted so far.
    pub fn read(&self) -> LinkCounts {
        LinkCounts {
            carried: self.carried.load(Relaxed),
            open: self.open.load(Relaxed),
            parked: self.parked.load(Relaxed),
            behind: self.behind.load(Relaxed),
            last_ms: self.last_ms.load(Relaxed),
            total_ms: self.total_ms.load(Relaxed),
            oldest_ms: self.oldest_ms.load(Relaxed),
            given_up: self.given_up.load(Relaxed),
            failed: self.failed.load(Relaxed),
            refused: self.refused.lock().clone(),
        }
    }

    /// Counts one refusal by the error's name; there are as many names as the interface has errors.
    pub fn refuse(&self, name: &'static str) {
        *self.refused.lock().entry(name).or_default() += 1;
    }
}
