//! Measured times and their order statistics. Every sample counts: no outlier is dropped.

use std::{hint::black_box, time::Instant};

/// Times of one piece of work, in nanoseconds, ascending and never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    ascending_ns: Vec<f64>,
}

impl Samples {
    /// Takes measured times in nanoseconds. None if there are none, or if one is not a finite number.
    pub fn new(mut times_ns: Vec<f64>) -> Option<Self> {
        if times_ns.is_empty() || times_ns.iter().any(|time| !time.is_finite()) {
            return None;
        }
        times_ns.sort_by(f64::total_cmp);
        Some(Self { ascending_ns: times_ns })
    }

    /// Runs `work` `samples` times `batch` and records the mean of each batch: a batch of 1 sees each run by itself, a larger one
    /// is for work that is too short for the clock (under a microsecond). A tenth of the runs warm up first, unrecorded.
    /// Both counts are at least 1.
    pub fn time<T>(samples: usize, batch: usize, mut work: impl FnMut() -> T) -> Self {
        let (samples, batch) = (samples.max(1), batch.max(1));
        for _ in 0..samples.div_ceil(10) * batch {
            black_box(work());
        }
        let one = |_| {
            let began = Instant::now();
            for _ in 0..batch {
                black_box(work());
            }
            began.elapsed().as_nanos() as f64 / batch as f64
        };
        let mut ascending_ns: Vec<f64> = (0..samples).map(one).collect();
        ascending_ns.sort_by(f64::total_cmp);
        Self { ascending_ns }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.ascending_ns.len()
    }

    /// The middle sample, or the mean of the two in the middle.
    pub fn median_ns(&self) -> f64 {
        let (below, above) = ((self.count() - 1) / 2, self.count() / 2);
        f64::midpoint(self.ascending_ns[below], self.ascending_ns[above])
    }

    /// The smallest sample that at least 99 in 100 do not exceed (nearest rank). Of fewer than 100 samples it is the largest.
    pub fn p99_ns(&self) -> f64 {
        let rank = (self.count() * 99).div_ceil(100);
        self.ascending_ns[rank - 1]
    }

    /// The largest sample that at least 99 in 100 reach (nearest rank): of rates, the bad end. Of fewer than 100 samples it is
    /// the smallest.
    pub fn p1(&self) -> f64 {
        self.ascending_ns[self.count() - (self.count() * 99).div_ceil(100)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(times: impl IntoIterator<Item = u32>) -> Samples {
        Samples::new(times.into_iter().map(f64::from).collect()).unwrap()
    }

    #[test]
    fn known_statistics() {
        for (samples, median, p99, p1) in [
            (of([7]), 7.0, 7.0, 7.0),
            (of([3, 1]), 2.0, 3.0, 1.0),
            (of([9, 1, 5]), 5.0, 9.0, 1.0),
            (of(1..=100), 50.5, 99.0, 2.0),
            (of((1..=200).rev()), 100.5, 198.0, 3.0),
        ] {
            let statistics = (samples.median_ns(), samples.p99_ns(), samples.p1());
            assert_eq!(statistics, (median, p99, p1), "{} samples", samples.count());
        }
    }

    #[test]
    fn nothing_and_no_number_are_no_samples() {
        assert_eq!(Samples::new(vec![]), None);
        assert_eq!(Samples::new(vec![1.0, f64::NAN]), None);
    }

    #[test]
    fn work_is_run_as_often_as_asked_besides_the_warm_up() {
        let mut runs = 0;
        let samples = Samples::time(20, 3, || runs += 1);
        assert_eq!((samples.count(), runs), (20, (20 + 2) * 3));
        assert!(samples.median_ns() >= 0.0);
    }

    proptest! {
        /// The definition, by counting: at least 99 % do not exceed the 99th percentile, and no smaller sample has that.
        #[test]
        fn p99_is_the_nearest_rank(times in prop::collection::vec(0u32..1_000, 1..400)) {
            let samples = of(times.clone());
            let p99 = samples.p99_ns();
            let up_to = |limit: f64| times.iter().filter(|time| f64::from(**time) <= limit).count() * 100;
            prop_assert!(up_to(p99) >= times.len() * 99);
            let smaller = times.iter().map(|time| f64::from(*time)).filter(|time| *time < p99);
            for time in smaller {
                prop_assert!(up_to(time) < times.len() * 99);
            }
        }

        #[test]
        fn the_order_of_measuring_does_not_matter(times in prop::collection::vec(0u32..1_000, 1..50)) {
            let backwards = of(times.iter().rev().copied());
            prop_assert_eq!(of(times), backwards);
        }
    }
}
