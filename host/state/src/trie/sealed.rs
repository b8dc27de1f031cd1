//! Nodes that got their bytes and hash, and what a parent holds of them.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_rlp::Encodable;
use alloy_trie::{
    EMPTY_ROOT_HASH, TrieAccount,
    nodes::{RlpNode, TrieNode},
};

/// New nodes with their hashes.
pub(super) type Fresh = Vec<(B256, Bytes)>;

/// Accounts as they are afterwards, with the roots of their storage. Some may be here twice.
pub(super) type Accounts = Vec<(Address, TrieAccount)>;

/// Takes the nodes that an update makes, and the accounts that it puts into them.
#[derive(Debug, Default)]
pub(super) struct Sink {
    fresh: Fresh,
    accounts: Accounts,
    buffer: Vec<u8>,
}

impl Sink {
    /// What a parent holds of this node, which is final: its hash, or, below 32 bytes, itself.
    pub fn seal(&mut self, node: &TrieNode) -> RlpNode {
        self.encode(node);
        if self.buffer.len() < 32 { RlpNode::from_rlp(&self.buffer) } else { RlpNode::word_rlp(&self.keep()) }
    }

    /// The hash of a root, which stands by itself however short it is.
    pub fn seal_root(&mut self, node: &TrieNode) -> B256 {
        if matches!(node, TrieNode::EmptyRoot) {
            return EMPTY_ROOT_HASH;
        }
        self.encode(node);
        self.keep()
    }

    /// How many nodes are in.
    pub fn len(&self) -> usize {
        self.fresh.len()
    }

    /// Forgets the nodes after the first `len`: they turned out to be stored already.
    pub fn truncate(&mut self, len: usize) {
        self.fresh.truncate(len);
    }

    /// Takes what another one took.
    pub fn append(&mut self, mut other: Self) {
        self.fresh.append(&mut other.fresh);
        self.accounts.append(&mut other.accounts);
    }

    /// Takes an account that stands in a leaf.
    pub fn account(&mut self, address: Address, account: TrieAccount) {
        self.accounts.push((address, account));
    }

    /// All nodes with their hashes, and all accounts.
    pub fn into_parts(self) -> (Fresh, Accounts) {
        (self.fresh, self.accounts)
    }

    fn encode(&mut self, node: &TrieNode) {
        self.buffer.clear();
        node.encode(&mut self.buffer);
    }

    fn keep(&mut self) -> B256 {
        let hash = keccak256(&self.buffer);
        self.fresh.push((hash, Bytes::copy_from_slice(&self.buffer)));
        hash
    }
}
