//! All changes of one trie in one descent.
//!
//! [`Update::node`] takes a node and the changes below it, in order, and gives the node that stands there afterwards, not
//! sealed: its parent may have to take it in (a branch with one child left is none). The rules are those of inserting and
//! removing one by one, and so the result is theirs, whatever the order.
//!
//! Stored nodes hash to their keys, so they are what was once written here. That they also lie where their paths may end
//! is checked nevertheless: a wrong one is an error, not a panic.

use alloy_primitives::B256;
use alloy_rlp::Decodable;
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles, TrieMask,
    nodes::{BranchNode, ExtensionNode, LeafNode, RlpNode, TrieNode},
};

use super::{
    change::{Change, Edit},
    insert::{self, KEY_NIBBLES},
    sealed::Sink,
};
use crate::{error::StateError, nodes::Nodes, workers};

/// From this many changes on, the children of a branch are worked on in parallel: a thread costs as much as some dozens.
const PARALLEL_CHANGES: usize = 128;

/// A child of a branch under work.
#[derive(Clone, Debug, Default)]
pub(super) enum Child {
    #[default]
    None,
    /// As it is stored.
    Stored(RlpNode),
    /// A branch that was sealed here and is not stored yet.
    Branch(RlpNode),
    /// Made or taken apart here.
    Open(TrieNode),
}

/// The sixteen of a branch.
pub(super) type Children = [Child; 16];

/// The trie of one chain while it is updated.
pub(super) struct Update<'a> {
    nodes: &'a Nodes,
}

/// The root after these changes, in order, on a stored root; with what is new.
pub(super) fn root_after(nodes: &Nodes, root: B256, changes: &[Change<'_>]) -> Result<(B256, Sink), StateError> {
    let mut sink = Sink::default();
    let root = Update { nodes }.root_after(root, changes, &mut sink)?;
    Ok((root, sink))
}

impl Update<'_> {
    /// The root after these changes, in order; the new nodes go to `sink`.
    pub fn root_after(&self, root: B256, changes: &[Change<'_>], sink: &mut Sink) -> Result<B256, StateError> {
        if changes.is_empty() {
            return Ok(root);
        }
        let old = if root == EMPTY_ROOT_HASH { TrieNode::EmptyRoot } else { self.load(root)? };
        let before = sink.mark();
        sink.replaced(root);
        let new = self.node(old, 0, changes, sink)?;
        let new = sink.seal_root(&new);
        if new == root {
            sink.undo(before);
        }
        Ok(new)
    }

    /// What becomes of the node at `depth`, under whose path all `changes` are.
    pub fn node(
        &self,
        old: TrieNode,
        depth: usize,
        changes: &[Change<'_>],
        sink: &mut Sink,
    ) -> Result<TrieNode, StateError> {
        match old {
            TrieNode::EmptyRoot => self.build(depth, changes, sink),
            TrieNode::Leaf(leaf) => self.leaf(&leaf, depth, changes, sink),
            TrieNode::Extension(extension) => self.extension(extension, depth, changes, sink),
            TrieNode::Branch(branch) => {
                let mut children = Children::default();
                let indices = (0..16).filter(|index| branch.state_mask.is_bit_set(*index));
                for (index, child) in indices.zip(branch.stack) {
                    children[usize::from(index)] = Child::Stored(child);
                }
                self.branch(children, depth, changes, sink)
            }
        }
    }

    /// A leaf is one more key among those that change.
    fn leaf(
        &self,
        leaf: &LeafNode,
        depth: usize,
        changes: &[Change<'_>],
        sink: &mut Sink,
    ) -> Result<TrieNode, StateError> {
        let path = insert::path_of(changes, depth);
        if depth + leaf.key.len() != KEY_NIBBLES {
            return Err(insert::MISPLACED);
        }
        let key = path.join(&leaf.key);
        let mut all = changes.to_vec();
        match all.binary_search_by(|change| change.key.cmp(&key)) {
            Ok(at) => all[at].before = Some(&leaf.value),
            Err(at) => all.insert(at, Change { key, edit: Edit::Keep, before: Some(&leaf.value) }),
        }
        self.build(depth, &all, sink)
    }

    fn extension(
        &self,
        extension: ExtensionNode,
        depth: usize,
        changes: &[Change<'_>],
        sink: &mut Sink,
    ) -> Result<TrieNode, StateError> {
        let ExtensionNode { key: shared, child } = extension;
        if shared.is_empty() || depth + shared.len() >= KEY_NIBBLES {
            return Err(insert::MISPLACED);
        }
        let path = insert::path_of(changes, depth);
        // What lies elsewhere and only removes was never there.
        let common = |change: &Change<'_>| change.key.slice(depth..).common_prefix_length(&shared);
        let split = changes.iter().filter(|change| change.puts()).map(common).min().unwrap_or(shared.len());
        let split = split.min(shared.len());
        let within = insert::under(changes, &path.join(&shared.slice(..split)));
        let new = if split == shared.len() {
            if within.is_empty() {
                return Ok(TrieNode::Extension(ExtensionNode { key: shared, child }));
            }
            self.node(self.open(&child)?, depth + split, within, sink)?
        } else {
            let mut children = Children::default();
            let rest = shared.slice(split + 1..);
            children[usize::from(shared.get_unchecked(split))] = if rest.is_empty() {
                Child::Stored(child)
            } else {
                Child::Open(TrieNode::Extension(ExtensionNode { key: rest, child }))
            };
            self.branch(children, depth + split, within, sink)?
        };
        Ok(insert::join(shared.slice(..split), new, sink))
    }

    /// What becomes of a branch with these children, some perhaps only thought of.
    pub fn branch(
        &self,
        mut children: Children,
        depth: usize,
        changes: &[Change<'_>],
        sink: &mut Sink,
    ) -> Result<TrieNode, StateError> {
        if depth >= KEY_NIBBLES {
            return Err(insert::MISPLACED);
        }
        let groups: Vec<_> =
            changes.chunk_by(|a, b| a.key.get_unchecked(depth) == b.key.get_unchecked(depth)).collect();
        let of = |group: &[Change<'_>]| usize::from(group[0].key.get_unchecked(depth));
        if changes.len() < PARALLEL_CHANGES {
            for group in groups {
                let child = &mut children[of(group)];
                *child = self.child(std::mem::take(child), depth + 1, group, sink)?;
            }
        } else {
            let made = workers::spread(&groups, |group| {
                let mut sink = Sink::default();
                let child = self.child(children[of(group)].clone(), depth + 1, group, &mut sink)?;
                Ok::<_, StateError>((child, sink))
            });
            for (group, made) in groups.iter().zip(made) {
                let (child, theirs) = made?;
                children[of(group)] = child;
                sink.append(theirs);
            }
        }
        self.close(children, sink)
    }

    /// What becomes of a child. It is sealed here, in its own thread, unless it may have to go into its parent.
    fn child(&self, old: Child, depth: usize, changes: &[Change<'_>], sink: &mut Sink) -> Result<Child, StateError> {
        let (open, stored) = match old {
            Child::None => (TrieNode::EmptyRoot, None),
            Child::Open(node) => (node, None),
            // Only made by this function, after it was called for that child.
            Child::Branch(stored) | Child::Stored(stored) => (self.open(&stored)?, Some(stored)),
        };
        let before = sink.mark();
        stored.iter().filter_map(RlpNode::as_hash).for_each(|hash| sink.replaced(hash));
        let new = self.node(open, depth, changes, sink)?;
        Ok(match new {
            TrieNode::EmptyRoot => Child::None,
            // A parent that takes a branch in only needs its hash.
            TrieNode::Branch(_) => {
                let new = sink.seal(&new);
                if Some(&new) == stored.as_ref() {
                    sink.undo(before);
                }
                Child::Branch(new)
            }
            leaf_or_extension => Child::Open(leaf_or_extension),
        })
    }

    /// A branch of what is left: none of nothing, and none of one child, which takes the branch's place.
    fn close(&self, mut children: Children, sink: &mut Sink) -> Result<TrieNode, StateError> {
        let mut left = (0u8..).zip(&mut children).filter(|(_, child)| !matches!(child, Child::None));
        let Some((index, first)) = left.next() else { return Ok(TrieNode::EmptyRoot) };
        if left.next().is_none() {
            let path = Nibbles::from_nibbles_unchecked([index]);
            return Ok(match std::mem::take(first) {
                Child::Stored(stored) => match self.open(&stored)? {
                    TrieNode::Branch(_) => TrieNode::Extension(ExtensionNode { key: path, child: stored }),
                    node => insert::join(path, node, sink),
                },
                Child::Branch(sealed) => TrieNode::Extension(ExtensionNode { key: path, child: sealed }),
                Child::Open(node) => insert::join(path, node, sink),
                Child::None => TrieNode::EmptyRoot,
            });
        }
        let mut state_mask = TrieMask::default();
        let mut stack = Vec::with_capacity(16);
        for (index, child) in (0u8..).zip(children) {
            stack.push(match child {
                Child::None => continue,
                Child::Stored(held) | Child::Branch(held) => held,
                Child::Open(node) => sink.seal(&node),
            });
            state_mask.set_bit(index);
        }
        Ok(TrieNode::Branch(BranchNode { stack, state_mask }))
    }

    /// The node that a parent holds.
    fn open(&self, held: &RlpNode) -> Result<TrieNode, StateError> {
        match held.as_hash() {
            Some(hash) => self.load(hash),
            None => decode(held),
        }
    }

    fn load(&self, hash: B256) -> Result<TrieNode, StateError> {
        decode(&self.nodes.must_get(hash)?)
    }
}

/// Reads a node.
pub(super) fn decode(mut bytes: &[u8]) -> Result<TrieNode, StateError> {
    TrieNode::decode(&mut bytes).map_err(|_| StateError::Damaged { what: "trie node" })
}
