//! From a root down to one key.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles,
    nodes::{RlpNode, TrieNode},
};

use super::update::decode;
use crate::{error::StateError, nodes::Nodes};

/// A value, if there is one, and the nodes on the way to it.
pub(crate) type Proven = (Option<Vec<u8>>, Vec<Bytes>);

/// The value under the hash of `key` in the trie with this root.
pub(crate) fn get(nodes: &Nodes, root: B256, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
    walk(nodes, root, hashed(key), |_| {})
}

/// The same with its proof: the nodes from the root to the value, or to where its absence shows. Nodes that lie within
/// their parents are not listed again.
pub(crate) fn prove(nodes: &Nodes, root: B256, key: &[u8]) -> Result<Proven, StateError> {
    prove_hashed(nodes, root, hashed(key))
}

/// The same for a key that is a hash already.
pub(super) fn prove_hashed(nodes: &Nodes, root: B256, path: Nibbles) -> Result<Proven, StateError> {
    let mut proof = Vec::new();
    let value = walk(nodes, root, path, |node| proof.push(node.clone()))?;
    Ok((value, proof))
}

fn hashed(key: &[u8]) -> Nibbles {
    Nibbles::unpack_array(&keccak256(key).0)
}

fn walk(
    nodes: &Nodes,
    root: B256,
    mut left: Nibbles,
    mut passed: impl FnMut(&Bytes),
) -> Result<Option<Vec<u8>>, StateError> {
    if root == EMPTY_ROOT_HASH {
        return Ok(None);
    }
    let mut held = RlpNode::word_rlp(&root);
    loop {
        let node = match held.as_hash() {
            Some(hash) => {
                let node = nodes.must_get(hash)?;
                passed(&node);
                decode(&node)?
            }
            None => decode(&held)?,
        };
        match node {
            TrieNode::EmptyRoot => return Ok(None),
            TrieNode::Leaf(leaf) => return Ok((leaf.key == left).then_some(leaf.value)),
            TrieNode::Extension(extension) => {
                if extension.key.is_empty() || !left.starts_with(&extension.key) {
                    return Ok(None);
                }
                left = left.slice(extension.key.len()..);
                held = extension.child;
            }
            TrieNode::Branch(branch) => {
                // A branch below the end of all keys holds none.
                let Some(index) = left.first().filter(|index| branch.state_mask.is_bit_set(*index)) else {
                    return Ok(None);
                };
                let before = branch.state_mask.get() & ((1 << index) - 1);
                held = branch.stack[before.count_ones() as usize].clone();
                left = left.slice(1..);
            }
        }
    }
}
