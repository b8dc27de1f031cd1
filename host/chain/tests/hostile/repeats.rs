//! Calls that would tell two runs apart: by what an instance kept, or by what floats differ in between processors.

use alloy_primitives::Bytes;
use alloy_sol_types::SolCall;
use caldera_execution::SimulationResult;
use caldera_testkit::PROBE;
use probe_engine::IProbe;

use crate::{
    Entry,
    arena::{Arena, GAS, HOSTILE},
    guest::Guest,
};

const GROUP: &str = "Calls that would tell two runs apart";

/// The same call twice in one block, again in the next, and by `eth_call`: it must answer the same.
pub fn entries() -> Vec<Entry> {
    let same = |input: &str, guest: Guest, expected: Option<Vec<u8>>| {
        Entry::new(GROUP, input, "none: the same", move |arena| {
            arena.mount(&guest);
            let first = arena.ask(HOSTILE, b"input", GAS);
            let receipts: Vec<_> = (0..3).map(|_| arena.call(b"input", GAS)).collect();
            let gas: Vec<_> = receipts.iter().map(|receipt| (receipt.gas_used, receipt.fault)).collect();
            let SimulationResult::Return(data) = &first else { return format!("{first:?}") };
            if let Some(expected) = &expected
                && data != expected
            {
                return format!("another value: {data}");
            }
            let through = twice(arena);
            match gas.windows(2).all(|pair| pair[0] == pair[1]) && first == arena.ask(HOSTILE, b"input", GAS) && through
            {
                true => "none: the same each time".to_owned(),
                false => format!("the runs differ: {gas:?}"),
            }
        })
    };
    let counter = Guest {
        extra: "(global $n (mut i32) (i32.const 0))".into(),
        ..Guest::calling(
            "(global.set $n (i32.add (global.get $n) (i32.const 1))) (i32.store (i32.const 512) (global.get $n)) (call $ok (i32.const 512) (i32.const 4))",
        )
    };
    let memory = Guest {
        memory: "40".into(),
        ..Guest::calling(
            "(i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.load (i32.const 2600000)))) (memory.fill (i32.const 1048576) (i32.const 1) (i32.const 1572864)) (i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1))) (call $ok (i32.const 512) (i32.const 4))",
        )
    };
    let grown = Guest::calling(
        "(i32.store (i32.const 512) (memory.grow (i32.const 40))) (i32.store (i32.const 516) (i32.load (i32.const 1600000))) (i32.store (i32.const 1600000) (i32.const 7)) (call $ok (i32.const 512) (i32.const 8))",
    );
    let table = Guest {
        extra: "(table $t 10 funcref) (func $f) (elem declare func $f)".into(),
        ..Guest::calling(
            "(i32.store (i32.const 512) (ref.is_null (table.get $t (i32.const 3)))) (table.set $t (i32.const 3) (ref.func $f)) (i32.store (i32.const 516) (table.grow $t (ref.func $f) (i32.const 10))) (call $ok (i32.const 512) (i32.const 8))",
        )
    };
    let data = Guest {
        extra: "(data $d \"abcdefgh\")".into(),
        ..Guest::calling(
            "(memory.init $d (i32.const 512) (i32.const 0) (i32.const 8)) (data.drop $d) (call $ok (i32.const 512) (i32.const 8))",
        )
    };
    vec![
        same("a counter in a global", counter, Some(vec![1, 0, 0, 0])),
        same("a counter in memory, 1.5 MB written", memory, Some(vec![1, 0, 0, 0])),
        same("memory that was grown before", grown, Some(vec![2, 0, 0, 0, 0, 0, 0, 0])),
        same("a table that was filled and grown before", table, Some(vec![1, 0, 0, 0, 10, 0, 0, 0])),
        same("a data segment that was dropped before", data, Some(b"abcdefgh".to_vec())),
        same("NaN, made in eight ways", nans(), Some([CANONICAL_64.repeat(6), CANONICAL_32.repeat(4)].concat())),
        same("floats: rounding, subnormals, square roots", floats(), None),
    ]
}

/// The engine calls nothing of its own here: the probe calls it twice in one transaction.
fn twice(arena: &mut Arena) -> bool {
    let call = IProbe::forwardCall { to: HOSTILE, input: Bytes::from_static(b"input"), gas: GAS };
    let inner = call.abi_encode().into();
    let outer = IProbe::forwardCall { to: PROBE, input: inner, gas: 3 * GAS };
    let answers = [call.abi_encode(), outer.abi_encode()].map(|input| arena.ask(PROBE, &input, 4 * GAS));
    let [SimulationResult::Return(near), SimulationResult::Return(far)] = answers else { return false };
    let near = IProbe::forwardCall::abi_decode_returns(&near).unwrap();
    let far = IProbe::forwardCall::abi_decode_returns(&far).unwrap();
    let far = IProbe::forwardCall::abi_decode_returns(&far._1).unwrap();
    (near._0, near._1) == (far._0, far._1)
}

const CANONICAL_64: [u8; 8] = 0x7ff8_0000_0000_0000_u64.to_le_bytes();
const CANONICAL_32: [u8; 4] = 0x7fc0_0000_u32.to_le_bytes();

/// NaNs whose bits differ between processors unless they are made canonical.
fn nans() -> Guest {
    let zero = "(f64.convert_i32_u (local.get $n))";
    let ways = [
        format!("(f64.div {zero} {zero})"),
        format!("(f64.sqrt (f64.sub {zero} (f64.const 1)))"),
        format!("(f64.sub (f64.div (f64.const 1) {zero}) (f64.div (f64.const 1) {zero}))"),
        format!("(f64.mul (f64.div (f64.const 1) {zero}) {zero})"),
        format!("(f64.add {zero} (f64.reinterpret_i64 (i64.const 0xfff4000000000123)))"),
        format!("(f64.min {zero} (f64.reinterpret_i64 (i64.const 0x7ff8000000000fff)))"),
    ];
    let short = [
        format!("(f32.demote_f64 (f64.div {zero} {zero}))"),
        format!("(f32.demote_f64 (f64.add {zero} (f64.reinterpret_i64 (i64.const 0xfff8000000000abc))))"),
        "(f32.max (f32.const 0) (f32.reinterpret_i32 (i32.const 0xffa00001)))".to_owned(),
        "(f32.trunc (f32.reinterpret_i32 (i32.const 0xffa00001)))".to_owned(),
    ];
    let wide = ways.iter().enumerate().map(|(at, way)| format!("(f64.store (i32.const {}) {way})", 512 + 8 * at));
    let narrow = short.iter().enumerate().map(|(at, way)| format!("(f32.store (i32.const {}) {way})", 560 + 4 * at));
    let body = wide.chain(narrow).collect::<String>();
    Guest::calling(&format!("{body} (call $ok (i32.const 512) (i32.const 64))"))
}

fn floats() -> Guest {
    let x = "(f64.convert_i32_u (i32.add (local.get $len) (i32.const 2)))";
    let ways = [
        format!("(f64.sqrt {x})"),
        format!("(f64.nearest (f64.div {x} (f64.const 2)))"),
        format!("(f64.div (f64.const 0x1p-1022) {x})"),
        format!("(f64.mul (f64.const 0x1.fffffffffffffp1023) {x})"),
        format!("(f64.copysign {x} (f64.const -0))"),
        format!("(f64.promote_f32 (f32.sqrt (f32.demote_f64 (f64.div (f64.const 1) {x}))))"),
    ];
    let body = ways.iter().enumerate().map(|(at, way)| format!("(f64.store (i32.const {}) {way})", 512 + 8 * at));
    Guest::calling(&format!("{} (call $ok (i32.const 512) (i32.const 48))", body.collect::<String>()))
}
