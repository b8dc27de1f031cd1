//! Batches against eth_trie, one key at a time, and against alloy-trie's `HashBuilder`; proofs by alloy-trie.
//!
//! Keys here are not hashes but chosen to meet: alike for most of their length, so that branches, extensions and leaves
//! split and collapse at every depth.

use alloy_primitives::{B256, U256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles, proof::verify_proof};
use eth_trie::{EthTrie, MemoryDB, Trie as _};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

use super::{
    change::{Change, Edit},
    update,
    walk::prove_hashed,
};
use crate::{
    memory_store::MemoryStore,
    nodes::Nodes,
    place::{NodeRef, Place},
};

type Model = BTreeMap<B256, U256>;

/// A batch: new words by key, zero to remove.
type Batch = BTreeMap<B256, U256>;

fn apply(nodes: &Nodes, height: u64, root: NodeRef, batch: &Batch) -> NodeRef {
    let changes: Vec<_> = batch
        .iter()
        .map(|(key, word)| Change {
            key: Nibbles::unpack_array(&key.0),
            edit: if word.is_zero() { Edit::Remove } else { Edit::Word(*word) },
            before: None,
        })
        .collect();
    let (hash, at, fresh) = update::root_after(nodes, root, &changes).unwrap();
    let first = Place { height, ..Place::default() };
    nodes.advance(&[], first, fresh.into_parts().0);
    NodeRef { hash, place: at.in_block(first) }
}

/// The root by inserting all at once into another library.
fn by_hash_builder(model: &Model) -> B256 {
    let mut builder = HashBuilder::default();
    model.iter().for_each(|(key, word)| builder.add_leaf(Nibbles::unpack(key), &alloy_rlp::encode(word)));
    builder.root()
}

/// The root by a third one, key by key.
fn by_eth_trie(trie: &mut EthTrie<MemoryDB>, batch: &Batch) -> B256 {
    for (key, word) in batch {
        if word.is_zero() {
            trie.remove(key.as_slice()).unwrap();
        } else {
            trie.insert(key.as_slice(), &alloy_rlp::encode(word)).unwrap();
        }
    }
    trie.root_hash().unwrap()
}

fn check_reads(nodes: &Nodes, root: NodeRef, model: &Model, keys: &[B256]) {
    for key in keys {
        let expected = model.get(key).map(alloy_rlp::encode);
        let (value, proof) = prove_hashed(nodes, root, Nibbles::unpack(key)).unwrap();
        assert_eq!(value.map(|found| found.value), expected, "{key}");
        let proof: Vec<alloy_primitives::Bytes> = proof.iter().map(|node| node.to_vec().into()).collect();
        verify_proof(root.hash, Nibbles::unpack(key), expected, &proof).unwrap();
    }
}

fn check(batches: &[Batch]) {
    let nodes = Nodes::new(Arc::new(MemoryStore::default()), usize::MAX / 4);
    let keys: Vec<B256> = batches.iter().flat_map(|batch| batch.keys().copied()).collect();
    // Not the "light" database: it takes nodes away that other subtrees hold.
    let mut other = EthTrie::new(Arc::new(MemoryDB::new(false)));
    let (mut root, mut model, mut past) = (NodeRef::anywhere(EMPTY_ROOT_HASH), Model::new(), Vec::new());
    for (height, batch) in (0..).zip(batches) {
        root = apply(&nodes, height, root, batch);
        model.extend(batch);
        model.retain(|_, word| !word.is_zero());
        assert_eq!(root.hash, by_hash_builder(&model));
        assert_eq!(root.hash, by_eth_trie(&mut other, batch));
        past.push((root, model.clone()));
    }
    // Older roots stay what they were.
    past.iter().for_each(|(root, model)| check_reads(&nodes, *root, model, &keys));
}

/// A key that is 0x11… but for some nibbles.
fn key() -> impl Strategy<Value = B256> {
    prop::collection::vec((prop_oneof![0usize..4, 28usize..36, 60usize..64], 0u8..3), 0..4).prop_map(|nibbles| {
        let mut key = B256::repeat_byte(0x11);
        for (at, nibble) in nibbles {
            let shift = if at % 2 == 0 { 4 } else { 0 };
            key.0[at / 2] = key.0[at / 2] & !(0xf << shift) | nibble << shift;
        }
        key
    })
}

fn word() -> impl Strategy<Value = U256> {
    prop_oneof![2 => Just(U256::ZERO), 2 => (1u64..4).prop_map(U256::from), 1 => Just(U256::MAX)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn batches_are_what_single_steps_are(
        batches in prop::collection::vec(prop::collection::btree_map(key(), word(), 0..12), 1..7)
    ) {
        check(&batches);
    }
}

/// Enough for threads, in one trie and removed again but for one.
#[test]
fn large_batches() {
    let key = |n: u64| alloy_primitives::keccak256(n.to_be_bytes());
    let all: Batch = (0..3000).map(|n| (key(n), U256::from(n + 1))).collect();
    let half: Batch = (0..3000).filter(|n| n % 2 == 0).map(|n| (key(n), U256::ZERO)).collect();
    let most: Batch = (0..3000).filter(|n| n % 1000 != 1).map(|n| (key(n), U256::ZERO)).collect();
    let rest: Batch = (0..3000).filter(|n| n % 1000 == 1).map(|n| (key(n), U256::ZERO)).collect();
    check(&[all.clone(), half, most, rest, all]);
}

#[test]
fn what_changes_nothing_makes_no_nodes() {
    let nodes = Nodes::new(Arc::new(MemoryStore::default()), usize::MAX / 4);
    let key = |n: u64| alloy_primitives::keccak256(n.to_be_bytes());
    let all: Batch = (0..500).map(|n| (key(n), U256::from(n + 1))).collect();
    let root = apply(&nodes, 0, NodeRef::anywhere(EMPTY_ROOT_HASH), &all);
    let after = |changes: &[Change<'_>]| {
        let (hash, at, new) = update::root_after(&nodes, root, changes).unwrap();
        (NodeRef { hash, place: at.in_block(Place { height: 1, ..Place::default() }) }, new.into_parts().0)
    };
    let same: Vec<_> = all
        .iter()
        .map(|(key, word)| Change { key: Nibbles::unpack(key), edit: Edit::Word(*word), before: None })
        .collect();
    assert_eq!(after(&same), (root, Vec::new()));
    let absent =
        [Change { key: Nibbles::unpack(alloy_primitives::keccak256(b"absent")), edit: Edit::Remove, before: None }];
    assert_eq!(after(&absent), (root, Vec::new()));
}
