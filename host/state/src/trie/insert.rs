//! What is built where nothing stood, and the pieces of paths that building and removing share.

use alloy_trie::{
    Nibbles,
    nodes::{ExtensionNode, LeafNode, TrieNode},
};

use super::{
    change::Change,
    sealed::Sink,
    update::{Children, Update},
};
use crate::error::StateError;

/// Length of every key: a hash.
pub(super) const KEY_NIBBLES: usize = 64;
/// A stored node that ends beyond or before where keys end.
pub(super) const MISPLACED: StateError = StateError::Damaged { what: "trie node: it does not fit where it stands" };

impl Update<'_> {
    /// The node at `depth` of a trie that holds what these changes put.
    pub(super) fn build(&self, depth: usize, changes: &[Change<'_>], sink: &mut Sink) -> Result<TrieNode, StateError> {
        let Some(first) = changes.iter().position(Change::puts) else { return Ok(TrieNode::EmptyRoot) };
        let last = changes.iter().rposition(Change::puts).unwrap_or(first);
        let changes = &changes[first..=last];
        let (first, last) = (&changes[0], &changes[last - first]);
        if first.key == last.key {
            let value = first.value(self, sink)?;
            return Ok(TrieNode::Leaf(LeafNode { key: first.key.slice(depth..), value }));
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
pub(super) fn join(path: Nibbles, node: TrieNode, sink: &mut Sink) -> TrieNode {
    if path.is_empty() {
        return node;
    }
    match node {
        TrieNode::EmptyRoot => TrieNode::EmptyRoot,
        TrieNode::Leaf(LeafNode { key, value }) => TrieNode::Leaf(LeafNode { key: path.join(&key), value }),
        TrieNode::Extension(ExtensionNode { key, child }) => {
            TrieNode::Extension(ExtensionNode { key: path.join(&key), child })
        }
        branch @ TrieNode::Branch(_) => TrieNode::Extension(ExtensionNode { key: path, child: sink.seal(&branch) }),
    }
}
