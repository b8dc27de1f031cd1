//! Blocks that readers are likely to ask for again, ready to hand out: the newest, and older ones that were read lately.
//!
//! A receipt needs the senders, and recovering them from a block that is read back takes longer than everything else. Who looks
//! for logs of one account again and again, as wallets do, asks for the same blocks.

use std::{collections::BTreeMap, fmt, sync::Arc};

use alloy_consensus::Transaction as _;
use parking_lot::Mutex;
use quick_cache::{OptionsBuilder, Weighter, sync::Cache};

use crate::executed::ExecutedBlock;

/// The newest blocks that are kept,
const MAX_NEWEST: usize = 64;
/// and what they take at most, about. Always the newest one: a block of 14,000 transfers takes some 10 MiB.
const MAX_NEWEST_BYTES: u64 = 128 << 20;
/// What older blocks take at most, about.
const MAX_OLDER_BYTES: u64 = 64 << 20;
/// How many of them that may be, for the table's first size.
const OLDER_BLOCKS: usize = 1_024;

/// The newest blocks, and older ones that were read lately.
pub(crate) struct RecentBlocks {
    newest: Mutex<Newest>,
    older: Cache<u64, Arc<ExecutedBlock>, Bytes>,
}

/// By height, with what each takes.
#[derive(Default)]
struct Newest {
    blocks: BTreeMap<u64, (u64, Arc<ExecutedBlock>)>,
    bytes: u64,
}

impl Newest {
    fn put(&mut self, block: Arc<ExecutedBlock>) {
        let (number, bytes) = (block.number(), bytes_of(&block));
        let before = self.blocks.insert(number, (bytes, block));
        self.bytes += bytes;
        self.bytes -= before.map_or(0, |(bytes, _)| bytes);
    }

    /// The oldest, if it is one too many.
    fn pop(&mut self) -> Option<Arc<ExecutedBlock>> {
        let blocks = self.blocks.len();
        if blocks <= MAX_NEWEST && (self.bytes <= MAX_NEWEST_BYTES || blocks == 1) {
            return None;
        }
        let (_, (bytes, block)) = self.blocks.pop_first()?;
        self.bytes -= bytes;
        Some(block)
    }
}

impl Default for RecentBlocks {
    fn default() -> Self {
        // In one piece: a block may take more than a part of it, and would never stay.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(OLDER_BLOCKS)
            .weight_capacity(MAX_OLDER_BYTES)
            .build()
            // Only one of the two could be missing.
            .expect("both capacities are given");
        let older = Cache::with_options(options, Bytes, Default::default(), Default::default());
        Self { newest: Mutex::default(), older }
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
        let newest = self.newest.lock().blocks.get(&number).map(|(_, block)| block.clone());
        newest.or_else(|| self.older.get(&number))
    }

    /// Forgets all: their heights may get other blocks.
    pub(crate) fn clear(&self) {
        *self.newest.lock() = Newest::default();
        self.older.clear();
    }

    /// Keeps a new block; what is too many or too much goes to those that were read, the oldest first.
    pub(crate) fn put_newest(&self, block: Arc<ExecutedBlock>) {
        let mut newest = self.newest.lock();
        newest.put(block);
        while let Some(block) = newest.pop() {
            self.older.insert(block.number(), block);
        }
    }

    /// Keeps a block that was read back; what was asked for least makes room.
    pub(crate) fn put_read(&self, block: Arc<ExecutedBlock>) {
        self.older.insert(block.number(), block);
    }
}

/// Weighs blocks.
#[derive(Clone)]
struct Bytes;

impl Weighter<u64, Arc<ExecutedBlock>> for Bytes {
    fn weight(&self, _: &u64, block: &Arc<ExecutedBlock>) -> u64 {
        bytes_of(block)
    }
}

/// What a block takes in memory, about.
fn bytes_of(block: &ExecutedBlock) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use caldera_types::Block;

    /// A block that takes about so many bytes.
    fn block(number: u64, bytes: usize) -> Arc<ExecutedBlock> {
        let header = alloy_consensus::Header { number, ..Default::default() };
        let component = caldera_types::Component::new(vec![0; 1 << 20]).unwrap();
        let sidecar = vec![component; bytes >> 20];
        let block = Block { header, transactions: Vec::new(), sidecar, ethereum: None }.seal();
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
    fn large_blocks_stay_within_the_same_bytes() {
        let recent = RecentBlocks::default();
        (0..64).for_each(|number| recent.put_newest(block(number, 8 << 20)));
        let held = (0..64).filter(|number| recent.get(*number).is_some()).count();
        assert!((15..=24).contains(&held), "{held} of eight mebibytes each");
        assert_eq!(recent.newest.lock().blocks.len(), 15);
        // As large as blocks get.
        recent.put_read(block(1_000, 24 << 20));
        assert!(recent.get(1_000).is_some());
        recent.put_newest(block(64, 256 << 20));
        assert!(recent.get(64).is_some() && recent.newest.lock().blocks.len() == 1);
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
