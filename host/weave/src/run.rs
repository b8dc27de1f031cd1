//! What is known of an open errand besides what the file has.

use std::time::Duration;

use alloy_primitives::B256;

use crate::{Destination, PortError, Sent};

/// How long a transaction may be in no block before it is sent anew.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long what was refused rests, at first and at most.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What a transaction is counted as that is in a block and changed nothing: nobody keeps why.
pub(crate) const REVERTED: &str = "reverted";

/// How an errand goes. Lost when the process ends: then it is tried anew.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    /// When it was met.
    pub(crate) since: Duration,
    /// Not before.
    pub(crate) due: Duration,
    pub(crate) refusals: u32,
    /// The error with which it was refused last.
    pub(crate) refused: Option<&'static str>,
    pub(crate) sent: Option<Sending>,
    /// What a transaction that is in a block was for.
    pub(crate) mined: Option<Aim>,
    /// Whether anything was ever sent for it.
    pub(crate) tried: bool,
}

/// A transaction that is not known to be in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending {
    pub(crate) hash: B256,
    pub(crate) at: Duration,
    pub(crate) aim: Aim,
}

/// What a transaction is to bring about: if the same is still missing once it is in a block, it was refused there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// The destination knows the unit of this nonce.
    Known(u64),
    /// It knows that the unit is gone.
    Ended,
}

impl Run {
    /// One that is met now.
    pub(crate) fn new(now: Duration) -> Self {
        Self { since: now, due: now, ..Self::default() }
    }

    /// Whether what was sent may still come into a block.
    pub(crate) fn waits(&mut self, destination: &dyn Destination, now: Duration) -> Result<bool, PortError> {
        let Some(Sending { hash, at, aim }) = self.sent else { return Ok(false) };
        match destination.sent(hash)? {
            Sent::Waits if now.saturating_sub(at) < PATIENCE => return Ok(true),
            Sent::Mined => self.mined = Some(aim),
            Sent::Waits | Sent::Gone => {}
        }
        (self.sent, self.due) = (None, now);
        Ok(false)
    }

    /// Notes a refusal, and that it rests: twice as long after each.
    pub(crate) fn rest(&mut self, name: &'static str, now: Duration) {
        self.due = now + REST.1.min(REST.0.saturating_mul(1 << self.refusals.min(10)));
        self.refusals = self.refusals.saturating_add(1);
        self.refused = Some(name);
    }
}
