//! How far a component is, and what the compiler has done since the node started.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// How far a component is on its way to native code on this node. Consensus never asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompileState {
    /// Nobody asked for it since this node started, or too long ago.
    Absent,
    /// It is being compiled, or waits for its turn.
    Compiling,
    /// It can be called.
    Ready {
        /// How long compiling or loading took.
        millis: u64,
        /// Whether it was loaded, not compiled.
        from_cache: bool,
        /// Size of the native code.
        bytes: u64,
    },
    /// It can never be: its own fault, and every node says the same.
    Refused {
        /// Why.
        why: String,
    },
    /// It was not compiled here. The next one who asks tries again.
    Failed {
        /// Why.
        why: String,
    },
}

/// What the compiler and its cache have done since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompileStats {
    /// Components compiled.
    pub compiled: u64,
    /// Components refused: their own fault.
    pub refused: u64,
    /// Components that did not compile here: this node's fault.
    pub failed: u64,
    /// How long compilations took, whatever came of them.
    pub compile_times: CompileTimes,
    /// Artifacts loaded from the cache.
    pub cache_hits: u64,
    /// Components that the cache did not have.
    pub cache_misses: u64,
    /// Entries of the cache that were damaged or foreign; they were compiled anew.
    pub cache_rejected: u64,
    /// Time spent loading artifacts from the cache.
    pub cache_time: Duration,
}

/// Upper bounds, included, by which compile times are counted: from a small engine on an idle machine to the time limit.
pub const COMPILE_TIME_BOUNDS: [Duration; 8] = [
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// Compile times by [`COMPILE_TIME_BOUNDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompileTimes {
    /// All of them together.
    pub sum: Duration,
    /// How many were up to each bound and over the one before; the last is over all bounds.
    pub counts: [u64; COMPILE_TIME_BOUNDS.len() + 1],
}

/// The same, being counted.
#[derive(Debug, Default)]
pub(super) struct Times {
    sum_ns: AtomicU64,
    counts: [AtomicU64; COMPILE_TIME_BOUNDS.len() + 1],
}

impl Times {
    /// Counts one more.
    pub(super) fn observe(&self, time: Duration) {
        count_time(&self.sum_ns, time);
        // At most as many as there are bounds, and there is one count more.
        count(&self.counts[COMPILE_TIME_BOUNDS.partition_point(|bound| *bound < time)]);
    }

    fn read(&self) -> CompileTimes {
        let sum = Duration::from_nanos(self.sum_ns.load(Relaxed));
        CompileTimes { sum, counts: self.counts.each_ref().map(|count| count.load(Relaxed)) }
    }
}

/// What was done, being counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) compiled: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) compile_times: Times,
    pub(super) cache_hits: AtomicU64,
    pub(super) cache_misses: AtomicU64,
    pub(super) cache_rejected: AtomicU64,
    pub(super) cache_ns: AtomicU64,
}

impl Counters {
    pub(super) fn stats(&self) -> CompileStats {
        CompileStats {
            compiled: self.compiled.load(Relaxed),
            refused: self.refused.load(Relaxed),
            failed: self.failed.load(Relaxed),
            compile_times: self.compile_times.read(),
            cache_hits: self.cache_hits.load(Relaxed),
            cache_misses: self.cache_misses.load(Relaxed),
            cache_rejected: self.cache_rejected.load(Relaxed),
            cache_time: Duration::from_nanos(self.cache_ns.load(Relaxed)),
        }
    }
}

/// Counts one more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Counts time.
pub(super) fn count_time(counter: &AtomicU64, time: Duration) {
    counter.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
}
