//! Going over everything below roots, each node and each code once.

use alloy_primitives::{B256, Bytes};
use alloy_trie::EMPTY_ROOT_HASH;
use std::collections::HashSet;

use crate::{
    codes,
    error::StateError,
    nodes::Nodes,
    store::Store,
    trie::{Kind, Link, links},
};

/// What is met on the way. The order is that of a walk from the root, and the same every time.
pub(crate) enum Met<'a> {
    /// A node, its hash checked.
    Node(&'a Bytes),
    /// A code, its hash checked.
    Code(&'a Bytes),
}

/// Somebody who goes over tries. 32 bytes of memory and a little more for each node that was met.
pub(crate) struct Tour<'a> {
    store: &'a dyn Store,
    nodes: &'a Nodes,
    /// Only asked whether something is in it, so that its order decides nothing.
    seen: HashSet<B256>,
    todo: Vec<(B256, Kind)>,
}

impl<'a> Tour<'a> {
    pub fn new(store: &'a dyn Store, nodes: &'a Nodes) -> Self {
        Self { store, nodes, seen: HashSet::new(), todo: Vec::new() }
    }

    /// Goes over what is below a root and was not met yet. An error is of one node or code; the next call goes on after it.
    pub fn walk(
        &mut self,
        root: B256,
        met: &mut dyn FnMut(Met<'_>) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        if root != EMPTY_ROOT_HASH && self.seen.insert(root) {
            self.todo.push((root, Kind::Accounts));
        }
        while let Some((hash, kind)) = self.todo.pop() {
            let node = self.nodes.read(hash)?;
            met(Met::Node(&node))?;
            let links = links(&node, kind)?;
            for Link { hash, kind, .. } in links.nodes {
                if self.seen.insert(hash) {
                    self.todo.push((hash, kind));
                }
            }
            for hash in links.codes {
                if self.seen.insert(hash) {
                    met(Met::Code(&codes::get(self.store, hash)?))?;
                }
            }
        }
        Ok(())
    }
}
