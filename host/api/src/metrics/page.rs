//! Writing metric families in the OpenMetrics text format, which Prometheus scrapes.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::histogram::Counted;

/// The labels of one series.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A page that is being written.
pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

/// A family's name, without what its type adds, and what it means. Units stand in the names and not as metadata of their own,
/// which not every reader of the format takes for histograms.
pub(super) type Family = (&'static str, &'static str);

impl Page<'_> {
    /// A family of counters; `_total` is added to the name.
    pub(super) fn counter(&mut self, family: Family, series: Vec<(Labels, u64)>) -> fmt::Result {
        // A family without a series is none to strict readers of the format.
        if series.is_empty() {
            return Ok(());
        }
        let (name, help) = family;
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        series.iter().try_for_each(|(labels, value)| {
            metric.encode_family(labels)?.encode_counter::<NoLabelSet, u64, f64>(value, None)
        })
    }

    /// A counter of time without labels; `_total` is added to the name.
    pub(super) fn seconds(&mut self, family: Family, value: f64) -> fmt::Result {
        let (name, help) = family;
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, f64, f64>(&value, None)
    }

    /// A family of counters of time; `_total` is added to the name.
    pub(super) fn seconds_of(&mut self, family: Family, series: Vec<(Labels, f64)>) -> fmt::Result {
        if series.is_empty() {
            return Ok(());
        }
        let (name, help) = family;
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        series.iter().try_for_each(|(labels, value)| {
            metric.encode_family(labels)?.encode_counter::<NoLabelSet, f64, f64>(value, None)
        })
    }

    /// A family of gauges.
    pub(super) fn gauge(&mut self, family: Family, series: Vec<(Labels, f64)>) -> fmt::Result {
        if series.is_empty() {
            return Ok(());
        }
        let (name, help) = family;
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        series.iter().try_for_each(|(labels, value)| metric.encode_family(labels)?.encode_gauge(value))
    }

    /// A family of histograms.
    pub(super) fn histogram(&mut self, family: Family, series: Vec<(Labels, Counted)>) -> fmt::Result {
        if series.is_empty() {
            return Ok(());
        }
        let (name, help) = family;
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        series.iter().try_for_each(|(labels, counted)| {
            let Counted { sum, count, buckets } = counted;
            match labels.is_empty() {
                true => metric.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None),
                false => metric.encode_family(labels)?.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None),
            }
        })
    }
}
