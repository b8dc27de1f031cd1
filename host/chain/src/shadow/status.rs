//! How a shadow stands.

use std::time::Duration;

use caldera_execution::shadow::{ShadowLimits, ShadowReport};
use serde::Serialize;

/// How much of a node a shadow may take, and what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowOptions {
    /// Most of the block interval that one block's shadow may take, in percent. What it does not reach is skipped.
    pub share_percent: u32,
    /// Compare every n-th call; 1 compares all. A candidate with its own copy of the state cannot miss calls: for it,
    /// every n-th block is compared instead.
    pub every: u32,
    /// How calls are compared and what is kept of them.
    pub limits: ShadowLimits,
}

impl ShadowOptions {
    /// Every call, within half of the interval.
    pub const fn recommended() -> Self {
        Self { share_percent: 50, every: 1, limits: ShadowLimits::recommended() }
    }

    /// The time that one block's shadow may take.
    pub(super) fn time(&self, interval: Duration) -> Duration {
        interval * self.share_percent.min(100) / 100
    }
}

/// Where a shadow is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "kebab-case")]
pub enum ShadowState {
    /// It compares.
    Running,
    /// Another component runs at the mount now: the candidate itself, or one that came before it.
    Finished(String),
    /// Somebody stopped it.
    Stopped,
    /// This node cannot go on with it.
    Failed(String),
}

/// How a shadow stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShadowStatus {
    /// Where it is in its life.
    #[serde(flatten)]
    pub state: ShadowState,
    /// Blocks that were stopped when their time was used up.
    pub blocks_cut: u64,
    /// Blocks that came while too many waited, or that sampling left out.
    pub blocks_skipped: u64,
    /// Time spent executing blocks again, in milliseconds.
    pub busy_ms: u64,
    /// What was found.
    pub report: ShadowReport,
}
