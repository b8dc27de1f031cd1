//! From a root down to one key.

use alloy_primitives::{Bytes, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::TrieNode};

use super::{
    below::At,
    node::{Node, own_bytes},
    sealed::Held,
};
use crate::{
    error::StateError,
    nodes::Nodes,
    place::{NodeRef, Place},
};

/// A value as it is stored; of an account, with where the root of its storage lies.
pub(crate) struct Found {
    pub value: Vec<u8>,
    pub below: Place,
}

/// A value, if there is one, and the nodes on the way to it.
pub(crate) type Proven = (Option<Found>, Vec<Bytes>);

/// The value under the hash of `key` in the trie with this root.
pub(crate) fn get(nodes: &Nodes, root: NodeRef, key: &[u8]) -> Result<Option<Found>, StateError> {
    walk(nodes, root, hashed(key), |_| {})
}

/// The same with its proof: the nodes from the root to the value, or to where its absence shows. Nodes that lie within
/// their parents are not listed again.
pub(crate) fn prove(nodes: &Nodes, root: NodeRef, key: &[u8]) -> Result<Proven, StateError> {
    prove_hashed(nodes, root, hashed(key))
}

/// The same for a key that is a hash already.
pub(super) fn prove_hashed(nodes: &Nodes, root: NodeRef, path: Nibbles) -> Result<Proven, StateError> {
    let mut proof = Vec::new();
    let value = walk(nodes, root, path, |node| proof.push(node.slice_ref(own_bytes(node))))?;
    Ok((value, proof))
}

fn hashed(key: &[u8]) -> Nibbles {
    Nibbles::unpack_array(&keccak256(key).0)
}

fn walk(
    nodes: &Nodes,
    root: NodeRef,
    mut left: Nibbles,
    mut passed: impl FnMut(&Bytes),
) -> Result<Option<Found>, StateError> {
    if root.hash == EMPTY_ROOT_HASH {
        return Ok(None);
    }
    let mut held = Held::stored(root);
    loop {
        let (node, own) = match held.stored_ref() {
            Some(node) => {
                let read = |bytes: &Bytes| {
                    passed(bytes);
                    Node::decode(bytes, node.place)
                };
                (nodes.decode(node, read)?, node.place)
            }
            None => (Node::decode(&held.rlp, Place::default())?, Place::default()),
        };
        let place = |below: Option<&At>| below.copied().unwrap_or_default();
        let Node { node, below } = node;
        match node {
            TrieNode::EmptyRoot => return Ok(None),
            TrieNode::Leaf(leaf) => {
                let below = place(below.first()).in_block(own);
                return Ok((leaf.key == left).then_some(Found { value: leaf.value, below }));
            }
            TrieNode::Extension(extension) => {
                if extension.key.is_empty() || !left.starts_with(&extension.key) {
                    return Ok(None);
                }
                left = left.slice(extension.key.len()..);
                held = Held { rlp: extension.child, at: place(below.first()) };
            }
            TrieNode::Branch(branch) => {
                // A branch below the end of all keys holds none.
                let Some(index) = left.first().filter(|index| branch.state_mask.is_bit_set(*index)) else {
                    return Ok(None);
                };
                let before = branch.state_mask.get() & ((1 << index) - 1);
                let before = before.count_ones() as usize;
                let hashes = branch.stack[..before].iter().filter(|child| child.is_hash()).count();
                held = Held { rlp: branch.stack[before].clone(), at: place(below.get(hashes)) };
                left = left.slice(1..);
            }
        }
    }
}
