//! Where the nodes of a snapshot lie in a store that is filled from it.
//!
//! In the file they have no places, and what is alike is there once. They are put into the store under their hashes, and moved
//! from there in the order of a walk from the root.

use alloy_primitives::{B256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use std::collections::HashSet;

use super::{SnapshotError, SnapshotInfo, file::Reader};
use crate::{
    codes,
    error::{Blame, StateError},
    keys,
    pieces::Pieces,
    place::{NodeRef, Place},
    store::Store,
    trie::{self, Kind},
};

/// Places that a file of a stranger may take in the store for each of its nodes, 16. Alike are the nodes of accounts that keep the
/// same in their storage, of which a chain has a few; of a trie that was made to hold itself, there is no end.
const COPIES: u64 = 16;
/// Places that it may take in any case.
const ALWAYS: u64 = 1 << 16;

/// Gives every node its places in the state of the snapshot's block, and finds that they are one whole state, and nothing else.
/// What is alike lies in the file once, and in the store wherever it stands.
/// Unless the block is one that is `meant`, there may not be too much of that.
pub(super) fn settle(
    reader: &Reader,
    store: &dyn Store,
    info: &SnapshotInfo,
    meant: bool,
) -> Result<NodeRef, StateError> {
    let bound = if meant { u64::MAX } else { info.nodes.saturating_mul(COPIES).max(ALWAYS) };
    let most = u32::try_from(bound).unwrap_or(Place::MOST).min(Place::MOST);
    let settler = Settler { store, height: info.number, most };
    match settler.settle(info.state_root) {
        Ok(Settled::TooMuch) => {
            Err(SnapshotError::TooMuch { path: reader.path().to_owned(), nodes: info.nodes, most }.into())
        }
        Ok(Settled::Whole { root, nodes, codes }) if (nodes, codes) == (info.nodes, info.codes) => Ok(root),
        Ok(Settled::Whole { .. }) => Err(reader.damaged("it holds more than the state of its block").into()),
        Err(error) if error.blame() == Blame::Data => {
            Err(reader.damaged(&format!("the state of its block is not whole: {error}")).into())
        }
        Err(error) => Err(error),
    }
}

struct Settler<'a> {
    store: &'a dyn Store,
    height: u64,
    /// Places that it may give.
    most: u32,
}

/// What came of it.
enum Settled {
    /// The state is whole, and has so many different nodes and codes.
    Whole { root: NodeRef, nodes: u64, codes: u64 },
    /// It would take more places than it may.
    TooMuch,
}

impl Settler<'_> {
    fn settle(&self, root: B256) -> Result<Settled, StateError> {
        if root == EMPTY_ROOT_HASH {
            return Ok(Settled::Whole { root: NodeRef::anywhere(root), nodes: 0, codes: 0 });
        }
        let height = self.height;
        let mut placed = 0u32;
        let mut place = || {
            let place = Place { height, index: placed, packed: false };
            placed = placed.checked_add(1).filter(|placed| *placed <= self.most)?;
            Some(place)
        };
        let (mut nodes, mut codes) = (HashSet::new(), HashSet::new());
        let Some(first) = place() else { return Ok(Settled::TooMuch) };
        let root = NodeRef { hash: root, place: first };
        let mut todo = vec![(root, Kind::Accounts)];
        let mut pieces = Pieces::new(self.store);
        while let Some((node, kind)) = todo.pop() {
            nodes.insert(node.hash);
            let found = self.store.get(&keys::loaded(node.hash))?;
            let found = found.filter(|found| keccak256(found) == node.hash && trie::own_bytes(found) == &found[..]);
            let mut bytes = found.ok_or(StateError::DamagedNode(node.hash))?.to_vec();
            let links = trie::links(&bytes, node.place, kind)?;
            let mut below = Vec::with_capacity(links.nodes.len());
            for link in links.nodes {
                let Some(place) = place() else { return Ok(Settled::TooMuch) };
                let to = NodeRef { place, ..link.to };
                below.push(to.place);
                todo.push((to, link.kind));
            }
            trie::write_stored(&mut bytes, below);
            for code in links.codes {
                if codes.insert(code) {
                    codes::get(self.store, code)?;
                }
            }
            pieces.add(|batch| batch.put(keys::node(node.place), bytes))?;
        }
        let whole = Settled::Whole { root, nodes: nodes.len() as u64, codes: codes.len() as u64 };
        for hash in nodes {
            pieces.add(|batch| batch.remove(keys::loaded(hash)))?;
        }
        pieces.end()?;
        Ok(whole)
    }
}
