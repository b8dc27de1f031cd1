//! The test host's proofs and committee signatures: what one chain stored is proven to another.

use caldera_sdk::{
    alloy_primitives::keccak256,
    prelude::*,
    storage::Map,
    testing::{Secret, TestHost, aggregate},
    verify::{Domain, ProofFailure, prove, verify, verify_all, verify_possession},
};
use proptest::prelude::*;

const ENGINE: Address = Address::repeat_byte(0xe1);

fn slot(key: &[u8]) -> B256 {
    keccak256([key, &[0; 32]].concat())
}

/// The storage root in an account's leaf: the third of its four strings.
fn storage_root(account: &[u8]) -> B256 {
    B256::from_slice(&account[account.len() - 65..account.len() - 33])
}

#[test]
fn what_an_engine_stored_is_proven_and_what_it_did_not() {
    let host = TestHost::new();
    host.within(ENGINE, || {
        let mut map: Map<u64, [u8; 31]> = Map::new("m");
        (0..40).for_each(|n| map.set(&n, &[n as u8 + 1; 31]));
    })
    .unwrap();
    host.set_balance(Address::repeat_byte(0x11), U256::from(5));
    let state = host.state();
    let entry = |n: u64| slot(&[b"\x01m".as_slice(), &n.to_be_bytes()].concat());
    let account = keccak256(ENGINE);
    for n in 0..40 {
        let proof = state.prove(ENGINE, entry(n));
        let leaf = prove(state.root(), account.as_slice(), &proof.account).unwrap().unwrap();
        let root = storage_root(&leaf);
        let word = prove(root, keccak256(entry(n)).as_slice(), &proof.storage).unwrap().unwrap();
        assert_eq!(word, [&[0xa0], [n as u8 + 1; 31].as_slice(), &[62]].concat());
        for (nodes, failure) in [
            (&proof.storage[..proof.storage.len() - 1], ProofFailure::Malformed),
            (&[][..], ProofFailure::MissingNode),
            (&[proof.storage.as_slice(), &[0xc0]].concat()[..], ProofFailure::SurplusNode),
            (&proof.account[..], ProofFailure::WrongNode),
        ] {
            assert_eq!(prove(root, keccak256(entry(n)).as_slice(), nodes), Err(failure));
        }
        let absent = state.prove(ENGINE, entry(n + 100));
        assert_eq!(prove(root, keccak256(entry(n + 100)).as_slice(), &absent.storage), Ok(None));
    }
    let nobody = Address::repeat_byte(0x77);
    let proof = state.prove(nobody, B256::ZERO);
    assert_eq!(prove(state.root(), keccak256(nobody).as_slice(), &proof.account), Ok(None));
    assert_eq!(prove(B256::ZERO, &[0; 257], &[]), Err(ProofFailure::Malformed));
}

#[test]
fn signatures_hold_for_their_keys_and_kind() {
    let secrets: Vec<_> = (1..4).map(Secret::nth).collect();
    let keys: Vec<_> = secrets.iter().flat_map(|secret| secret.public_key()).collect();
    let sum = aggregate(&secrets.iter().map(|secret| secret.sign(Domain::Certificate, b"m")).collect::<Vec<_>>());
    assert!(verify_all(Domain::Certificate, &keys, b"m", &sum));
    assert!(!verify_all(Domain::Handover, &keys, b"m", &sum));
    assert!(!verify_all(Domain::Certificate, &keys, b"n", &sum));
    assert!(!verify_all(Domain::Certificate, &keys[48..], b"m", &sum));
    assert!(!verify_all(Domain::Certificate, &keys[1..], b"m", &sum));
    assert!(!verify_all(Domain::Certificate, &[], b"m", &sum));
    assert!(!verify_all(Domain::Certificate, &keys, b"m", &sum[1..]));
    let (key, one) = (secrets[0].public_key(), secrets[0].sign(Domain::Certificate, b"m"));
    assert!(verify(Domain::Certificate, &key, b"m", &one) && !verify(Domain::Certificate, &key[1..], b"m", &one));
    assert!(verify_possession(&key, &secrets[0].prove_possession()));
    assert!(!verify_possession(&key, &secrets[1].prove_possession()));
    assert!(!verify_possession(&key, &secrets[0].sign(Domain::Certificate, &key)));
}

proptest! {
    #[test]
    fn no_changed_proof_holds(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let host = TestHost::new();
        host.within(ENGINE, || {
            let mut map: Map<u64, u64> = Map::new("m");
            (0..20).for_each(|n| map.set(&n, &(n + 1)));
        })
        .unwrap();
        let state = host.state();
        let mut nodes = state.prove(ENGINE, B256::ZERO).account;
        let at = at.index(nodes.len());
        nodes[at] ^= 1 << bit;
        prop_assert!(prove(state.root(), keccak256(ENGINE).as_slice(), &nodes).is_err());
    }
}
