//! Arguments of host calls: a guest that makes the calls that its input says, with these pointers, lengths and gas.
//!
//! Each record of the input is 32 bytes: which call, three pointers, three lengths and an amount of gas.

use crate::{
    guest::Guest,
    seed::{Numbers, fuzz},
    world::{GUEST, World},
};

const RECORD_BYTES: usize = 40;

/// Reads records from its input until it ends. Pointers and lengths go to the host as they are.
fn interpreter() -> Guest {
    let p = |at: u32| format!("(i32.load offset={at} (local.get $in))");
    let calls = [
        format!("(call $get {} {} {})", p(4), p(8), p(28)),
        format!("(call $set {} {} {} {})", p(4), p(8), p(12), p(16)),
        format!("(call $remove {} {})", p(4), p(8)),
        format!(
            "(call $raw_call (i64.load {a}) (i64.load offset=8 {a}) (i32.load offset=16 {a}) (i64.load offset=24 {a}) (i64.const 0) (i64.const 0) (i64.const 0) {} {} (i64.load offset=32 (local.get $in)) {})",
            p(4),
            p(8),
            p(28),
            a = "(i32.add (local.get $in) (i32.const 4))",
        ),
        format!(
            "(call $raw_static_call (i64.const 0) (i64.const 0) (i32.shl (i32.load8_u offset=20 (local.get $in)) (i32.const 24)) {} {} (i64.load offset=32 (local.get $in)) {})",
            p(4),
            p(8),
            p(28),
        ),
        format!("(call $emit {} {} {} {})", p(4), p(8), p(12), p(16)),
        format!(
            "(call $raw_balance (i64.load offset=4 (local.get $in)) (i64.load offset=12 (local.get $in)) {} {})",
            p(20),
            p(28)
        ),
        format!("(call $keccak {} {} {})", p(4), p(8), p(28)),
        format!(
            "(call $raw_recover (i64.load offset=4 (local.get $in)) (i64.const 1) (i64.const 2) (i64.const 3) {} {} {})",
            p(12),
            p(16),
            p(28)
        ),
        format!(
            "(drop (call $raw_ed25519 (i64.load offset=4 (local.get $in)) (i64.const 1) (i64.const 2) (i64.const 3) {} {} {} {}))",
            p(12),
            p(16),
            p(20),
            p(24)
        ),
        format!("(call $log {} {} {})", p(20), p(4), p(8)),
        format!(
            "(drop (call $bls (i32.load8_u offset=20 (local.get $in)) {} {} {} {} {} {}))",
            p(4),
            p(8),
            p(12),
            p(16),
            p(20),
            p(24)
        ),
        // With a signature of the right length, whatever it is, so that more gets past the lengths.
        format!("(drop (call $bls_all (i32.const 1) {} {} {} {} {} (i32.const 96)))", p(4), p(8), p(12), p(16), p(20)),
        format!("(drop (call $bls_possession {} (i32.const 48) {} (i32.const 96)))", p(4), p(12)),
        format!("(call $mpt {} {} {} {} {} {})", p(20), p(4), p(8), p(12), p(16), p(28)),
        "(drop (memory.grow (i32.load8_u offset=4 (local.get $in))))".to_owned(),
        // A call of itself with a part of its own input.
        format!(
            "(call $raw_call (i64.const 0xe3e3e3e3e3e3e3e3) (i64.const 0xe3e3e3e3e3e3e3e3) (i32.const 0xe3e3e3e3) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i32.add (local.get $in) (i32.const {RECORD_BYTES})) (i32.sub (local.get $len) (i32.const {RECORD_BYTES})) (i64.load offset=32 (local.get $in)) {})",
            p(28),
        ),
    ];
    let arms: String = calls
        .iter()
        .enumerate()
        .map(|(op, call)| {
            format!(
                "(if (i32.eq (i32.rem_u (i32.load8_u (local.get $in)) (i32.const {})) (i32.const {op})) (then {call}))",
                calls.len()
            )
        })
        .collect();
    Guest::verifying(&format!(
        "(block $end (loop $next
            (br_if $end (i32.lt_u (local.get $len) (i32.const {RECORD_BYTES})))
            {arms}
            (local.set $in (i32.add (local.get $in) (i32.const {RECORD_BYTES})))
            (local.set $len (i32.sub (local.get $len) (i32.const {RECORD_BYTES})))
            (br $next)))
         (call $ok (i32.const 0) (i32.const 64))"
    ))
}

#[test]
fn host_calls_with_any_arguments_have_a_name() {
    let world = World::new(interpreter().component());
    fuzz("host calls", |numbers| {
        let records = 1 + numbers.below(8);
        let input: Vec<u8> = (0..records).flat_map(|_| record(numbers)).collect();
        let gas = if numbers.one_in(3) { 60_000 + numbers.below(500_000) as u64 } else { 3_000_000 };
        world.ask(1, GUEST, 0, gas, &input)
    });
}

fn record(numbers: &mut Numbers) -> Vec<u8> {
    let mut record = vec![numbers.next() as u8, 0, 0, 0];
    for at in 0..7 {
        let field = match (at, numbers.below(10)) {
            // Where answers go: mostly sound, or no call would come after the first.
            (6, 0..9) => 64 + 8 * numbers.below(16) as u32,
            (_, 0..3) => numbers.below(40) as u32,
            (_, 3..6) => 512 + 8 * numbers.below(64) as u32,
            (_, 6) => *numbers.pick(&[255, 256, 257, 24_575, 24_576, 24_577, 65_535, 65_536, 65_537]),
            (_, 7) => *numbers.pick(&[131_071, 131_072, 131_073, 1 << 20, (1 << 20) + 1, 1 << 27]),
            (_, 8) => u32::MAX - numbers.below(70) as u32,
            _ => numbers.next() as u32,
        };
        record.extend_from_slice(&field.to_le_bytes());
    }
    let gas = if numbers.one_in(2) { numbers.next() } else { numbers.below(100_000) as u64 };
    record.extend_from_slice(&gas.to_le_bytes());
    record
}
