//! Watching calls from outside: times and outcomes for metrics, never a part of any result.
//!
//! Without an observer no clock is read. With one, a call costs three readings of the clock and what the observer does, so
//! an observer holds its handles ready and neither waits nor allocates.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    call::{CallOutcome, CallUnit},
    engines::Engines,
};

/// What calls through one handle of [`Engines`] are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Blocks: built, followed or replayed.
    #[default]
    Block,
    /// Answers to readers, such as `eth_call`.
    Simulation,
    /// A candidate beside the active engine.
    Shadow,
}

impl Purpose {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Block, Self::Simulation, Self::Shadow];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Simulation => "simulation",
            Self::Shadow => "shadow",
        }
    }
}

/// One call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// What was called.
    pub unit: &'a CallUnit<'a>,
    /// What for.
    pub purpose: Purpose,
    /// Time until the instance stood; none when the gas did not pay for one or it did not come up.
    pub instantiation: Option<Duration>,
    /// Time of the whole call, with all that it called in turn.
    pub total: Duration,
    /// What came of it.
    pub outcome: &'a CallOutcome,
}

/// Is told of each call. Called on the executing thread, so it must be quick.
pub trait Observer: Send + Sync {
    /// A call has ended. Calls that this node failed to run are not told.
    fn called(&self, call: &Observation<'_>);
}

/// Who watches the calls through one handle of [`Engines`].
#[derive(Clone, Default)]
pub(crate) struct Watching {
    observer: Option<Arc<dyn Observer>>,
    purpose: Purpose,
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").field("observed", &self.observer.is_some()).field("purpose", &self.purpose).finish()
    }
}

impl Engines {
    /// The same engines; calls through this handle and its clones are told to `observer`.
    pub fn observed(&self, observer: Arc<dyn Observer>) -> Self {
        let mut engines = self.clone();
        engines.1.observer = Some(observer);
        engines
    }

    /// The same engines; calls through this handle and its clones are for `purpose`.
    pub fn for_purpose(&self, purpose: Purpose) -> Self {
        let mut engines = self.clone();
        engines.1.purpose = purpose;
        engines
    }
}

/// Times one call, if somebody watches.
pub(crate) struct Timer<'a> {
    watching: &'a Watching,
    began: Option<Instant>,
    stood: Option<Instant>,
}

impl<'a> Timer<'a> {
    /// Begins.
    pub(crate) fn start(watching: &'a Watching) -> Self {
        Self { watching, began: watching.observer.as_ref().map(|_| Instant::now()), stood: None }
    }

    /// The instance stands.
    pub(crate) fn instantiated(&mut self) {
        self.stood = self.began.map(|_| Instant::now());
    }

    /// Tells how the call ended.
    pub(crate) fn end(self, unit: &CallUnit<'_>, outcome: &CallOutcome) {
        let (Some(observer), Some(began)) = (&self.watching.observer, self.began) else { return };
        observer.called(&Observation {
            unit,
            purpose: self.watching.purpose,
            instantiation: self.stood.map(|stood| stood - began),
            total: began.elapsed(),
            outcome,
        });
    }
}
