//! When a development chain makes blocks: by the clock, with each transaction, when it is told to.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{DevError, TAKES_IN};
use crate::{chain::Chain, clock::now_s, error::ChainError, executed::ExecutedBlock};

/// Blocks that one call makes at most: each is synced to the disk.
const MOST_BLOCKS: u64 = 10_000;
/// How often a development chain looks whether it was told something else.
const LOOKS: Duration = Duration::from_millis(20);

/// When blocks are made without being asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mining {
    /// With each transaction.
    automatic: bool,
    /// Time between two blocks, if it was told; inside none, blocks do not come by themselves.
    interval: Option<Option<Duration>>,
}

impl Chain {
    /// Makes a block with each transaction as it comes, or no longer.
    pub fn set_automine(&self, on: bool) -> Result<(), DevError> {
        self.must_be_development()?;
        self.dev.mining.lock().automatic = on;
        Ok(())
    }

    /// Whether a block is made with each transaction.
    pub fn automines(&self) -> bool {
        self.dev.mining.lock().automatic
    }

    /// Sets the time between two blocks; with none, no block comes by itself.
    pub fn set_interval(&self, interval: Option<Duration>) -> Result<(), DevError> {
        self.must_be_development()?;
        self.dev.mining.lock().interval = Some(interval);
        Ok(())
    }

    /// Time between two blocks; none if they do not come by themselves.
    pub fn interval(&self) -> Option<Duration> {
        self.dev.mining.lock().interval.unwrap_or(Some(self.spec.block_interval))
    }

    /// How long the producer sleeps before it looks again whether a block is due that comes at `next`: not too long to hear what
    /// a development chain is told. None if the block is due.
    pub(crate) fn pause(&self, next: Instant) -> Option<Duration> {
        let left = next.saturating_duration_since(Instant::now());
        if !self.is_development() {
            return Some(left).filter(|left| !left.is_zero());
        }
        if left.is_zero() { self.holds_back().then_some(LOOKS) } else { Some(left.min(LOOKS)) }
    }

    /// Whether no block is due even though its time has come: blocks do not come by themselves, or the next one's time was
    /// told, for a block with transactions, and none wait.
    fn holds_back(&self) -> bool {
        self.interval().is_none() || self.dev.clock.lock().next.is_some() && self.pool_status().pending == 0
    }

    /// Makes the next block at its time. `take_in` bounds how long transactions are taken in.
    pub(crate) fn make_due(&self, take_in: Duration) -> Result<Arc<ExecutedBlock>, ChainError> {
        let mut clock = self.dev.clock.lock();
        let now = now_s();
        let block = self.produce_block(clock.time(now), take_in)?;
        clock.made(block.block.header.timestamp, now);
        Ok(block)
    }

    /// Makes blocks at once: the first at `first` if that is given, each `spacing` seconds after the one before, if that is
    /// given.
    pub fn mine(&self, blocks: u64, spacing: Option<u64>, first: Option<u64>) -> Result<(), DevError> {
        self.must_be_development()?;
        self.must_work()?;
        if blocks > MOST_BLOCKS {
            return Err(DevError::TooMany { blocks, most: MOST_BLOCKS });
        }
        for made in 0..blocks {
            let next = match spacing.filter(|spacing| *spacing > 0 && made > 0) {
                Some(spacing) => Some(self.newest_time().saturating_add(spacing)),
                None => first.filter(|_| made == 0),
            };
            if let Some(next) = next {
                self.set_next_time(next)?;
            }
            self.make_due(TAKES_IN)?;
        }
        Ok(())
    }

    /// After a transaction came in: makes a block with it, if that is how blocks are made and it can run.
    pub fn mine_what_came(&self) -> Result<(), DevError> {
        if self.is_development() && self.automines() && self.pool_status().pending > 0 {
            self.mine(1, None, None)?;
        }
        Ok(())
    }

    /// Moves the clock on. Gives by how many seconds it is ahead of the machine's then.
    pub fn increase_time(&self, seconds: u64) -> Result<i64, DevError> {
        self.must_be_development()?;
        let mut clock = self.dev.clock.lock();
        let ahead = clock.ahead_s.checked_add_unsigned(seconds).ok_or(DevError::Time)?;
        if now_s().checked_add_signed(ahead).is_none_or(|time| time > MOST_TIME) {
            return Err(DevError::Time);
        }
        clock.ahead_s = ahead;
        Ok(ahead)
    }

    /// Sets the time of the next block, from which the clock goes on.
    pub fn set_next_time(&self, time: u64) -> Result<(), DevError> {
        self.must_be_development()?;
        let newest = self.newest_time();
        if time < newest {
            return Err(DevError::Past { asked: time, newest });
        }
        if time > MOST_TIME {
            return Err(DevError::Time);
        }
        self.dev.clock.lock().next = Some(time);
        Ok(())
    }

    fn newest_time(&self) -> u64 {
        self.head().block.header.timestamp
    }
}

/// Clients keep times as signed or as floating numbers: the year 10,000 and more fits both.
const MOST_TIME: u64 = 1 << 48;
