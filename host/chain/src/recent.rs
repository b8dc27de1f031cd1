//! Blocks that readers are likely to ask for again, ready to hand out.
//!
//! A receipt needs the senders, and recovering them from a block that is read back takes longer than everything else.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use crate::executed::ExecutedBlock;

/// Blocks kept. A full block takes a few megabytes.
const MAX_RECENT_BLOCKS: usize = 64;

/// The newest blocks, and older ones that were just read.
#[derive(Default)]
pub(crate) struct RecentBlocks(Mutex<BTreeMap<u64, Arc<ExecutedBlock>>>);

impl RecentBlocks {
    /// The block at that height, if it is kept.
    pub(crate) fn get(&self, number: u64) -> Option<Arc<ExecutedBlock>> {
        self.0.lock().get(&number).cloned()
    }

    /// Forgets all: their heights may get other blocks.
    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }

    /// Keeps a block; the oldest of too many goes.
    pub(crate) fn put(&self, block: Arc<ExecutedBlock>) {
        let mut blocks = self.0.lock();
        blocks.insert(block.number(), block);
        if blocks.len() > MAX_RECENT_BLOCKS {
            blocks.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caldera_types::Block;

    fn block(number: u64) -> Arc<ExecutedBlock> {
        let header = alloy_consensus::Header { number, ..Default::default() };
        let block = Block { header, transactions: Vec::new(), sidecar: Vec::new(), ethereum: None }.seal();
        Arc::new(ExecutedBlock::new(block, Vec::new(), Vec::new()))
    }

    #[test]
    fn the_newest_stay() {
        let recent = RecentBlocks::default();
        (0..200).for_each(|number| recent.put(block(number)));
        let kept = (0..200).filter(|number| recent.get(*number).is_some());
        assert_eq!(kept.collect::<Vec<_>>(), (136..200).collect::<Vec<_>>());
    }
}
