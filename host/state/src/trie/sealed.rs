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

/// Takes the nodes that an update makes, those that they replace, and the accounts that it puts into them.
#[derive(Debug, Default)]
pub(super) struct Sink {
    fresh: Fresh,
    replaced: Vec<B256>,
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

    /// How much is in, for [`Self::undo`].
    pub fn mark(&self) -> (usize, usize) {
        (self.fresh.len(), self.replaced.len())
    }

    /// Forgets what came after the mark: the nodes turned out to be stored already.
    pub fn undo(&mut self, (fresh, replaced): (usize, usize)) {
        self.fresh.truncate(fresh);
        self.replaced.truncate(replaced);
    }

    /// Takes a stored node in whose place another one stands, or none. It may stand elsewhere as well.
    pub fn replaced(&mut self, hash: B256) {
        self.replaced.push(hash);
    }

    /// Takes what another one took.
    pub fn append(&mut self, mut other: Self) {
        self.fresh.append(&mut other.fresh);
        self.replaced.append(&mut other.replaced);
        self.accounts.append(&mut other.accounts);
    }

    /// Takes an account that stands in a leaf.
    pub fn account(&mut self, address: Address, account: TrieAccount) {
        self.accounts.push((address, account));
    }

    /// All new nodes with their hashes, the hashes of those that they replace, and all accounts.
    pub fn into_parts(self) -> (Fresh, Vec<B256>, Accounts) {
        (self.fresh, self.replaced, self.accounts)
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
