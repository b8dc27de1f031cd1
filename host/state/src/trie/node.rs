//! A node with the places of those below it.

use alloy_rlp::{Decodable, Header};
use alloy_trie::nodes::TrieNode;

use super::below::{self, At};
use crate::{error::StateError, place::Place};

/// A node, and where those lie whose hashes it holds, in their order; of an account's leaf, the root of its storage.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub node: TrieNode,
    pub below: Vec<At>,
}

impl Node {
    /// A node that names no other, or none that lies anywhere.
    pub fn alone(node: TrieNode) -> Self {
        Self { node, below: Vec::new() }
    }

    /// A node that names one other, at most.
    pub fn over(node: TrieNode, below: Option<At>) -> Self {
        Self { node, below: below.into_iter().collect() }
    }

    /// Reads the node that lies at a place.
    pub fn decode(mut bytes: &[u8], own: Place) -> Result<Self, StateError> {
        let damaged = StateError::Damaged { what: "trie node" };
        let Ok(node) = TrieNode::decode(&mut bytes) else { return Err(damaged) };
        let below = below::read(own, bytes).ok_or(damaged)?;
        Ok(Self { node, below })
    }
}

/// Of what is stored, the node's own bytes: what hashes to its hash.
pub(crate) fn own_bytes(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    match Header::decode(&mut rest) {
        Ok(header) => bytes.get(..bytes.len() - rest.len() + header.payload_length).unwrap_or(bytes),
        Err(_) => bytes,
    }
}
