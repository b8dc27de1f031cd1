//! Fuel of fixed guests, pinned: a change here changes consensus.
//!
//! When one is meant, raise `METERING_VERSION` and run the test with `UPDATE_FIXTURES=1`.

mod support;

use std::fmt::Write as _;

use caldera_engine::EngineResult;
use caldera_types::metering;
use support::{GAS, Rig, guest::Guest, host::MapHost};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/fuel.txt");

/// Name and body of `call`: one for each kind of work that is charged.
const GUESTS: [(&str, &str); 12] = [
    ("echo", "(call $ok (local.get $in) (local.get $len))"),
    (
        "integer-loop",
        "(loop $l (local.set $x (i64.mul (i64.add (local.get $x) (i64.const 3)) (i64.const 5))) (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 1000)))) (call $ok (i32.const 0) (i32.const 0))",
    ),
    (
        "memory-loop",
        "(loop $l (i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (local.get $i))) (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 1000)))) (call $ok (i32.const 0) (i32.const 0))",
    ),
    (
        "memory-fill",
        "(memory.fill (i32.const 8192) (i32.const 1) (i32.const 10000)) (call $ok (i32.const 0) (i32.const 0))",
    ),
    (
        "memory-copy",
        "(memory.copy (i32.const 8192) (i32.const 65536) (i32.const 10000)) (call $ok (i32.const 0) (i32.const 0))",
    ),
    ("memory-grow", "(drop (memory.grow (i32.const 3))) (call $ok (i32.const 0) (i32.const 0))"),
    ("get", "(call $get (i32.const 1024) (i32.const 5) (i32.const 512)) (call $ok (i32.const 0) (i32.const 0))"),
    (
        "set",
        "(call $set (i32.const 1024) (i32.const 5) (i32.const 0) (i32.const 100)) (call $ok (i32.const 0) (i32.const 0))",
    ),
    (
        "emit",
        "(call $emit (i32.const 512) (i32.const 0) (i32.const 0) (i32.const 100)) (call $ok (i32.const 0) (i32.const 0))",
    ),
    ("log", "(call $log (i32.const 0) (i32.const 1024) (i32.const 12)) (call $ok (i32.const 0) (i32.const 0))"),
    ("keccak", "(call $keccak (i32.const 0) (i32.const 1000) (i32.const 512)) (call $ok (i32.const 0) (i32.const 0))"),
    (
        "sub-call",
        "(call $static_call (i32.const 0) (local.get $in) (local.get $len) (i64.const 1000) (i32.const 512)) (call $ok (i32.const 0) (i32.const 0))",
    ),
];

/// The same for guests that verify. What does not hold costs what holds: the bytes here are zero.
const VERIFIERS: [(&str, &str); 5] = [
    (
        "bls-verify",
        "(drop (call $bls (i32.const 1) (i32.const 8192) (i32.const 48) (i32.const 8192) (i32.const 121) (i32.const 8192) (i32.const 96))) (call $ok (i32.const 0) (i32.const 0))",
    ),
    (
        "bls-verify-of-4",
        "(drop (call $bls_all (i32.const 1) (i32.const 8192) (i32.const 192) (i32.const 8192) (i32.const 121) (i32.const 8192) (i32.const 96))) (call $ok (i32.const 0) (i32.const 0))",
    ),
    (
        "bls-verify-of-128",
        "(drop (call $bls_all (i32.const 1) (i32.const 8192) (i32.const 6144) (i32.const 8192) (i32.const 121) (i32.const 8192) (i32.const 96))) (call $ok (i32.const 0) (i32.const 0))",
    ),
    (
        "bls-possession",
        "(drop (call $bls_possession (i32.const 8192) (i32.const 48) (i32.const 8192) (i32.const 96))) (call $ok (i32.const 0) (i32.const 0))",
    ),
    (
        "mpt",
        "(call $mpt (i32.const 8192) (i32.const 8192) (i32.const 32) (i32.const 8192) (i32.const 3000) (i32.const 512)) (call $ok (i32.const 0) (i32.const 0))",
    ),
];

#[test]
fn fuel_is_pinned() {
    let mut found = format!("metering version {}: guest, fuel, gas of a cold call\n", metering::METERING_VERSION);
    let guests = GUESTS.map(|(name, body)| (name, Guest::calling(body))).into_iter();
    for (name, guest) in guests.chain(VERIFIERS.map(|(name, body)| (name, Guest::verifying(body)))) {
        let rig = Rig::new(guest);
        let outcome = rig.call(&mut MapHost::default(), b"golden input", GAS);
        assert!(matches!(outcome.result, EngineResult::Return(_)), "{name}: {outcome:?}");
        assert_eq!(rig.call(&mut MapHost::default(), b"golden input", GAS), outcome, "{name} twice");
        writeln!(found, "{name} {} {}", outcome.fuel_used, outcome.gas_used).unwrap();
    }
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(FIXTURE, &found).unwrap();
    }
    let pinned = std::fs::read_to_string(FIXTURE).unwrap();
    assert_eq!(found, pinned, "fuel changed, and with it consensus; see the head of this file");
}
