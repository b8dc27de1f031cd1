//! Records that are written and synced together.

use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use super::JournalError;

/// What came of a batch: nothing before it is written.
#[derive(Default)]
pub(crate) struct Batch {
    outcome: OnceLock<Result<(), Arc<JournalError>>>,
    lock: Mutex<()>,
    done: Condvar,
    told: Notify,
}

impl Batch {
    /// Says what came of it, once.
    pub(super) fn settle(&self, outcome: Result<(), JournalError>) {
        let _ = self.outcome.set(outcome.map_err(Arc::new));
        // Who looked before it was set holds the lock until it waits.
        drop(self.lock.lock());
        self.done.notify_all();
        self.told.notify_waiters();
    }

    /// Waits on this thread.
    pub(crate) fn wait(&self) -> Result<(), Arc<JournalError>> {
        let mut lock = self.lock.lock();
        loop {
            if let Some(outcome) = self.outcome.get() {
                return outcome.clone();
            }
            self.done.wait(&mut lock);
        }
    }

    /// Waits without a thread.
    pub(crate) async fn settled(&self) -> Result<(), Arc<JournalError>> {
        loop {
            // Asked for before the look, so that nothing is missed in between.
            let told = self.told.notified();
            if let Some(outcome) = self.outcome.get() {
                return outcome.clone();
            }
            told.await;
        }
    }
}
