//! Calls that use up what they are given, hand over what is too long or malformed, or try to tell runs apart.

use alloy_primitives::Bytes;
use caldera_execution::SimulationResult;
use caldera_testkit::PROBE;
use caldera_types::{TxReceipt, limits::TX_GAS};

use crate::{
    Entry,
    arena::{Arena, GAS, HOSTILE, relay},
    guest::Guest,
};

/// The fault of a transaction that failed, or that there was none.
pub fn fault_of(receipt: &TxReceipt) -> String {
    match (receipt.fault, receipt.succeeded()) {
        (Some(fault), _) => fault.name().to_owned(),
        (None, true) => "none: succeeded".to_owned(),
        (None, false) => "reverted".to_owned(),
    }
}

const USES: &str = "Calls that use up what there is";
const VALUES: &str = "Values that are too long or malformed";
const SAME: &str = "Calls that would tell two runs apart";

pub fn entries() -> Vec<Entry> {
    let mut entries = bombs();
    entries.extend(values());
    entries.extend(statics());
    entries.extend(repeats());
    entries
}

fn faults(group: &'static str, input: &str, name: &'static str, guest: Guest, gas: u64) -> Entry {
    Entry::new(group, input, name, move |arena| {
        arena.mount(&guest);
        let receipt = arena.call(b"input", gas);
        assert_eq!(receipt.gas_used, gas, "a fault takes all the gas");
        fault_of(&receipt)
    })
}

fn bombs() -> Vec<Entry> {
    let body = |input: &str, name, body: &str| faults(USES, input, name, Guest::calling(body), TX_GAS);
    let with = |input: &str, name, extra: &str, body: &str| {
        faults(USES, input, name, Guest { extra: extra.into(), ..Guest::calling(body) }, TX_GAS)
    };
    let deep = "(func $deep (param i64) (result i64) (i64.add (local.get 0) (call $deep (i64.add (local.get 0) (i64.const 1)))))";
    let table = "(table $t 3 funcref) (type $f (func (result i32))) (func $g (result i32) (call_indirect (type $f) (i32.const 0))) (elem (i32.const 0) $g)";
    let locals = format!("(func $wide (local {}) (call $wide))", "i64 ".repeat(1_000));
    vec![
        body("an endless loop", "out-of-fuel", "(loop $l (br $l)) (unreachable)"),
        body(
            "an endless loop of host calls",
            "out-of-fuel",
            "(loop $l (call $get (i32.const 1024) (i32.const 5) (i32.const 64)) (br $l)) (unreachable)",
        ),
        body(
            "an endless loop of 128 KiB fills",
            "out-of-fuel",
            "(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 131072)) (br $l)) (unreachable)",
        ),
        body(
            "an endless loop of divisions",
            "out-of-fuel",
            "(local.set $x (i64.const -3)) (loop $l (local.set $x (i64.rem_s (i64.const -7777777777) (i64.or (local.get $x) (i64.const 3)))) (br $l)) (unreachable)",
        ),
        body(
            "an endless loop of keccak over 128 KiB",
            "out-of-fuel",
            "(loop $l (call $keccak (i32.const 0) (i32.const 131072) (i32.const 64)) (br $l)) (unreachable)",
        ),
        body(
            "an endless loop of signature checks",
            "out-of-fuel",
            "(loop $l (drop (call $ed25519 (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))) (br $l)) (unreachable)",
        ),
        body(
            "an endless loop of recoveries",
            "out-of-fuel",
            "(loop $l (call $recover (i32.const 1024) (i32.const 0) (i32.const 65) (i32.const 64)) (br $l)) (unreachable)",
        ),
        with("recursion", "stack-overflow", deep, "(drop (call $deep (i64.const 0))) (i32.const 0)"),
        with("recursion through a table", "stack-overflow", table, "(call $g)"),
        with("recursion with 1,000 locals", "stack-overflow", &locals, "(call $wide) (i32.const 0)"),
        body(
            "memory, page by page",
            "memory-limit",
            "(loop $l (drop (memory.grow (i32.const 1))) (br $l)) (unreachable)",
        ),
        body("memory, all at once", "memory-limit", "(drop (memory.grow (i32.const 65535))) (unreachable)"),
        body("memory, minus one page", "memory-limit", "(drop (memory.grow (i32.const -1))) (unreachable)"),
        with(
            "a table, bit by bit",
            "table",
            table,
            "(loop $l (drop (table.grow $t (ref.null func) (i32.const 100))) (br $l)) (unreachable)",
        ),
        with(
            "a table, all at once",
            "table",
            table,
            "(drop (table.grow $t (ref.null func) (i32.const -1))) (unreachable)",
        ),
        with(
            "table fills without end",
            "out-of-fuel",
            "(table $t 10000 funcref)",
            "(loop $l (table.fill $t (i32.const 0) (ref.null func) (i32.const 10000)) (br $l)) (unreachable)",
        ),
        with(
            "an indirect call of another type",
            "table",
            "(table 3 funcref) (type $f (func (result i32))) (func $g) (elem (i32.const 0) $g)",
            "(call_indirect (type $f) (i32.const 0))",
        ),
        body("a division by zero", "arithmetic", "(i32.div_u (i32.const 1) (i32.const 0))"),
        body("the least number by minus one", "arithmetic", "(i32.div_s (i32.const 0x80000000) (i32.const -1))"),
        body("NaN as an integer", "arithmetic", "(i32.trunc_f64_u (f64.const nan))"),
        body(
            "EVM logs without end",
            "out-of-fuel",
            "(loop $l (call $emit (i32.const 1024) (i32.const 4) (i32.const 0) (i32.const 65536)) (br $l)) (unreachable)",
        ),
        body(
            "empty EVM logs without end",
            "out-of-fuel",
            "(loop $l (call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (br $l)) (unreachable)",
        ),
        body(
            "diagnostic messages without end",
            "out-of-fuel",
            "(memory.fill (i32.const 4096) (i32.const 120) (i32.const 1024)) (loop $l (call $log (i32.const 2) (i32.const 4096) (i32.const 1024)) (br $l)) (unreachable)",
        ),
        body(
            "storage writes without end",
            "out-of-fuel",
            "(loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) (i32.store (i32.const 512) (local.get $i)) (call $set (i32.const 512) (i32.const 4) (i32.const 0) (i32.const 24576)) (br $l)) (unreachable)",
        ),
        body(
            "messages of 100 kB without end",
            "out-of-fuel",
            "(memory.fill (i32.const 4096) (i32.const 120) (i32.const 100000)) (loop $l (call $log (i32.const 0) (i32.const 4096) (i32.const 100000)) (br $l)) (unreachable)",
        ),
    ]
}

fn values() -> Vec<Entry> {
    let wide = |input: &str, name, body: &str| {
        let guest = Guest { memory: "40".into(), ..Guest::calling(&format!("{body} (i32.const 0)")) };
        faults(VALUES, input, name, guest, GAS)
    };
    let gives = |input: &str, name, body: &str| {
        faults(VALUES, input, name, Guest { memory: "40".into(), ..Guest::calling(body) }, GAS)
    };
    let utf8 = |input: &str, bytes: u32| {
        wide(
            input,
            "bad-abi",
            &format!(
                "(i32.store (i32.const 2048) (i32.const {bytes:#x})) (call $log (i32.const 0) (i32.const 2048) (i32.const 4))"
            ),
        )
    };
    vec![
        gives("1 MiB and a byte returned", "output-too-long", "(call $ok (i32.const 0) (i32.const 1048577))"),
        gives("1 MiB and a byte as revert data", "output-too-long", "(call $err (i32.const 0) (i32.const 1048577))"),
        gives("2.5 MB returned", "output-too-long", "(call $ok (i32.const 0) (i32.const 2500000))"),
        gives("4 GB returned", "bad-abi", "(call $ok (i32.const 0) (i32.const -1))"),
        gives("a list that ends outside the memory", "bad-abi", "(call $ok (i32.const -4) (i32.const 8))"),
        gives("a result outside the memory", "bad-abi", "(i32.const 2621438)"),
        gives("a result that is not aligned", "bad-abi", "(i32.const 17)"),
        gives(
            "a result that is neither ok nor error",
            "bad-abi",
            "(i32.store8 (i32.const 16) (i32.const 9)) (i32.const 16)",
        ),
        wide("a key of 257 bytes", "key-too-long", "(call $get (i32.const 0) (i32.const 257) (i32.const 64))"),
        wide("a key of 2 MB", "key-too-long", "(call $get (i32.const 0) (i32.const 2000000) (i32.const 64))"),
        wide("a key of 4 GB", "bad-abi", "(call $get (i32.const 0) (i32.const -1) (i32.const 64))"),
        wide("a key outside the memory", "bad-abi", "(call $get (i32.const -2) (i32.const 1) (i32.const 64))"),
        wide(
            "a value of 24 KiB and a byte",
            "value-too-long",
            "(call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 24577))",
        ),
        wide("a key to remove of 257 bytes", "key-too-long", "(call $remove (i32.const 0) (i32.const 257))"),
        wide(
            "five topics",
            "too-many-topics",
            "(call $emit (i32.const 1024) (i32.const 5) (i32.const 0) (i32.const 0))",
        ),
        wide(
            "65,000 topics",
            "too-many-topics",
            "(call $emit (i32.const 1024) (i32.const 65000) (i32.const 0) (i32.const 0))",
        ),
        wide(
            "100 million topics",
            "bad-abi",
            "(call $emit (i32.const 1024) (i32.const 100000000) (i32.const 0) (i32.const 0))",
        ),
        wide(
            "as many topics as overflow 32 bits",
            "bad-abi",
            "(call $emit (i32.const 1024) (i32.const 0x8000001) (i32.const 0) (i32.const 0))",
        ),
        wide(
            "topics that are not aligned",
            "bad-abi",
            "(call $emit (i32.const 1025) (i32.const 1) (i32.const 0) (i32.const 0))",
        ),
        wide(
            "log data of 64 KiB and a byte",
            "log-too-long",
            "(call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 65537))",
        ),
        wide(
            "1 MiB and a byte as input of a call",
            "bad-length",
            "(call $evm_call (i32.const 1024) (i32.const 3000) (i32.const 0) (i32.const 1048577) (i64.const 9) (i32.const 64))",
        ),
        wide(
            "a signature of 64 bytes to recover",
            "bad-length",
            "(call $recover (i32.const 1024) (i32.const 0) (i32.const 64) (i32.const 64))",
        ),
        wide(
            "a signature of 66 bytes to recover",
            "bad-length",
            "(call $recover (i32.const 1024) (i32.const 0) (i32.const 66) (i32.const 64))",
        ),
        wide(
            "a signature of 63 bytes to verify",
            "bad-length",
            "(drop (call $ed25519 (i32.const 1024) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 63)))",
        ),
        wide(
            "an answer to be written outside the memory",
            "bad-abi",
            "(call $keccak (i32.const 0) (i32.const 4) (i32.const -8))",
        ),
        wide(
            "an answer to be written unaligned",
            "bad-abi",
            "(call $keccak (i32.const 0) (i32.const 4) (i32.const 65))",
        ),
        wide("a level of log that there is not", "bad-abi", "(call $log (i32.const 4) (i32.const 1024) (i32.const 5))"),
        utf8("a message of 0xff", 0xffff_ffff),
        utf8("a message with half a surrogate", 0x4180_a0ed),
        utf8("a message with an overlong slash", 0x4141_afc0),
        utf8("a message that is cut in a character", 0xc341_4141),
    ]
}

/// Writes below a STATICCALL, by a contract that fails when its callee does.
fn statics() -> Vec<Entry> {
    let writes = [
        ("`state.set`", "(call $set (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 5))"),
        ("`state.set` of an empty value", "(call $set (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 0))"),
        ("`state.remove`", "(call $remove (i32.const 1024) (i32.const 5))"),
        ("`evm.emit`", "(call $emit (i32.const 1024) (i32.const 0) (i32.const 1024) (i32.const 5))"),
        (
            "`evm.call` with wei",
            "(i32.store8 (i32.const 3000) (i32.const 1)) (call $evm_call (i32.const 1024) (i32.const 3000) (i32.const 0) (i32.const 0) (i64.const 9) (i32.const 64))",
        ),
    ];
    let entry = |(how, body): (&str, &str)| {
        let guest = Guest::calling(&format!("{body} (call $ok (i32.const 0) (i32.const 0))"));
        Entry::new(VALUES, format!("{how} in a static call"), "static-write", move |arena| {
            arena.mount(&guest);
            let contract = arena.deploy(&relay(HOSTILE, 0xfa));
            fault_of(&arena.call_at(contract, b"input", GAS))
        })
    };
    writes.into_iter().map(entry).collect()
}

/// The same call twice in one block, again in the next, and by `eth_call`: it must answer the same.
fn repeats() -> Vec<Entry> {
    let same = |input: &str, guest: Guest, expected: Option<Vec<u8>>| {
        Entry::new(SAME, input, "none: the same", move |arena| {
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
    use alloy_sol_types::SolCall;
    use probe_engine::IProbe;
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
