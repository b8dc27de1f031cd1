//! Blocks that readers are likely to ask for again, ready to hand out: the newest, and older ones that were read lately.
//!
//! A receipt needs the senders, and recovering them from a block that is read back takes longer than everything else. Who looks
//! for logs of one account again and again, as wallets do, asks for the same blocks.

use std::{collections::BTreeMap, fmt, sync::Arc};

use alloy_consensus::Transaction as _;
use parking_lot::Mutex;
use quick_cache::{Weighter, sync::Cache};

use crate::executed::ExecutedBlock;

/// The newest blocks that are kept. A full block takes a few megabytes.
const MAX_NEWEST: usize = 64;
/// What older blocks take at most, about.
const MAX_OLDER_BYTES: u64 = 64 << 20;
/// How many of them that may be, for the table's first size.
const OLDER_BLOCKS: usize = 1_024;

/// The newest blocks, and older ones that were read lately.
pub(crate) struct RecentBlocks {
    newest: Mutex<BTreeMap<u64, Arc<ExecutedBlock>>>,
    older: Cache<u64, Arc<ExecutedBlock>, Bytes>,
}

impl Default for RecentBlocks {
    fn default() -> Self {
        Self { newest: Mutex::default(), older: Cache::with_weighter(OLDER_BLOCKS, MAX_OLDER_BYTES, Bytes) }
    }
}

impl fmt::Debug for RecentBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecentBlocks").field("older", &self.older.len()).finish_non_exhaustive()
    }
}

impl RecentBlocks {
    /// The block at that height, if it is kept.
    pub(crate) fn get(&self, number: u64) -> Option<Arc<ExecutedBlock>> {
        let newest = self.newest.lock().get(&number).cloned();
        newest.or_else(|| self.older.get(&number))
    }

    /// Forgets all: their heights may get other blocks.
    pub(crate) fn clear(&self) {
        self.newest.lock().clear();
        self.older.clear();
    }

    /// Keeps a new block; the oldest of too many goes to those that were read.
    pub(crate) fn put_newest(&self, block: Arc<ExecutedBlock>) {
        let mut newest = self.newest.lock();
        newest.insert(block.number(), block);
        if newest.len() > MAX_NEWEST
            && let Some((number, block)) = newest.pop_first()
        {
            drop(newest);
            self.older.insert(number, block);
        }
    }

    /// Keeps a block that was read back; what was asked for least makes room.
    pub(crate) fn put_read(&self, block: Arc<ExecutedBlock>) {
        self.older.insert(block.number(), block);
    }
}

/// What a block takes in memory, about.
#[derive(Clone)]
struct Bytes;

impl Weighter<u64, Arc<ExecutedBlock>> for Bytes {
    fn weight(&self, _: &u64, block: &Arc<ExecutedBlock>) -> u64 {
        /// A header, a table's entry.
        const BLOCK: usize = 1_024;
        /// A signed transaction and its receipt, without input and logs.
        const TRANSACTION: usize = 700;
        const LOG: usize = 160;
        let transactions = block.block.transactions.iter().map(|tx| TRANSACTION + tx.input().len());
        let logs = block.receipts.iter().flat_map(|receipt| receipt.logs());
        let logs = logs.map(|log| LOG + 32 * log.topics().len() + log.data.data.len());
        let components = block.block.sidecar.iter().map(|component| component.bytes().len());
        (BLOCK + transactions.sum::<usize>() + logs.sum::<usize>() + components.sum::<usize>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caldera_types::Block;

    /// A block that takes about so many bytes.
    fn block(number: u64, bytes: usize) -> Arc<ExecutedBlock> {
        let header = alloy_consensus::Header { number, ..Default::default() };
        let (transactions, sidecar) = (Vec::new(), caldera_types::Component::new(vec![0; bytes]).into_iter().collect());
        let block = Block { header, transactions, sidecar, ethereum: None }.seal();
        Arc::new(ExecutedBlock::new(block, Vec::new(), Vec::new()))
    }

    #[test]
    fn the_newest_stay_whatever_is_read() {
        let recent = RecentBlocks::default();
        (0..200).for_each(|number| recent.put_newest(block(number, 0)));
        (1_000..1_300).for_each(|number| recent.put_read(block(number, 1 << 20)));
        assert!((136..200).all(|number| recent.get(number).is_some()));
        let read = (1_000..1_300).filter(|number| recent.get(*number).is_some()).count();
        assert!((1..=64).contains(&read), "{read} of a mebibyte each");
    }

    #[test]
    fn what_was_read_is_there_again_however_old_it_is() {
        let recent = RecentBlocks::default();
        (500..600).for_each(|number| recent.put_newest(block(number, 0)));
        recent.put_read(block(3, 0));
        assert_eq!(recent.get(3).map(|block| block.number()), Some(3));
        recent.clear();
        assert!([3, 599].iter().all(|number| recent.get(*number).is_none()));
    }
}
