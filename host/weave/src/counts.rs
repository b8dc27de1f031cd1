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
    pub(crate) behind: AtomicU64,
    pub(crate) last_ms: AtomicU64,
    pub(crate) refused: Mutex<BTreeMap<&'static str, u64>>,
}

/// The same at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Units that took effect, or stopped to.
    pub carried: u64,
    /// Units that are not done.
    pub open: u64,
    /// Certified blocks that are not read.
    pub behind: u64,
    /// From reading the last unit's block to seeing it done, in milliseconds.
    pub last_ms: u64,
    /// Refusals by the error's name.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// What was counted so far.
    pub fn read(&self) -> LinkCounts {
        LinkCounts {
            carried: self.carried.load(Relaxed),
            open: self.open.load(Relaxed),
            behind: self.behind.load(Relaxed),
            last_ms: self.last_ms.load(Relaxed),
            refused: self.refused.lock().clone(),
        }
    }

    pub(crate) fn refuse(&self, name: &'static str) {
        // As many names as the interface has errors.
        *self.refused.lock().entry(name).or_default() += 1;
    }
}
