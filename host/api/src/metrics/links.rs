//! What is carried between the chains of this node.

use std::{fmt, sync::Arc};

use caldera_weave::{Counts, LinkCounts};

use super::page::{Labels, Page};

/// Milliseconds in a second.
const MS: f64 = 1e3;

/// One link, by the names of its ends.
#[derive(Debug)]
pub(super) struct LinkMetrics {
    labels: Labels,
    counts: Arc<Counts>,
}

/// The same, read.
#[derive(Debug)]
pub(super) struct LinkRow {
    labels: Labels,
    counts: LinkCounts,
}

impl LinkMetrics {
    pub(super) fn new(origin: &str, destination: &str, counts: &Arc<Counts>) -> Self {
        let labels = vec![("origin", origin.to_owned()), ("destination", destination.to_owned())];
        Self { labels, counts: counts.clone() }
    }

    pub(super) fn read(&self) -> LinkRow {
        LinkRow { labels: self.labels.clone(), counts: self.counts.read() }
    }
}

/// One series of each link.
fn each<T>(links: &[LinkRow], read: impl Fn(&LinkCounts) -> T) -> Vec<(Labels, T)> {
    links.iter().map(|link| (link.labels.clone(), read(&link.counts))).collect()
}

/// Writes all of them.
pub(super) fn write(links: &[LinkRow], page: &mut Page<'_>) -> fmt::Result {
    page.counter(
        ("caldera_weave_units_carried", "Units that were sent and took effect at the destination, or stopped to"),
        each(links, |counts| counts.carried),
    )?;
    page.gauge(
        ("caldera_weave_units_open", "Units that are known and not yet brought"),
        each(links, |counts| counts.open as f64),
    )?;
    page.gauge(
        ("caldera_weave_units_parked", "Those of the open units that were refused and are tried again"),
        each(links, |counts| counts.parked as f64),
    )?;
    page.counter(
        ("caldera_weave_units_given_up", "Units that are not tried any more: never taken, or too many are parked"),
        each(links, |counts| counts.given_up),
    )?;
    let refusals = links.iter().flat_map(|link| {
        let named = link.counts.refused.iter();
        named.map(|(error, count)| ([link.labels.clone(), vec![("error", (*error).to_owned())]].concat(), *count))
    });
    page.counter(
        ("caldera_weave_refusals", "Answers of the destination that it does not take a unit now, by the error's name"),
        refusals.collect(),
    )?;
    page.counter(
        (
            "caldera_weave_failures",
            "Rounds that could not be finished: a chain did not answer, or the carrier has no funds",
        ),
        each(links, |counts| counts.failed),
    )?;
    page.gauge(
        ("caldera_weave_lag_blocks", "Certified blocks of the origin that are not read"),
        each(links, |counts| counts.behind as f64),
    )?;
    page.gauge(
        ("caldera_weave_lag_seconds", "How long the oldest open unit has been known; 0: none is open"),
        each(links, |counts| counts.oldest_ms as f64 / MS),
    )?;
    page.seconds_of(
        ("caldera_weave_carry_seconds", "Time from reading a unit's block to seeing it done, over all units carried"),
        each(links, |counts| counts.total_ms as f64 / MS),
    )
}
