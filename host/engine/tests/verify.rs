//! `caldera:verify` from inside a guest: what holds, what does not, what faults, and what hostile bytes cost.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use alloy_primitives::{B256, keccak256};
use caldera_bls::{Domain, SecretKey, Signature, aggregate};
use caldera_engine::{CallOutcome, EngineResult};
use caldera_types::{Fault, metering};
use support::{GAS, Rig, guest::Guest, host::MapHost};

/// Input: signature, 96 bytes; message, 32 bytes; keys. Answer: one byte.
fn bls(kind: u32) -> Rig {
    Rig::new(Guest::verifying(&format!(
        "(i32.store8 (i32.const 512) (call $bls_all (i32.const {kind})
            (i32.add (local.get $in) (i32.const 128)) (i32.sub (local.get $len) (i32.const 128))
            (i32.add (local.get $in) (i32.const 96)) (i32.const 32) (local.get $in) (i32.const 96)))
         (call $ok (i32.const 512) (i32.const 1))"
    )))
}

/// Input: root, 32 bytes; key, 32 bytes; nodes. Answer: the 12 bytes of the result.
fn mpt() -> Rig {
    Rig::new(Guest::verifying(
        "(call $mpt (local.get $in) (i32.add (local.get $in) (i32.const 32)) (i32.const 32)
            (i32.add (local.get $in) (i32.const 64)) (i32.sub (local.get $len) (i32.const 64)) (i32.const 512))
         (call $ok (i32.const 512) (i32.const 16))",
    ))
}

fn call(rig: &Rig, input: &[u8]) -> CallOutcome {
    rig.call(&mut MapHost::default(), input, GAS)
}

fn answer(outcome: CallOutcome) -> Vec<u8> {
    match outcome.result {
        EngineResult::Return(data) => data.to_vec(),
        other => panic!("it answers: {other:?}"),
    }
}

fn secrets(count: u8) -> Vec<SecretKey> {
    (0..count).map(|n| SecretKey::from_entropy(&[n; 32])).collect()
}

fn input(signature: &[u8], message: &[u8; 32], keys: &[[u8; 48]]) -> Vec<u8> {
    [signature, message, &keys.concat()].concat()
}

#[test]
fn signatures_hold_for_their_keys_message_and_kind() {
    let (secrets, message) = (secrets(4), [7; 32]);
    let keys: Vec<_> = secrets.iter().map(|secret| secret.public_key().to_bytes()).collect();
    let sum = |domain: Domain, signers: &[SecretKey]| {
        let signatures: Vec<Signature> = signers.iter().map(|secret| secret.sign(domain, &message)).collect();
        aggregate(&signatures).unwrap().to_bytes()
    };
    for (kind, domain) in [(0, Domain::Possession), (1, Domain::Certificate), (2, Domain::Handover)] {
        let rig = bls(kind);
        let check = |signature: &[u8], message: &[u8; 32], keys: &[[u8; 48]], want: bool| {
            let outcome = call(&rig, &input(signature, message, keys));
            assert_eq!(answer(outcome), [u8::from(want)]);
        };
        let sound = sum(domain, &secrets);
        check(&sound, &message, &keys, true);
        check(&sound, &[8; 32], &keys, false);
        check(&sound, &message, &keys[..3], false);
        check(&sound, &message, &[keys[0], keys[0], keys[1], keys[2], keys[3]].map(|key| key), false);
        check(&sound, &message, &[], false);
        for other in Domain::ALL.into_iter().filter(|other| *other != domain) {
            check(&sum(other, &secrets), &message, &keys, false);
        }
        // Infinity, no point, a key in another encoding of itself.
        let mut infinity = [0; 96];
        infinity[0] = 0xc0;
        check(&infinity, &message, &keys, false);
        let mut infinite_key = [0; 48];
        infinite_key[0] = 0xc0;
        check(&sound, &message, &[keys[0], keys[1], keys[2], keys[3], infinite_key], false);
        check(&infinity, &message, &[infinite_key], false);
        check(&[0xff; 96], &message, &keys, false);
        check(&sound, &message, &[[0xff; 48]], false);
    }
}

#[test]
fn possession_is_of_the_key_itself() {
    let rig = Rig::new(Guest::verifying(
        "(i32.store8 (i32.const 512) (call $bls_possession (i32.add (local.get $in) (i32.const 96)) (i32.const 48)
            (local.get $in) (i32.const 96))) (call $ok (i32.const 512) (i32.const 1))",
    ));
    let [one, two] = [1, 2].map(|n| SecretKey::from_entropy(&[n; 32]));
    let key = one.public_key().to_bytes();
    let check = |proof: Signature, want: bool| {
        assert_eq!(answer(call(&rig, &[proof.to_bytes().as_slice(), &key].concat())), [u8::from(want)]);
    };
    check(one.prove_possession(), true);
    check(two.prove_possession(), false);
    check(one.sign(Domain::Certificate, &key), false);
}

#[test]
fn lengths_are_faults() {
    for (keys, signature) in [(47, 96), (49, 96), (48, 95), (48, 97), (0, 96), (96, 96)] {
        let body = format!(
            "(drop (call $bls (i32.const 1) (i32.const 8192) (i32.const {keys}) (i32.const 8192) (i32.const 32) (i32.const 8192)
                (i32.const {signature}))) (call $ok (i32.const 0) (i32.const 0))"
        );
        assert_eq!(call(&Rig::new(Guest::verifying(&body)), b"").result, EngineResult::Fault(Fault::BadLength));
    }
    let long_key = "(call $mpt (i32.const 8192) (i32.const 8192) (i32.const 257) (i32.const 8192) (i32.const 0) (i32.const 512)) (call $ok (i32.const 0) (i32.const 0))";
    assert_eq!(call(&Rig::new(Guest::verifying(long_key)), b"").result, EngineResult::Fault(Fault::KeyTooLong));
    let no_such_kind = bls(3);
    assert_eq!(call(&no_such_kind, &[0; 128 + 48]).result, EngineResult::Fault(Fault::BadAbi));
}

#[test]
fn proofs_give_values_absences_and_reasons() {
    let rig = mpt();
    let key = B256::repeat_byte(0xab);
    // A leaf with the whole key and the value 0x2a.
    let leaf = [&[0xe3, 0xa1, 0x20], key.as_slice(), &[0x2a]].concat();
    let root = keccak256(&leaf);
    let ask =
        |root: B256, key: B256, nodes: &[u8]| answer(call(&rig, &[root.as_slice(), key.as_slice(), nodes].concat()));
    let found = ask(root, key, &leaf);
    // ok, some, and a list of one byte.
    assert_eq!((found[0], found[4], found[12]), (0, 1, 1));
    let absent = ask(root, B256::repeat_byte(0xac), &leaf);
    assert_eq!((absent[0], absent[4]), (0, 0));
    for (nodes, failure) in [
        (b"\xc1".to_vec(), 0),
        (leaf[..20].to_vec(), 0),
        (b"\xc0".to_vec(), 1),
        (Vec::new(), 2),
        ([leaf.as_slice(), &leaf].concat(), 3),
    ] {
        let refused = ask(root, key, &nodes);
        assert_eq!((refused[0], refused[4]), (1, failure), "{nodes:02x?}");
    }
}

/// A hostile proof ends where it stops holding, and pays for all of its bytes all the same.
#[test]
fn hostile_bytes_cost_what_they_are() {
    let rig = mpt();
    let cost = |bytes: usize, filler: u8| {
        let input = [[0; 64].as_slice(), &vec![filler; bytes]].concat();
        let outcome = call(&rig, &input);
        assert!(matches!(outcome.result, EngineResult::Return(_)), "{outcome:?}");
        outcome.gas_used
    };
    for filler in [0x00, 0x80, 0xc0, 0xf8, 0xff] {
        let (small, large) = (cost(32, filler), cost(32 * 1001, filler));
        assert!(large - small >= 1000 * metering::MPT_WORD_GAS, "{filler:#x}: {small} {large}");
    }
    // Nothing is read for a call that cannot pay.
    let outcome = rig.call(&mut MapHost::default(), &vec![0xc0; 60_000], 20_000);
    assert_eq!(outcome.result, EngineResult::Fault(Fault::OutOfFuel));
    let rig = bls(1);
    let keys = vec![[0xff; 48]; 64];
    let outcome = call(&rig, &input(&[0xff; 96], &[0; 32], &keys));
    assert!(outcome.gas_used >= metering::BLS_GAS + 64 * metering::BLS_KEY_GAS);
}
