//! How much fuel the candidate uses for what the active engine does.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// A candidate's fuel in thousandths of the active engine's; more than this counts as this.
const MAX_PER_THOUSAND: u64 = 1_000_000;

/// Fuel of compared calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FuelReport {
    /// The active engine's, in all.
    pub active: u64,
    /// The candidate's, in all.
    pub candidate: u64,
    /// Calls by ratio in thousandths, rounded to two digits from 1,000 on.
    ratios: BTreeMap<u64, u64>,
}

impl FuelReport {
    /// Counts a call. What used no fuel has no ratio.
    pub(super) fn add(&mut self, active: u64, candidate: u64) {
        self.active = self.active.saturating_add(active);
        self.candidate = self.candidate.saturating_add(candidate);
        if let Some(ratio) = per_thousand(active, candidate) {
            *self.ratios.entry(bucket(ratio)).or_default() += 1;
        }
    }

    /// The ratio that so many of a hundred calls do not exceed, in thousandths: 1,000 is the same fuel. None without
    /// calls.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let calls: u64 = self.ratios.values().sum();
        let rank = (calls * percent.min(100)).div_ceil(100).max(1);
        let mut seen = 0;
        let reached = self.ratios.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        reached.map(|(ratio, _)| *ratio)
    }

    /// The ratios with the number of their calls, in thousandths.
    pub fn histogram(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ratios.iter().map(|(ratio, count)| (*ratio, *count))
    }
}

/// The candidate's fuel in thousandths of the active engine's.
pub(super) fn per_thousand(active: u64, candidate: u64) -> Option<u64> {
    let ratio = (u128::from(candidate) * 1000).checked_div(u128::from(active))?;
    Some(u64::try_from(ratio).unwrap_or(u64::MAX).min(MAX_PER_THOUSAND))
}

/// Every thousandth up to the same fuel, steps of at most a tenth above: a few thousand buckets at most.
fn bucket(ratio: u64) -> u64 {
    let step = ratio.checked_ilog10().map_or(1, |digits| 10u64.pow(digits.saturating_sub(1)));
    if ratio <= 1000 { ratio } else { ratio / step * step }
}

impl Serialize for FuelReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut report = serializer.serialize_struct("FuelReport", 7)?;
        report.serialize_field("active", &self.active)?;
        report.serialize_field("candidate", &self.candidate)?;
        for (name, percent) in [("p1", 1), ("p50", 50), ("p90", 90), ("p99", 99)] {
            report.serialize_field(name, &self.percentile(percent))?;
        }
        report.serialize_field("histogram", &self.histogram().collect::<Vec<_>>())?;
        report.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ratios_of_calls() {
        let mut fuel = FuelReport::default();
        assert_eq!(fuel.percentile(50), None);
        for candidate in 1..=100 {
            fuel.add(100, candidate);
        }
        fuel.add(0, 5);
        assert_eq!([1, 50, 99, 100].map(|percent| fuel.percentile(percent)), [10, 500, 990, 1000].map(Some));
        assert_eq!((fuel.active, fuel.candidate), (10_000, 5_055));
    }

    #[test]
    fn buckets_are_few_and_near() {
        for (ratio, expected) in [(0, 0), (7, 7), (999, 999), (1000, 1000), (1049, 1000), (1100, 1100), (123_456, 120_000)] {
            assert_eq!(bucket(ratio), expected, "{ratio}");
        }
        assert_eq!(per_thousand(1, u64::MAX), Some(MAX_PER_THOUSAND));
    }
}
