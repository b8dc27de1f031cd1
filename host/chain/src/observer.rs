//! Watching blocks being made: times for metrics, never a part of a block.

use std::time::Duration;

use crate::{chain::Chain, executed::ExecutedBlock};

/// Is told of each block that this node made. Called on the block producer's thread, so it must be quick.
pub trait BlockObserver: Send + Sync {
    /// A block was built, committed and published, which took `time` in all.
    fn made(&self, block: &ExecutedBlock, time: Duration);
}

impl Chain {
    /// Tells `observer` of each block from now on. There is one; a second is refused and given back.
    pub fn observe(&self, observer: Box<dyn BlockObserver>) -> Result<(), Box<dyn BlockObserver>> {
        self.observer.set(observer)
    }

    /// Tells of a block.
    pub(crate) fn tell(&self, block: &ExecutedBlock, time: Duration) {
        if let Some(observer) = self.observer.get() {
            observer.made(block, time);
        }
    }
}
