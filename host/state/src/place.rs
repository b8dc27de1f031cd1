//! Where a trie node lies in the store.
//!
//! Nodes are kept in the order in which blocks made them, and each names where those below it lie. Under their hashes every block
//! would write everywhere in the store: a sorted store then reads and writes a page, or merges a table, for each node, and more so
//! the longer the chain is. (Version-based keys, as in Diem's Jellyfish Merkle tree, "Jellyfish Merkle Tree", 2021.)

use alloy_primitives::B256;

/// Where a node lies: the block that made it, and the how manyeth of that block's nodes it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// Height of the block.
    pub height: u64,
    /// From 0, below 2³¹: so many nodes would take a terabyte.
    pub index: u32,
    /// Whether it shares an entry of the store with its neighbours ([`crate::nodes::pack`]); all nodes of one block do, or none.
    pub packed: bool,
}

impl Place {
    /// Length of [`Self::to_bytes`].
    pub const BYTES: usize = 12;
    /// Most nodes of a block.
    pub const MOST: u32 = 1 << 31;

    /// Of the node that comes so many after this one in its block.
    pub fn after(self, nodes: u32) -> Self {
        Self { index: self.index + nodes, ..self }
    }

    /// In the order of places.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.height.to_be_bytes());
        bytes[8..].copy_from_slice(&self.word().to_be_bytes());
        bytes
    }

    /// Reads it back.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (height, word) = bytes.split_first_chunk::<8>()?;
        Some(Self::from_word(u64::from_be_bytes(*height), u32::from_be_bytes(word.try_into().ok()?)))
    }

    /// What it is besides its height.
    pub fn word(self) -> u32 {
        self.index << 1 | u32::from(self.packed)
    }

    /// Reads it back.
    pub fn from_word(height: u64, word: u32) -> Self {
        Self { height, index: word >> 1, packed: word & 1 == 1 }
    }
}

/// A node as another one, or a block, names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NodeRef {
    /// What it hashes to.
    pub hash: B256,
    /// Where it lies.
    pub place: Place,
}

impl NodeRef {
    /// A node of which only the hash counts: of a witness.
    pub fn anywhere(hash: B256) -> Self {
        Self { hash, place: Place::default() }
    }
}
