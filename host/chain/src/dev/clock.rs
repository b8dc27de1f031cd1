//! The time of a development chain's blocks: the machine's, moved on by whoever tests, or told for one block.

/// The clock. On every other chain it is the machine's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Seconds by which it is ahead of the machine's, or behind.
    pub(super) ahead_s: i64,
    /// What was told for the next block.
    pub(super) next: Option<u64>,
}

impl Clock {
    /// The time of the next block when the machine's clock says `now`.
    pub(crate) fn time(&self, now: u64) -> u64 {
        self.next.unwrap_or_else(|| now.saturating_add_signed(self.ahead_s))
    }

    /// A block of that time was made. The clock goes on from a time that was told.
    pub(crate) fn made(&mut self, time: u64, now: u64) {
        if self.next.take().is_some() {
            self.set(time, now);
        }
    }

    /// Sets it.
    pub(super) fn set(&mut self, time: u64, now: u64) {
        let (time, now) = (i128::from(time), i128::from(now));
        // Both are times in seconds, far from the ends; one that is not stops there.
        self.ahead_s = i64::try_from(time - now).unwrap_or(i64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_from_a_time_that_was_told() {
        let mut clock = Clock::default();
        assert_eq!(clock.time(100), 100);
        clock.ahead_s = 50;
        assert_eq!(clock.time(101), 151);
        clock.next = Some(1_000);
        assert_eq!((clock.time(102), clock.time(105)), (1_000, 1_000));
        clock.made(1_000, 105);
        assert_eq!((clock.time(105), clock.time(107)), (1_000, 1_002));
        clock.made(1_002, 107);
        assert_eq!(clock.time(108), 1_003, "an ordinary block does not move it");
    }
}
