//! Candidates in the shadow of a live chain, and offline over its blocks.
//!
//! After a block is committed, a thread of its own executes it again with the candidate beside the active engine
//! ([`caldera_execution::shadow`]). The block path hands over the block and what it read, and waits for nothing: it takes
//! no lock that a shadow holds while it executes.

mod cache;
mod candidate;
mod error;
mod feed;
mod offline;
mod status;
mod worker;

use std::sync::Arc;

use alloy_primitives::Address;

pub(crate) use cache::KnownState;
pub use candidate::{Candidate, CandidateCode};
pub use error::ShadowError;
pub(crate) use feed::Shadows;
pub(crate) use offline::env_of;
pub use offline::{Replay, Replayed, replay};
pub use status::{ShadowOptions, ShadowState, ShadowStatus};

use crate::chain::Chain;
use worker::{ShadowRun, Standing};

/// Runs `work` without the log: executing a block again tells nothing that its first execution did not tell.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    tracing::dispatcher::with_default(&tracing::Dispatch::none(), work)
}

/// Shadows that one chain has at once: the node keeps room for what their threads run.
pub const MAX_SHADOWS: usize = 2;

impl Chain {
    /// Puts a candidate in the shadow of a mount, from the next block on. Compiles it first, on the caller's thread. A
    /// shadow at this mount that ended makes room.
    pub fn start_shadow(self: &Arc<Self>, candidate: &Candidate, options: ShadowOptions) -> Result<(), ShadowError> {
        self.refuse_second(candidate.mount)?;
        let view = self.head_view()?;
        let shadow = candidate.shadow(&self.state, &view, &self.engines, options.limits)?;
        let run = ShadowRun::start(self, shadow, options)?;
        let mut shadows = self.shadows.0.lock();
        // Compiling took its time: somebody else may have been first.
        if let Some(other) = shadows.get(&candidate.mount).and_then(|run| run.standing.running()) {
            return Err(ShadowError::Running { mount: candidate.mount, candidate: other });
        }
        if shadows.values().filter(|run| run.standing.running().is_some()).count() >= MAX_SHADOWS {
            return Err(ShadowError::TooMany { most: MAX_SHADOWS });
        }
        shadows.insert(candidate.mount, run);
        Ok(())
    }

    fn refuse_second(&self, mount: Address) -> Result<(), ShadowError> {
        match self.shadows.0.lock().get(&mount).and_then(|run| run.standing.running()) {
            Some(candidate) => Err(ShadowError::Running { mount, candidate }),
            None => Ok(()),
        }
    }

    /// Ends a shadow and gives its last report; none if there is none.
    pub fn stop_shadow(&self, mount: Address) -> Option<ShadowStatus> {
        // Joined without the lock: the block path takes it.
        let run = self.shadows.0.lock().remove(&mount)?;
        Some(run.stop())
    }

    /// Ends every shadow, so that no thread of theirs holds the chain.
    pub fn stop_shadows(&self) {
        let runs = std::mem::take(&mut *self.shadows.0.lock());
        runs.into_values().for_each(|run| drop(run.stop()));
    }

    /// How the shadows of this chain stand, by mount; those that ended too, until another takes their place.
    pub fn shadows(&self) -> Vec<ShadowStatus> {
        let standings: Vec<_> = self.shadows.0.lock().values().map(|run| run.standing.clone()).collect();
        standings.iter().map(Standing::status).collect()
    }

    /// How the shadow at a mount stands.
    pub fn shadow(&self, mount: Address) -> Option<ShadowStatus> {
        let standing = self.shadows.0.lock().get(&mount).map(|run| run.standing.clone())?;
        Some(standing.status())
    }
}
