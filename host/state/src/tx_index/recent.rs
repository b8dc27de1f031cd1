//! What of the index is in memory.

use alloy_primitives::{B256, map::HashMap};

/// The newest blocks' transactions.
#[derive(Debug)]
pub(super) struct Recent {
    /// The first of those blocks.
    pub first: u64,
    /// What the run will be called that they become. Known beforehand, so that a block that is committed again after an error
    /// brings the same run.
    pub id: u64,
    pub places: HashMap<B256, (u64, u32)>,
}

impl Recent {
    pub fn new(first: u64, id: u64) -> Self {
        Self { first, id, places: HashMap::default() }
    }

    pub fn add(&mut self, number: u64, hashes: impl IntoIterator<Item = B256>) {
        self.places.extend((0u32..).zip(hashes).map(|(index, hash)| (hash, (number, index))));
    }
}
