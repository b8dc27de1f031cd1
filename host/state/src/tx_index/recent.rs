//! What of the index is in memory.

use alloy_primitives::{B256, map::HashMap};
use caldera_types::SealedBlock;

/// The newest blocks' transactions.
#[derive(Debug)]
pub(super) struct Recent {
    /// The first of those blocks.
    pub first: u64,
    /// What the run will be called that they become. Known beforehand, so that a block that is committed again after an error
    /// brings the same run.
    pub id: u64,
    pub places: HashMap<B256, (u64, u32)>,
    /// Some looked like one that there was, and took its place.
    alike: bool,
}

impl Recent {
    pub fn new(first: u64, id: u64) -> Self {
        Self { first, id, places: HashMap::default(), alike: false }
    }

    pub fn add(&mut self, number: u64, hashes: impl IntoIterator<Item = B256>) {
        for (index, hash) in (0u32..).zip(hashes) {
            self.alike |= self.places.insert(hash, (number, index)).is_some();
        }
    }

    /// The same without the blocks above `head`, if it can be told from what is in memory.
    pub fn without_above(&self, head: u64, id: u64) -> Option<Self> {
        let kept =
            || self.places.iter().filter(|(_, (number, _))| *number <= head).map(|(hash, place)| (*hash, *place));
        (!self.alike).then(|| Self { places: kept().collect(), ..Self::new(self.first, id) })
    }
}

/// Hashes of a block's transactions.
pub(super) fn hashes(block: &SealedBlock) -> impl ExactSizeIterator<Item = B256> {
    block.transactions.iter().map(|transaction| *transaction.tx_hash())
}
