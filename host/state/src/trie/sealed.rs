//! Nodes that got their bytes and hash, and what a parent holds of them.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_rlp::Encodable;
use alloy_trie::{
    EMPTY_ROOT_HASH, TrieAccount,
    nodes::{RlpNode, TrieNode},
};

use super::{
    below::{self, At},
    node::Node,
};
use crate::place::{NodeRef, Place};

/// New nodes with their hashes, as they are stored: children before their parents.
pub(super) type Fresh = Vec<(B256, Bytes)>;

/// Accounts as they are afterwards, with the roots of their storage and where these lie. Some may be here twice.
pub(super) type Accounts = Vec<(Address, TrieAccount, At)>;

/// What a parent holds of a node: its hash and where it lies, or, below 32 bytes, itself.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub rlp: RlpNode,
    pub at: At,
}

impl Held {
    /// Of a node in the store.
    pub fn stored(node: NodeRef) -> Self {
        Self { rlp: RlpNode::word_rlp(&node.hash), at: At::Stored(node.place) }
    }

    /// The node in the store; none for one that lies within its parent, or is being made.
    pub fn stored_ref(&self) -> Option<NodeRef> {
        match (self.rlp.as_hash(), self.at) {
            (Some(hash), At::Stored(place)) => Some(NodeRef { hash, place }),
            _ => None,
        }
    }
}

/// Takes the nodes that an update makes, those that they replace, and the accounts that it puts into them.
#[derive(Debug, Default)]
pub(super) struct Sink {
    fresh: Fresh,
    replaced: Vec<Place>,
    accounts: Accounts,
    buffer: Vec<u8>,
}

/// How much is in a [`Sink`].
#[derive(Clone, Copy)]
pub(super) struct Mark {
    fresh: usize,
    replaced: usize,
    accounts: usize,
}

impl Sink {
    /// What a parent holds of this node, which is final.
    pub fn seal(&mut self, node: &Node) -> Held {
        self.encode(&node.node);
        if self.buffer.len() < 32 {
            return Held { rlp: RlpNode::from_rlp(&self.buffer), at: At::default() };
        }
        let (hash, at) = self.keep(&node.below);
        Held { rlp: RlpNode::word_rlp(&hash), at }
    }

    /// The hash of a root, which stands by itself however short it is, and where it lies.
    pub fn seal_root(&mut self, node: &Node) -> (B256, At) {
        if matches!(node.node, TrieNode::EmptyRoot) {
            return (EMPTY_ROOT_HASH, At::default());
        }
        self.encode(&node.node);
        self.keep(&node.below)
    }

    /// How much is in, for [`Self::undo`].
    pub fn mark(&self) -> Mark {
        Mark { fresh: self.fresh.len(), replaced: self.replaced.len(), accounts: self.accounts.len() }
    }

    /// Forgets what came after the mark: the nodes turned out to be stored already. Accounts among them are what they were, but
    /// may have been put together anew.
    pub fn undo(&mut self, mark: Mark) {
        self.fresh.truncate(mark.fresh);
        self.replaced.truncate(mark.replaced);
        self.accounts.truncate(mark.accounts);
    }

    /// Takes the place of a stored node in whose place another one stands, or none.
    pub fn replaced(&mut self, at: At) {
        if let At::Stored(place) = at {
            self.replaced.push(place);
        }
    }

    /// Takes what another one took; gives how many nodes came before its nodes.
    pub fn append(&mut self, mut other: Self) -> usize {
        let before = self.fresh.len();
        self.fresh.append(&mut other.fresh);
        self.replaced.append(&mut other.replaced);
        self.accounts
            .extend(other.accounts.into_iter().map(|(address, account, at)| (address, account, at.behind(before))));
        before
    }

    /// Takes an account that stands in a leaf, and where the root of its storage lies.
    pub fn account(&mut self, address: Address, account: TrieAccount, at: At) {
        self.accounts.push((address, account, at));
    }

    /// All new nodes, the places of those that they replace, and all accounts.
    pub fn into_parts(self) -> (Fresh, Vec<Place>, Accounts) {
        (self.fresh, self.replaced, self.accounts)
    }

    fn encode(&mut self, node: &TrieNode) {
        self.buffer.clear();
        node.encode(&mut self.buffer);
    }

    fn keep(&mut self, below: &[At]) -> (B256, At) {
        let (hash, own) = (keccak256(&self.buffer), self.fresh.len());
        below::write(&mut self.buffer, own, below);
        self.fresh.push((hash, Bytes::copy_from_slice(&self.buffer)));
        (hash, At::New(own))
    }
}
