//! Where the nodes of a snapshot lie in a store that is filled from it.
//!
//! In the file they have no places, and what is alike is there once. They are put into the store under their hashes, and moved
//! from there in the order of a walk from the root.

use alloy_primitives::{B256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use std::{collections::HashSet, sync::Arc};

use super::{
    SnapshotInfo,
    file::Reader,
    load::{BATCH_BYTES, FLUSH_BATCHES},
};
use crate::{
    codes,
    error::{Blame, StateError},
    keys,
    place::{NodeRef, Place},
    store::{Batch, Key, Store},
    trie::{self, Kind},
};

/// Gives every node its places in the state of the snapshot's block, and finds that they are one whole state, and nothing else.
/// What is alike lies in the file once, and in the store wherever it stands.
pub(super) fn settle(reader: &Reader, store: &Arc<dyn Store>, info: &SnapshotInfo) -> Result<NodeRef, StateError> {
    let settler = Settler { store, height: info.number };
    let settled = settler.settle(info.state_root);
    match settled {
        Ok((root, counts)) if counts == (info.nodes, info.codes) => Ok(root),
        Ok(_) => Err(reader.damaged("it holds more than the state of its block").into()),
        Err(error) if error.blame() == Blame::Data => {
            Err(reader.damaged(&format!("the state of its block is not whole: {error}")).into())
        }
        Err(error) => Err(error),
    }
}

struct Settler<'a> {
    store: &'a Arc<dyn Store>,
    height: u64,
}

impl Settler<'_> {
    /// Gives the root, and how many different nodes and codes the state has.
    fn settle(&self, root: B256) -> Result<(NodeRef, (u64, u64)), StateError> {
        if root == EMPTY_ROOT_HASH {
            return Ok((NodeRef::anywhere(root), (0, 0)));
        }
        let height = self.height;
        let mut placed = 0u32;
        let mut place = || -> Result<Place, StateError> {
            let place = Place { height, index: placed };
            placed = placed.checked_add(1).ok_or(StateError::Damaged { what: "snapshot: it has over 2^32 nodes" })?;
            Ok(place)
        };
        let (mut nodes, mut codes) = (HashSet::new(), HashSet::new());
        let root = NodeRef { hash: root, place: place()? };
        let mut todo = vec![(root, Kind::Accounts)];
        let mut pieces = Pieces::new(self.store);
        while let Some((node, kind)) = todo.pop() {
            nodes.insert(node.hash);
            let found = self.store.get(&keys::loaded(node.hash))?.filter(|found| keccak256(found) == node.hash);
            let mut bytes = found.ok_or(StateError::DamagedNode(node.hash))?.to_vec();
            let links = trie::links(&bytes, node.place, kind)?;
            let mut below = Vec::with_capacity(links.nodes.len());
            for link in links.nodes {
                let to = NodeRef { place: place()?, ..link.to };
                below.push(to.place);
                todo.push((to, link.kind));
            }
            trie::write_stored(&mut bytes, below);
            for code in links.codes {
                if codes.insert(code) {
                    codes::get(&**self.store, code)?;
                }
            }
            pieces.put(keys::node(node.place), bytes)?;
        }
        let counts = (nodes.len() as u64, codes.len() as u64);
        for hash in nodes {
            pieces.remove(keys::loaded(hash))?;
        }
        pieces.end()?;
        Ok((root, counts))
    }
}

/// Writes of any number, some at a time.
struct Pieces<'a> {
    store: &'a Arc<dyn Store>,
    batch: Batch,
    batches: u32,
}

impl<'a> Pieces<'a> {
    fn new(store: &'a Arc<dyn Store>) -> Self {
        Self { store, batch: Batch::default(), batches: 0 }
    }

    fn put(&mut self, key: Key, value: Vec<u8>) -> Result<(), StateError> {
        self.batch.put(key, value);
        self.go_on()
    }

    fn remove(&mut self, key: Key) -> Result<(), StateError> {
        self.batch.remove(key);
        self.go_on()
    }

    fn go_on(&mut self) -> Result<(), StateError> {
        if self.batch.bytes() >= BATCH_BYTES {
            self.store.commit(std::mem::take(&mut self.batch))?;
            self.batches += 1;
            if self.batches.is_multiple_of(FLUSH_BATCHES) {
                self.store.flush()?;
            }
        }
        Ok(())
    }

    fn end(self) -> Result<(), StateError> {
        Ok(self.store.commit(self.batch)?)
    }
}
