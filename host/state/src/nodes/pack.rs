//! Several trie nodes in one entry of the store.
//!
//! A database works for each entry, however short it is. A transfer makes some five nodes, a block thousands, and they come and are
//! read together: sixteen neighbours lie in one entry. Where old states go, nodes go one by one, and each has an entry of its
//! own.
//!
//! In a pack the nodes' lengths come first: how many there are (u8), then of each the length (u16), 0 for one that is gone; then the
//! nodes follow.

use alloy_primitives::{B256, Bytes};
use std::collections::BTreeMap;

use crate::{
    error::StateError,
    keys,
    place::Place,
    store::{Batch, Key, Store},
};

/// Nodes of a pack: sixteen branches with all their children take 12 KiB, a fifth of what a value may.
const NODES: u32 = 16;

const DAMAGED: StateError = StateError::Damaged { what: "pack of trie nodes" };

/// The entry that a node lies in.
pub(crate) fn key(place: Place) -> Key {
    let index = if place.packed { place.index / NODES * NODES } else { place.index };
    keys::node(Place { index, ..place })
}

/// Puts the nodes of a block into `batch`, from its first place on.
pub(crate) fn put(batch: &mut Batch, first: Place, nodes: &[(B256, Bytes)]) {
    if !first.packed {
        let places = (0u32..).map(|index| first.after(index));
        return places.zip(nodes).for_each(|(place, (_, node))| batch.put(keys::node(place), node.clone()));
    }
    for (place, nodes) in (0u32..).map(|pack| first.after(pack * NODES)).zip(nodes.chunks(NODES as usize)) {
        batch.put(keys::node(place), write(nodes.iter().map(|(_, node)| &node[..])));
    }
}

/// The node at a place, of the entry that it lies in; none if it is gone.
pub(super) fn node(place: Place, entry: Bytes) -> Option<Bytes> {
    if !place.packed {
        return Some(entry);
    }
    let (_, node) = nodes(&entry)?.nth((place.index % NODES) as usize)?;
    // A copy: a part of the entry would keep all of it in memory.
    (!node.is_empty()).then(|| Bytes::copy_from_slice(node))
}

/// How many nodes lie in an entry of the store.
pub(crate) fn count(key: &[u8], entry: &[u8]) -> u64 {
    // The last bit of a node's key says whether it is packed.
    match key.last().is_some_and(|byte| byte & 1 == 1) {
        true => nodes(entry).map_or(0, |nodes| nodes.filter(|(_, node)| !node.is_empty()).count() as u64),
        false => 1,
    }
}

/// Takes nodes out of the store.
pub(crate) fn remove(batch: &mut Batch, store: &dyn Store, places: &[Place]) -> Result<(), StateError> {
    let mut packs = BTreeMap::<Key, Vec<u32>>::new();
    for place in places {
        match place.packed {
            true => packs.entry(key(*place)).or_default().push(place.index % NODES),
            false => batch.remove(keys::node(*place)),
        }
    }
    for (key, gone) in packs {
        // After a crash some may be gone already, and all of a pack with it.
        let Some(entry) = store.get(&key)? else { continue };
        let left: Vec<_> =
            nodes(&entry).ok_or(DAMAGED)?.map(|(index, node)| if gone.contains(&index) { &[] } else { node }).collect();
        match left.iter().all(|node| node.is_empty()) {
            true => batch.remove(key),
            false => batch.put(key, write(left.into_iter())),
        }
    }
    Ok(())
}

fn write<'a>(nodes: impl ExactSizeIterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let bytes: usize = nodes.clone().map(|node| node.len() + size_of::<u16>()).sum();
    let mut pack = Vec::with_capacity(1 + bytes);
    pack.push(nodes.len() as u8);
    // The longest node, a branch with all its children, has less than 1 KiB.
    nodes.clone().for_each(|node| pack.extend((node.len() as u16).to_be_bytes()));
    nodes.for_each(|node| pack.extend(node));
    pack
}

/// All nodes of a pack with their indexes in it, also those that are gone, which are empty; none if this is no pack.
fn nodes(pack: &[u8]) -> Option<impl Iterator<Item = (u32, &[u8])>> {
    let (count, rest) = pack.split_first()?;
    let (lengths, mut rest) = rest.split_at_checked(usize::from(*count) * size_of::<u16>())?;
    let (lengths, []) = lengths.as_chunks::<2>() else { return None };
    let length = |bytes: &[u8; 2]| usize::from(u16::from_be_bytes(*bytes));
    if lengths.iter().map(length).sum::<usize>() != rest.len() {
        return None;
    }
    Some((0..).zip(lengths.iter().map(move |bytes| {
        let (node, behind) = rest.split_at(length(bytes));
        rest = behind;
        node
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_store::MemoryStore;
    use proptest::prelude::*;

    fn stored(store: &MemoryStore, place: Place) -> Option<Bytes> {
        store.get(&key(place)).unwrap().and_then(|entry| node(place, entry))
    }

    fn counted(store: &MemoryStore) -> u64 {
        store.scan(keys::NODES).map(|entry| entry.map(|(key, entry)| count(&key, &entry)).unwrap()).sum()
    }

    proptest! {
        #[test]
        fn what_is_put_is_there_until_it_is_removed(
            nodes in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..80), 0..70),
            gone in prop::collection::vec(prop::collection::btree_set(0u32..70, 0..40), 0..3),
            packed in any::<bool>(),
        ) {
            let first = Place { height: 7, index: 0, packed };
            let nodes: Vec<_> = nodes.into_iter().map(|node| (B256::ZERO, Bytes::from(node))).collect();
            let store = MemoryStore::default();
            let mut batch = Batch::default();
            put(&mut batch, first, &nodes);
            prop_assert_eq!(batch.len(), if packed { nodes.len().div_ceil(16) } else { nodes.len() });
            store.commit(batch).unwrap();
            let mut model: BTreeMap<u32, _> = (0..).zip(nodes.iter().map(|(_, node)| node.clone())).collect();
            for gone in gone {
                let mut batch = Batch::default();
                let places: Vec<_> = gone.iter().map(|index| first.after(*index)).collect();
                remove(&mut batch, &store, &places).unwrap();
                store.commit(batch).unwrap();
                model.retain(|index, _| !gone.contains(index));
                for index in 0..70 {
                    prop_assert_eq!(stored(&store, first.after(index)), model.get(&index).cloned());
                }
                prop_assert_eq!(counted(&store), model.len() as u64);
            }
        }

        #[test]
        fn anything_is_read_or_refused(entry in prop::collection::vec(any::<u8>(), 0..100), index in 0u32..20) {
            let place = Place { height: 1, index, packed: true };
            let _ = node(place, Bytes::from(entry.clone()));
            let _ = count(&key(place), &entry);
            let store = MemoryStore::default();
            let mut batch = Batch::default();
            batch.put(key(place), entry);
            store.commit(batch).unwrap();
            let _ = remove(&mut Batch::default(), &store, &[place]);
        }
    }
}
