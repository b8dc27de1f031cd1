//! What is tried in the shadow of what, and how much of it.

use alloy_primitives::Address;
use caldera_types::{Component, Generation, Mount};
use serde::Serialize;

/// A candidate for a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where the active engine is mounted.
    pub mount: Address,
    /// The candidate's bytes. The chain need not know them.
    pub component: Component,
    /// What an activation would make of it. It must be ready in the engine runtime under its grants.
    pub target: Generation,
}

impl Plan {
    /// On which state the candidate runs.
    pub fn state_mode(&self, active: &Mount) -> StateMode {
        if (self.target.state_version, &self.target.config) == (active.state_version, &active.config) {
            StateMode::Live
        } else {
            StateMode::Copy
        }
    }
}

/// On which state a candidate runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateMode {
    /// On the active engine's, as it is at each call; what the candidate writes is dropped after the call.
    Live,
    /// On its own copy, which was migrated or configured first and is kept over calls and blocks. The two storages are
    /// not compared: they may lie differently.
    Copy,
}

/// How calls are compared and what is kept of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowLimits {
    /// Samples kept of each kind of divergence.
    pub samples: usize,
    /// Bytes kept of each input and output in a sample.
    pub sample_bytes: usize,
    /// How much more or less fuel than the active engine's is no divergence, per thousand.
    pub fuel_per_thousand: u64,
}

impl ShadowLimits {
    /// Three samples of 256 bytes of each kind, and a tenth of the fuel.
    pub const fn recommended() -> Self {
        Self { samples: 3, sample_bytes: 256, fuel_per_thousand: 100 }
    }
}

/// Why a call was not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    /// Only every n-th call is asked for.
    Sampling,
    /// The mount's state was on its way to another layout: it only answered reads, from the state before.
    Migrating,
    /// The time for the block was used up. Of transactions that were not executed again, only those that call the mount
    /// directly are counted.
    Budget,
    /// The candidate's copy of the state had missed a call; it gets a fresh one with the next block.
    OutOfStep,
    /// Inside a compared call of the same engine: the candidate's own run already went through it.
    Reentrant,
    /// The block came while too many waited. Of such blocks, only direct calls to the mount are counted.
    Backlog,
    /// This node could not run the candidate; its log says why.
    NodeFailure,
}

impl Skip {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sampling => "sampling",
            Self::Migrating => "migrating",
            Self::Budget => "budget",
            Self::OutOfStep => "out-of-step",
            Self::Reentrant => "reentrant",
            Self::Backlog => "backlog",
            Self::NodeFailure => "node-failure",
        }
    }
}

/// Decides which calls are compared. Execution reads no clock: whoever watches time does it behind this port.
pub trait Gate {
    /// Whether the next call is left out, and why. Asked once for each call that could be compared.
    fn skips(&mut self) -> Option<Skip>;

    /// Whether the block is to be executed further. Asked before each transaction.
    fn goes_on(&mut self) -> bool;
}

/// Every call is compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryCall;

impl Gate for EveryCall {
    fn skips(&mut self) -> Option<Skip> {
        None
    }

    fn goes_on(&mut self) -> bool {
        true
    }
}
