//! Going over everything below roots, each node and each code once.

use alloy_primitives::{B256, Bytes};
use alloy_trie::EMPTY_ROOT_HASH;
use std::collections::HashSet;

use crate::{
    codes,
    error::StateError,
    nodes::Nodes,
    place::NodeRef,
    store::Store,
    trie::{Kind, Link, links, own_bytes},
};

/// What is met on the way. The order is that of a walk from the root, and the same every time.
pub(crate) enum Met<'a> {
    /// A node, its hash checked.
    Node(&'a [u8]),
    /// A code, its hash checked.
    Code(&'a Bytes),
}

/// What was met.
#[derive(PartialEq, Eq, Hash)]
enum Seen {
    Node(NodeRef),
    Hash(B256),
}

/// Somebody who goes over tries. 56 bytes of memory and a little more for each node that was met.
pub(crate) struct Tour<'a> {
    store: &'a dyn Store,
    nodes: &'a Nodes,
    /// Only asked whether something is in it, so that its order decides nothing.
    seen: HashSet<Seen>,
    todo: Vec<(NodeRef, Kind)>,
    /// What makes two nodes one.
    same: fn(NodeRef) -> Seen,
}

impl<'a> Tour<'a> {
    /// Every node that lies somewhere once. Where two say that they lie in one place, both are looked at: one of them is damaged.
    pub fn new(store: &'a dyn Store, nodes: &'a Nodes) -> Self {
        Self { store, nodes, seen: HashSet::new(), todo: Vec::new(), same: Seen::Node }
    }

    /// Of nodes that are alike, wherever they lie, one.
    pub fn of_content(store: &'a dyn Store, nodes: &'a Nodes) -> Self {
        Self { same: |node| Seen::Hash(node.hash), ..Self::new(store, nodes) }
    }

    /// Goes over what is below a root and was not met yet. An error is of one node or code; the next call goes on after it.
    pub fn walk(
        &mut self,
        root: NodeRef,
        met: &mut dyn FnMut(Met<'_>) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        if root.hash != EMPTY_ROOT_HASH && self.seen.insert((self.same)(root)) {
            self.todo.push((root, Kind::Accounts));
        }
        while let Some((node, kind)) = self.todo.pop() {
            let bytes = self.nodes.read(node)?;
            met(Met::Node(own_bytes(&bytes)))?;
            let links = links(&bytes, node.place, kind)?;
            for Link { to, kind, .. } in links.nodes {
                if self.seen.insert((self.same)(to)) {
                    self.todo.push((to, kind));
                }
            }
            for hash in links.codes {
                if self.seen.insert(Seen::Hash(hash)) {
                    met(Met::Code(&codes::get(self.store, hash)?))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keys, memory_store::MemoryStore, place::Place, store::Batch};
    use alloy_primitives::{U256, keccak256};
    use alloy_rlp::Encodable as _;
    use alloy_trie::{KECCAK_EMPTY, Nibbles, TrieAccount, nodes::LeafNode};
    use std::sync::Arc;

    #[test]
    fn a_place_that_is_named_under_two_hashes_is_damage() {
        let account =
            TrieAccount { nonce: 1, balance: U256::ZERO, storage_root: EMPTY_ROOT_HASH, code_hash: KECCAK_EMPTY };
        let mut leaf = Vec::new();
        LeafNode::new(Nibbles::unpack(B256::ZERO), alloy_rlp::encode(account)).encode(&mut leaf);
        let place = Place { height: 3, index: 0, packed: false };
        let root = NodeRef { hash: keccak256(&leaf), place };
        let (store, mut batch) = (Arc::new(MemoryStore::default()), Batch::default());
        batch.put(keys::node(place), leaf);
        store.commit(batch).unwrap();
        let nodes = Nodes::new(store.clone(), 0);
        let (mut tour, mut count) = (Tour::new(&*store, &nodes), 0);
        let mut walk = |root| {
            tour.walk(root, &mut |_| {
                count += 1;
                Ok(())
            })
        };
        walk(root).unwrap();
        walk(root).unwrap();
        let other = NodeRef { hash: B256::repeat_byte(1), place };
        assert!(matches!(walk(other), Err(StateError::DamagedNode(_))));
        assert_eq!(count, 1);
    }
}
