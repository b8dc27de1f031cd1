//! The machine's clock: a block's timestamp comes from it, and it may jump.
//!
//! Nothing else does: intervals are measured by a clock that only goes forward, and a block's timestamp is never below its
//! parent's. So a jump costs no block; but who reads timestamps should hear of it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::chain::Chain;

/// A jump below this is how clocks are set.
const JUMP: Duration = Duration::from_secs(5);

/// What was last seen of the clock.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    seen: Option<(Instant, SystemTime)>,
    behind: bool,
}

impl Clock {
    /// Says whether the clock has jumped, and whether it is behind the chain.
    pub(crate) fn look(&mut self, chain: &Chain, now: Instant) {
        let clock = SystemTime::now();
        if let Some((then, before)) = self.seen.replace((now, clock)) {
            let expected = before + (now - then);
            let (by_s, way) = match clock.duration_since(expected) {
                Ok(ahead) => (ahead, "ahead"),
                Err(error) => (error.duration(), "back"),
            };
            if by_s >= JUMP {
                tracing::warn!(chain = chain.name(), by_s = by_s.as_secs(), way, "the machine's clock jumped");
            }
        }
        let stands_at = chain.head().block.header.timestamp;
        // A development chain's blocks have the times that they are told.
        let behind = !chain.is_development() && stands_at > now_s() + JUMP.as_secs();
        if behind && !self.behind {
            tracing::warn!(
                chain = chain.name(),
                stands_at,
                "the machine's clock is behind the chain: blocks keep the timestamp of their parent until it is not"
            );
        }
        self.behind = behind;
    }
}

/// Unix time in seconds. A clock before 1970 counts as 1970: the timestamp rule keeps blocks in order.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
