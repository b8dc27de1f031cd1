//! All changes of one trie in one descent.
//!
//! [`Update::node`] takes a node and the changes below it, in order, and gives the node that stands there afterwards, not
//! sealed: its parent may have to take it in (a branch with one child left is none). The rules are those of inserting and
//! removing one by one, and so the result is theirs, whatever the order.
//!
//! Stored nodes hash to their keys, so they are what was once written here. That they also lie where their paths may end
//! is checked nevertheless: a wrong one is an error, not a panic.

use alloy_primitives::B256;
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles, TrieMask,
    nodes::{BranchNode, ExtensionNode, LeafNode, TrieNode},
};

use super::{
    below::At,
    change::{Before, Change, Edit},
    child::{Child, Children},
    insert::{self, KEY_NIBBLES},
    node::Node,
    sealed::{Held, Sink},
};
use crate::{
    error::StateError,
    nodes::Nodes,
    place::{NodeRef, Place},
    workers,
};

/// From this many changes on, the children of a branch are worked on in parallel: a thread costs as much as some dozens.
const PARALLEL_CHANGES: usize = 128;

/// The trie of one chain while it is updated.
pub(super) struct Update<'a> {
    nodes: &'a Nodes,
}

/// The root after these changes, in order, on a stored root, and where it lies; with what is new.
pub(super) fn root_after(nodes: &Nodes, root: NodeRef, changes: &[Change<'_>]) -> Result<(B256, At, Sink), StateError> {
    let mut sink = Sink::default();
    let (root, at) = Update { nodes }.root_after(root.hash, At::Stored(root.place), changes, &mut sink)?;
    Ok((root, at, sink))
}

impl Update<'_> {
    /// The root after these changes, in order, and where it lies; the new nodes go to `sink`.
    pub fn root_after(
        &self,
        root: B256,
        at: At,
        changes: &[Change<'_>],
        sink: &mut Sink,
    ) -> Result<(B256, At), StateError> {
        if changes.is_empty() {
            return Ok((root, at));
        }
        let old = if root == EMPTY_ROOT_HASH { Node::alone(TrieNode::EmptyRoot) } else { self.load(root, at)? };
        let before = sink.mark();
        if root != EMPTY_ROOT_HASH {
            sink.replaced(at);
        }
        let new = self.node(old, 0, changes, sink)?;
        let (new, new_at) = sink.seal_root(&new);
        if new == root {
            sink.undo(before);
            return Ok((root, at));
        }
        Ok((new, new_at))
    }

    /// What becomes of the node at `depth`, under whose path all `changes` are.
    pub fn node(&self, old: Node, depth: usize, changes: &[Change<'_>], sink: &mut Sink) -> Result<Node, StateError> {
        let Node { node, below } = old;
        match node {
            TrieNode::EmptyRoot => self.build(depth, changes, sink),
            TrieNode::Leaf(leaf) => self.leaf(&leaf, below.first().copied(), depth, changes, sink),
            TrieNode::Extension(extension) => self.extension(extension, below, depth, changes, sink),
            TrieNode::Branch(branch) => {
                let mut children = Children::default();
                let indices = (0..16).filter(|index| branch.state_mask.is_bit_set(*index));
                let mut below = below.into_iter();
                for (index, rlp) in indices.zip(branch.stack) {
                    let at = if rlp.is_hash() { below.next().unwrap_or_default() } else { At::default() };
                    children[usize::from(index)] = Child::Stored(Held { rlp, at });
                }
                self.branch(children, depth, changes, sink)
            }
        }
    }

    /// A leaf is one more key among those that change.
    fn leaf(
        &self,
        leaf: &LeafNode,
        below: Option<At>,
        depth: usize,
        changes: &[Change<'_>],
        sink: &mut Sink,
    ) -> Result<Node, StateError> {
        let path = insert::path_of(changes, depth);
        if depth + leaf.key.len() != KEY_NIBBLES {
            return Err(insert::MISPLACED);
        }
        let key = path.join(&leaf.key);
        let before = Some(Before { value: &leaf.value, below });
        let mut all = changes.to_vec();
        match all.binary_search_by(|change| change.key.cmp(&key)) {
            Ok(at) => all[at].before = before,
            Err(at) => all.insert(at, Change { key, edit: Edit::Keep, before }),
        }
        self.build(depth, &all, sink)
    }

    fn extension(
        &self,
        extension: ExtensionNode,
        below: Vec<At>,
        depth: usize,
        changes: &[Change<'_>],
        sink: &mut Sink,
    ) -> Result<Node, StateError> {
        let ExtensionNode { key: shared, child } = extension;
        if shared.is_empty() || depth + shared.len() >= KEY_NIBBLES {
            return Err(insert::MISPLACED);
        }
        let child = Held { rlp: child, at: below.first().copied().unwrap_or_default() };
        let path = insert::path_of(changes, depth);
        // What lies elsewhere and only removes was never there.
        let common = |change: &Change<'_>| change.key.slice(depth..).common_prefix_length(&shared);
        let split = changes.iter().filter(|change| change.puts()).map(common).min().unwrap_or(shared.len());
        let split = split.min(shared.len());
        let within = insert::under(changes, &path.join(&shared.slice(..split)));
        let new = if split == shared.len() {
            if within.is_empty() {
                return Ok(insert::extend(shared, child));
            }
            sink.replaced(child.at);
            self.node(self.open(&child)?, depth + split, within, sink)?
        } else {
            let mut children = Children::default();
            let rest = shared.slice(split + 1..);
            children[usize::from(shared.get_unchecked(split))] =
                if rest.is_empty() { Child::Stored(child) } else { Child::Open(insert::extend(rest, child)) };
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
    ) -> Result<Node, StateError> {
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
                children[of(group)] = child.behind(sink.append(theirs));
            }
        }
        self.close(children, sink)
    }

    /// What becomes of a child. It is sealed here, in its own thread, unless it may have to go into its parent.
    fn child(&self, old: Child, depth: usize, changes: &[Change<'_>], sink: &mut Sink) -> Result<Child, StateError> {
        let (open, stored) = match old {
            Child::None => (Node::alone(TrieNode::EmptyRoot), None),
            Child::Open(node) => (node, None),
            // Only made by this function, after it was called for that child.
            Child::Branch(stored) | Child::Stored(stored) => (self.open(&stored)?, Some(stored)),
        };
        let before = sink.mark();
        stored.iter().filter(|held| held.rlp.is_hash()).for_each(|held| sink.replaced(held.at));
        let new = self.node(open, depth, changes, sink)?;
        Ok(match new.node {
            TrieNode::EmptyRoot => Child::None,
            // A parent that takes a branch in only needs its hash.
            TrieNode::Branch(_) => {
                let new = sink.seal(&new);
                match stored {
                    Some(stored) if stored.rlp == new.rlp => {
                        sink.undo(before);
                        Child::Branch(stored)
                    }
                    _ => Child::Branch(new),
                }
            }
            TrieNode::Leaf(_) | TrieNode::Extension(_) => Child::Open(new),
        })
    }

    /// A branch of what is left: none of nothing, and none of one child, which takes the branch's place.
    fn close(&self, mut children: Children, sink: &mut Sink) -> Result<Node, StateError> {
        let mut left = (0u8..).zip(&mut children).filter(|(_, child)| !matches!(child, Child::None));
        let Some((index, first)) = left.next() else { return Ok(Node::alone(TrieNode::EmptyRoot)) };
        if left.next().is_none() {
            let path = Nibbles::from_nibbles_unchecked([index]);
            return Ok(match std::mem::take(first) {
                Child::Stored(stored) => match self.open(&stored)? {
                    Node { node: TrieNode::Branch(_), .. } => insert::extend(path, stored),
                    node => {
                        if stored.rlp.is_hash() {
                            sink.replaced(stored.at);
                        }
                        insert::join(path, node, sink)
                    }
                },
                Child::Branch(sealed) => insert::extend(path, sealed),
                Child::Open(node) => insert::join(path, node, sink),
                Child::None => Node::alone(TrieNode::EmptyRoot),
            });
        }
        let mut state_mask = TrieMask::default();
        let (mut stack, mut below) = (Vec::with_capacity(16), Vec::with_capacity(16));
        for (index, child) in (0u8..).zip(children) {
            let held = match child {
                Child::None => continue,
                Child::Stored(held) | Child::Branch(held) => held,
                Child::Open(node) => sink.seal(&node),
            };
            if held.rlp.is_hash() {
                below.push(held.at);
            }
            stack.push(held.rlp);
            state_mask.set_bit(index);
        }
        Ok(Node { node: TrieNode::Branch(BranchNode { stack, state_mask }), below })
    }

    /// The node that a parent holds.
    fn open(&self, held: &Held) -> Result<Node, StateError> {
        match held.rlp.as_hash() {
            Some(hash) => self.load(hash, held.at),
            None => Node::decode(&held.rlp, Place::default()),
        }
    }

    fn load(&self, hash: B256, at: At) -> Result<Node, StateError> {
        // What is being made is never opened again: only what a block that is stored holds.
        let At::Stored(place) = at else { return Err(insert::MISPLACED) };
        self.nodes.decode(NodeRef { hash, place }, |bytes| Node::decode(bytes, place))
    }
}
