//! What threads share that work on a store beside its chain: they stop when they are told, rest as long as they work, and say why
//! they ended.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{behind::Behind, error::StateError, store::Batch};

/// How long a thread works before it rests as long.
const SLICE: Duration = Duration::from_millis(2);
/// How often who waits looks whether he is to stop.
const LOOK: Duration = Duration::from_millis(20);

/// Why something did not come to its end.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The store is being closed.
    Stopped,
    Failed(StateError),
}

impl From<StateError> for Ended {
    fn from(error: StateError) -> Self {
        Self::Failed(error)
    }
}

/// Whether to go on.
#[derive(Debug, Default)]
pub(crate) struct Stop(AtomicBool);

impl Stop {
    pub fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    pub fn go_on(&self) -> Result<(), Ended> {
        if self.is_set() { Err(Ended::Stopped) } else { Ok(()) }
    }

    /// Waits, or until the store is closed.
    pub fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.is_set() {
            thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
    }
}

/// Leaves the machine to others half of the time.
pub(crate) struct Rest {
    since: Instant,
}

impl Default for Rest {
    fn default() -> Self {
        Self { since: Instant::now() }
    }
}

impl Rest {
    /// Rests if it is time, unless it is to stop.
    pub fn rest(&mut self, stop: &Stop) -> Result<(), Ended> {
        let worked = self.since.elapsed();
        if worked >= SLICE {
            stop.pause(worked);
            self.since = Instant::now();
        }
        stop.go_on()
    }
}

/// Writes something once the store has room for it. After an error the store does not have it, and will not.
pub(crate) fn commit(store: &Behind, batch: Batch) -> Result<(), Ended> {
    store.ready().map_err(StateError::from)?;
    store.queue(batch).map_err(StateError::from)?;
    Ok(())
}
