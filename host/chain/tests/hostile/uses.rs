//! Calls that use up what they are given.

use caldera_types::limits::TX_GAS;

use crate::{Entry, calls::faults, guest::Guest};

const GROUP: &str = "Calls that use up what there is";

pub fn entries() -> Vec<Entry> {
    let body = |input: &str, name, body: &str| faults(GROUP, input, name, Guest::calling(body), TX_GAS);
    let with = |input: &str, name, extra: &str, body: &str| {
        faults(GROUP, input, name, Guest { extra: extra.into(), ..Guest::calling(body) }, TX_GAS)
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
            "a table, one entry over the most",
            "table",
            table,
            "(drop (table.grow $t (ref.null func) (i32.const 9998))) (unreachable)",
        ),
        // Growth is paid for by the entry before anybody looks whether there is room.
        with(
            "a table of 4 billion entries, all at once",
            "out-of-fuel",
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
