//! Proofs against another implementation's, and hostile ones.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{HashBuilder, Nibbles, proof::ProofRetainer, proof::verify_proof};
use proptest::prelude::*;
use std::collections::BTreeMap;

use super::*;

/// A trie over hashed keys, and the proof of each key asked for.
fn trie(entries: &BTreeMap<B256, Vec<u8>>, asked: &[B256]) -> (B256, Vec<Vec<Bytes>>) {
    let targets = asked.iter().map(Nibbles::unpack).collect();
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(targets));
    entries.iter().for_each(|(key, value)| builder.add_leaf(Nibbles::unpack(key), value));
    let root = builder.root();
    let nodes = builder.take_proof_nodes();
    // The builder keeps nodes that stand inside their parents too; `eth_getProof` gives those that are hashed.
    let is_hashed = |(path, node): &(Nibbles, Bytes)| path.is_empty() || node.len() >= 32;
    let proof = |key: &B256| match entries.is_empty() {
        true => Vec::new(),
        false => {
            let all = nodes.matching_nodes_sorted(&Nibbles::unpack(key)).into_iter();
            all.filter(is_hashed).map(|(_, node)| node).collect()
        }
    };
    (root, asked.iter().map(proof).collect())
}

/// A key that shares its first nibbles with others, so that small tries are deep.
fn key(n: u8) -> B256 {
    let mut key = keccak256([n % 16]);
    key.0[2 + usize::from(n / 64)..].copy_from_slice(&keccak256([n])[2 + usize::from(n / 64)..]);
    key
}

fn entries() -> impl Strategy<Value = BTreeMap<B256, Vec<u8>>> {
    let value = prop::collection::vec(any::<u8>(), 1..60);
    prop::collection::btree_map(any::<u8>().prop_map(key), value, 0..60)
}

proptest! {
    #[test]
    fn every_key_is_read_or_shown_to_be_absent(entries in entries(), asked in prop::collection::vec(any::<u8>().prop_map(key), 1..20)) {
        let (root, proofs) = trie(&entries, &asked);
        for (key, proof) in asked.iter().zip(proofs) {
            let found = get(root, key.as_slice(), &proof.concat()).map(|value| value.map(<[u8]>::to_vec));
            prop_assert_eq!(found, Ok(entries.get(key).cloned()));
            let other = verify_proof(root, Nibbles::unpack(key), entries.get(key).cloned(), &proof);
            prop_assert_eq!(other, Ok(()));
        }
    }

    #[test]
    fn no_change_of_a_proof_proves_anything_else(entries in entries(), asked in any::<u8>().prop_map(key), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (root, proofs) = trie(&entries, &[asked]);
        let sound = proofs[0].concat();
        prop_assume!(!sound.is_empty());
        let truth = entries.get(&asked).map(Vec::as_slice);
        for len in 0..sound.len() {
            prop_assert!(get(root, asked.as_slice(), &sound[..len]).is_err(), "cut at {}", len);
        }
        let longer = [sound.as_slice(), &[0xc0]].concat();
        prop_assert_eq!(get(root, asked.as_slice(), &longer), Err(ProofError::SurplusNode));
        let mut bad = sound.clone();
        bad[at.index(sound.len())] ^= 1 << bit;
        prop_assert!(get(root, asked.as_slice(), &bad).is_err());
        prop_assert_eq!(get(root, asked.as_slice(), &sound), Ok(truth));
    }

    /// The attacker may name the root, so that any bytes are hashed and read.
    #[test]
    fn any_bytes_as_a_node_are_judged(node in prop::collection::vec(any::<u8>(), 0..120), key in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = get(keccak256(&node), &key, &node);
    }

    #[test]
    fn any_list_as_a_node_is_judged(items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..34), 0..19), key in prop::collection::vec(any::<u8>(), 0..40)) {
        let node = list(&items.iter().map(|item| string(item)).collect::<Vec<_>>());
        let _ = get(keccak256(&node), &key, &node);
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    alloy_rlp::encode(bytes)
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let payload = items.concat();
    let mut out = Vec::new();
    Header { list: true, payload_length: payload.len() }.encode(&mut out);
    [out, payload].concat()
}

#[track_caller]
fn check(node: &[u8], key: &[u8], want: Result<Option<&[u8]>, ProofError>) {
    assert_eq!(get(keccak256(node), key, node), want);
}

#[test]
fn each_malformed_node_is_refused() {
    let bad = Err(ProofError::Malformed);
    let leaf = |path: &[u8], value: &[u8]| list(&[string(path), string(value)]);
    check(&leaf(&[0x20, 0xab], b"v"), &[0xab], Ok(Some(b"v")));
    check(&leaf(&[0x3b], b"v"), &[0xab], Ok(None));
    check(&leaf(&[0x20, 0xab], b""), &[0xab], bad);
    check(&leaf(&[0x21, 0xab], b"v"), &[0xab], bad);
    check(&leaf(&[0x60, 0xab], b"v"), &[0xab], bad);
    check(&leaf(&[], b"v"), &[0xab], bad);
    check(&list(&[list(&[]), string(b"v")]), &[0xab], bad);
    check(&list(&[string(&[0x20, 0xab]), list(&[])]), &[0xab], bad);
    // Extensions: without a path, to nothing, to something that is no node.
    check(&list(&[string(&[0x00]), string(&[7; 32])]), &[0xab], bad);
    check(&list(&[string(&[0x1a]), string(b"")]), &[0xab], bad);
    check(&list(&[string(&[0x1a]), string(&[7; 31])]), &[0xab], bad);
    check(&list(&[string(&[0x1a]), string(&[7; 32])]), &[0xab], Err(ProofError::MissingNode));
    check(&list(&[string(&[0x1b]), string(&[7; 32])]), &[0xab], Ok(None));
    // Branches: too few, too many, a value, a child that should have been hashed.
    let branch = |child: Vec<u8>, value: &[u8]| {
        let mut items = vec![string(b""); 16];
        items[0xa] = child;
        items.push(string(value));
        items
    };
    check(&list(&branch(string(b""), b"v")[..16]), &[0xab], bad);
    check(&list(&[branch(string(b""), b"v"), vec![string(b"")]].concat()), &[0xab], bad);
    check(&list(&branch(string(b""), b"v")), &[], Ok(Some(b"v")));
    check(&list(&branch(string(b""), b"")), &[], Ok(None));
    check(&list(&branch(leaf(&[0x3b], b"v"), b"")), &[0xab], Ok(Some(b"v")));
    check(&list(&branch(leaf(&[0x3b], &[7; 40]), b"")), &[0xab], bad);
    // Not a list, cut off, a length that is not the shortest.
    check(b"v", &[0xab], bad);
    check(&[0xf8, 0x01, 0x80], &[0xab], bad);
    check(&[0xc2, 0x80], &[0xab], bad);
    check(&[0xfb, 0xff, 0xff, 0xff, 0xff], &[0xab], bad);
    check(&[EMPTY_STRING_CODE], &[0xab], Ok(None));
    assert_eq!(get(EMPTY_ROOT, &[1], &[]), Ok(None));
    assert_eq!(get(B256::ZERO, &[1], &[]), Err(ProofError::MissingNode));
    assert_eq!(get(B256::ZERO, &[1], &leaf(&[0x20, 0xab], b"v")), Err(ProofError::WrongNode));
}

/// The deepest path that a key has: a node a nibble, and the leaf inside the last.
#[test]
fn depth_ends_with_the_key() {
    let key = [0x55; 256];
    let leaf = list(&[string(&[0x20]), string(b"v")]);
    let mut nodes: Vec<Vec<u8>> = Vec::new();
    for _ in 0..2 * key.len() {
        let mut items = vec![string(b""); 17];
        items[5] = nodes.last().map_or(leaf.clone(), |below| string(keccak256(below).as_slice()));
        items[6] = string(&[7; 32]);
        nodes.push(list(&items));
    }
    nodes.reverse();
    let (root, nodes) = (keccak256(&nodes[0]), nodes.concat());
    assert_eq!(get(root, &key, &nodes), Ok(Some(b"v".as_slice())));
    assert_eq!(get(root, &key[..255], &nodes), Err(ProofError::SurplusNode));
}
