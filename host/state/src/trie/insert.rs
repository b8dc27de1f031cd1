//! What is built where nothing stood, and the pieces of paths that building and removing share.

use alloy_trie::{
    Nibbles,
    nodes::{ExtensionNode, LeafNode, TrieNode},
};

use super::{
    change::Change,
    child::Children,
    node::Node,
    sealed::{Held, Sink},
    update::Update,
};
use crate::error::StateError;

/// Length of every key: a hash.
pub(super) const KEY_NIBBLES: usize = 64;
/// A stored node that ends beyond or before where keys end.
pub(super) const MISPLACED: StateError = StateError::Damaged { what: "trie node: it does not fit where it stands" };

impl Update<'_> {
    /// The node at `depth` of a trie that holds what these changes put.
    pub(super) fn build(&self, depth: usize, changes: &[Change<'_>], sink: &mut Sink) -> Result<Node, StateError> {
        let Some(first) = changes.iter().position(Change::puts) else { return Ok(Node::alone(TrieNode::EmptyRoot)) };
        let last = changes.iter().rposition(Change::puts).unwrap_or(first);
        let changes = &changes[first..=last];
        let (first, last) = (&changes[0], &changes[last - first]);
        if first.key == last.key {
            let (value, below) = first.value(self, sink)?;
            return Ok(Node::over(TrieNode::Leaf(LeafNode { key: first.key.slice(depth..), value }), below));
        }
        let fork = first.key.common_prefix_length(&last.key);
        let branch = self.branch(Children::default(), fork, changes, sink)?;
        Ok(join(first.key.slice(depth..fork), branch, sink))
    }
}

/// The path to `depth` that all of these changes, at least one, share.
pub(super) fn path_of(changes: &[Change<'_>], depth: usize) -> Nibbles {
    changes.first().map(|change| change.key.slice(..depth)).unwrap_or_default()
}

/// Those of the changes that are under `path`.
pub(super) fn under<'c, 'a>(changes: &'c [Change<'a>], path: &Nibbles) -> &'c [Change<'a>] {
    let cut = |change: &Change<'_>| change.key.slice(..path.len());
    let from = changes.partition_point(|change| cut(change) < *path);
    let count = changes[from..].partition_point(|change| cut(change) == *path);
    &changes[from..from + count]
}

/// The node that stands `path` above `node`.
pub(super) fn join(path: Nibbles, Node { node, below }: Node, sink: &mut Sink) -> Node {
    if path.is_empty() {
        return Node { node, below };
    }
    match node {
        TrieNode::EmptyRoot => Node::alone(TrieNode::EmptyRoot),
        TrieNode::Leaf(LeafNode { key, value }) => {
            Node { node: TrieNode::Leaf(LeafNode { key: path.join(&key), value }), below }
        }
        TrieNode::Extension(ExtensionNode { key, child }) => {
            Node { node: TrieNode::Extension(ExtensionNode { key: path.join(&key), child }), below }
        }
        branch @ TrieNode::Branch(_) => extend(path, sink.seal(&Node { node: branch, below })),
    }
}

/// An extension.
pub(super) fn extend(key: Nibbles, Held { rlp, at }: Held) -> Node {
    let below = rlp.as_hash().map(|_| at);
    Node::over(TrieNode::Extension(ExtensionNode { key, child: rlp }), below)
}
