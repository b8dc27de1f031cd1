//! Which nodes roots lead to: all below the first, then what each further one has that the one before has not.

use alloy_primitives::B256;
use alloy_trie::EMPTY_ROOT_HASH;

use crate::{
    error::StateError,
    nodes::Nodes,
    trie::{Kind, Link, links},
};

/// Somebody who goes over the states of one block after another.
pub(super) struct Reach<'a> {
    nodes: &'a Nodes,
    /// The root before.
    before: B256,
}

impl<'a> Reach<'a> {
    pub fn new(nodes: &'a Nodes) -> Self {
        Self { nodes, before: EMPTY_ROOT_HASH }
    }

    /// Tells of every node below `root` that is not below the root before; of some of those too, and of some twice. `met`
    /// may end it.
    pub fn walk(&mut self, root: B256, met: &mut dyn FnMut(B256) -> Result<(), StateError>) -> Result<(), StateError> {
        let before = std::mem::replace(&mut self.before, root);
        let old = (before != EMPTY_ROOT_HASH).then_some(before);
        let mut todo = Vec::new();
        if root != EMPTY_ROOT_HASH && old != Some(root) {
            todo.push((old, root, Kind::Accounts));
        }
        while let Some((old, new, kind)) = todo.pop() {
            met(new)?;
            let fresh = links(&self.nodes.read(new)?, kind)?;
            let stood = old.map(|old| links(&self.nodes.read(old)?, kind)).transpose()?.unwrap_or_default();
            for Link { path, hash, kind } in fresh.nodes {
                // Wherever it stood, all below it was below the root before.
                if stood.nodes.iter().any(|link| link.hash == hash && link.kind == kind) {
                    continue;
                }
                let old = stood.nodes.iter().find(|link| link.path == path && link.kind == kind);
                todo.push((old.map(|link| link.hash), hash, kind));
            }
        }
        Ok(())
    }
}
