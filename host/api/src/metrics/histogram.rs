//! A histogram that many threads fill without waiting for each other: two atomic additions an observation.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use caldera_engine::compile::{COMPILE_TIME_BOUNDS, CompileTimes};

/// Counts of whole numbers (nanoseconds, fuel) by fixed bounds.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// Upper bounds, included, in order.
    bounds: &'static [u64],
    /// Observations up to each bound and over the one before; the last is over all bounds.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What a histogram held at one moment. Readers do not stop writers, so the sum may be a few observations ahead.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    /// Sum of all observations.
    pub(crate) sum: f64,
    /// How many there were.
    pub(crate) count: u64,
    /// Upper bound and observations up to it, over the one before. The last bound is infinite.
    pub(crate) buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// An empty one.
    pub(crate) fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Adds an observation.
    pub(crate) fn observe(&self, value: u64) {
        // At most as many as there are bounds, and there is one count more.
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.counts[place].fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }

    /// Its state, with bounds and sum divided by `unit`.
    pub(crate) fn read(&self, unit: f64) -> Counted {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / unit).chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(self.counts.iter().map(|count| count.load(Relaxed))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Counted { sum: self.sum.load(Relaxed) as f64 / unit, count, buckets }
    }
}

impl From<CompileTimes> for Counted {
    fn from(times: CompileTimes) -> Self {
        let bounds = COMPILE_TIME_BOUNDS.iter().map(|bound| bound.as_secs_f64()).chain([f64::INFINITY]);
        let buckets = bounds.zip(times.counts).collect();
        Self { sum: times.sum.as_secs_f64(), count: times.counts.iter().sum(), buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_fall_into_the_first_bound_that_holds_them() {
        let histogram = Histogram::new(&[10, 20]);
        [0, 10, 11, 20, 21, 1_000].into_iter().for_each(|value| histogram.observe(value));
        let read = histogram.read(10.0);
        assert_eq!(read.buckets, [(1.0, 2), (2.0, 2), (f64::INFINITY, 2)]);
        assert_eq!((read.sum, read.count), (106.2, 6));
    }
}
