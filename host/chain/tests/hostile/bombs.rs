//! Components that are small on the wire and large for whoever checks or compiles them.
//!
//! What is over a static limit is refused before it is compiled. What is within the limits compiles, and the table shows
//! for how long: in another process, so that no block waits for it.

use caldera_types::Grants;

use crate::{
    Entry,
    bytes::{refused, section},
    guest::{Guest, encode_module},
};

const GROUP: &str = "Bombs for the checks and the compiler";

pub fn entries() -> Vec<Entry> {
    let all = |input: &str, expects, bytes: fn() -> Vec<u8>| refused(GROUP, input, expects, Grants::ALL, bytes);
    vec![
        all("20,001 functions", "functions: 20", || extra("(func)".repeat(20_001))),
        all("a function of 320 kB", "bytes of a function", || extra(func(&"i32.const 1000 drop ".repeat(80_000)))),
        all("1,001 locals", "locals of a function", || extra(format!("(func (local {}))", "i32 ".repeat(1_001)))),
        all("4 billion locals in six bytes", "locals of a function", || {
            with_body(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b])
        }),
        all("101 parameters", "parameters of a function", || extra(format!("(func (param {}))", "i32 ".repeat(101)))),
        all("1,001 globals", "globals", || extra("(global i32 (i32.const 0))".repeat(1_001))),
        all("a table of 10,001 entries", "entries of a table", || extra("(table 10001 funcref)".into())),
        all("a table of 4 billion entries", "entries of a table", || extra("(table 0xffffffff funcref)".into())),
        all("five tables", "tables", || extra("(table 1 funcref)".repeat(5))),
        all("65,536 pages of memory at once", "initial memory pages", || {
            Guest { memory: "65536".into(), ..Guest::default() }.bytes()
        }),
        all("65 pages, the mount has 64", "initial memory pages: 65", || {
            Guest { memory: "65".into(), ..Guest::default() }.bytes()
        }),
        all("10,001 types", "types", || {
            extra((0..10_001u32).map(|n| format!("(type (func {}))", params(n))).collect())
        }),
        all("20,001 data segments", "segments", || extra("(data (i32.const 0) \"\")".repeat(20_001))),
        all("1,001 exports", "exports", || extra((0..1_001).map(|n| format!("(func (export \"e{n}\"))")).collect())),
        all("a tuple of tuples, 2^30 fields", "type size", || {
            let types = (0..30).map(|n| format!("(type $t{} (tuple $t{n} $t{n}))", n + 1)).collect::<String>();
            with_types(
                wat::parse_str(format!("(component (type (component (type $t0 (tuple u8 u8)) {types})))")).unwrap(),
            )
        }),
        all("a type nested 100 levels deep", "nested types", || nested_types(101)),
        all("a type nested 600,000 levels deep", "nested types", || nested_types(600_000)),
        all("one custom section of 2 MB", "none: accepted", || {
            let mut body = vec![1, b'x'];
            body.resize(2_000_000, 0);
            section(Guest::default().bytes(), 0, &body)
        }),
        all("60,000 blocks, one in the other", "nested blocks of a function: 1001", || {
            extra(func(&nested("block ", "end ", 60_000)))
        }),
        all("40,000 loops, one in the other", "nested blocks of a function: 1001", || {
            extra(func(&nested("loop ", "end ", 40_000)))
        }),
        all("30,000 conditions, one in the other", "nested blocks of a function: 1001", || {
            extra(func(&nested("i32.const 1 if ", "end ", 30_000)))
        }),
        all("17 functions of 1,000 loops, one in the other", "blocks times locals and nesting: 17000000", || {
            extra(func(&nested("loop ", "end ", 1_000)).repeat(17))
        }),
        all("15 functions of 1,000 loops, one in the other", "none: accepted", || {
            extra(func(&nested("loop ", "end ", 1_000)).repeat(15))
        }),
        all("four functions of 1,000 locals and 5,000 loops", "blocks times locals and nesting: 20020000", || {
            extra(live_locals(1_000, 5_000).repeat(4))
        }),
        all("an expression 60,000 values deep", "none: accepted", || {
            extra(format!(
                "(func (param i32) (result i32) {} local.get 0 {})",
                "local.get 0 ".repeat(60_000),
                "i32.add ".repeat(60_000)
            ))
        }),
        all("a jump table of 60,000 ways", "none: accepted", || {
            extra(format!("(func (param i32) block local.get 0 br_table {} end)", "0 ".repeat(60_000)))
        }),
        all("200 jump tables through 500 blocks", "none: accepted", || {
            let table = format!("i32.const 7 br_table {} ", (0..500).map(|n| format!("{n} ")).collect::<String>());
            let tables = (0..200).map(|_| format!("block {table} end ")).collect::<String>();
            extra(format!("(func {})", nested_around("block ", &tables, "end ", 500)))
        }),
        all("a function of 250 kB of additions", "none: accepted", || {
            extra(format!("(func (param i64) (result i64) local.get 0 {})", "local.get 0 i64.add ".repeat(80_000)))
        }),
        all("a function of 250 kB of stores", "none: accepted", || {
            extra(func(&"i32.const 0 i64.const 1 i64.store ".repeat(34_000)))
        }),
        all("a function of 250 kB of calls", "none: accepted", || {
            extra(format!("(func $f (param i32)) {}", func(&"i32.const 1 call $f ".repeat(60_000))))
        }),
        all("1,000 locals alive through 1,000 loops", "none: accepted", || extra(live_locals(1_000, 1_000))),
        all("1,000 locals alive through 5,000 loops", "none: accepted", || extra(live_locals(1_000, 5_000))),
        all("20,000 functions, 90 bytes each", "none: accepted", || {
            extra("(func (param i64) (result i64) local.get 0 i64.const 3 i64.mul i64.const 7 i64.rem_u i64.const 5 i64.div_u i64.const 9 i64.rem_s i64.const 11 i64.xor i64.const 13 i64.rotl i64.popcnt)".repeat(19_900))
        }),
        all("2 MB of code, the most there can be", "none: accepted", || {
            let one = format!(
                "(func (param i64) (result i64) local.get 0 {})",
                "i64.const 1234567 i64.div_s ".repeat(40_000)
            );
            extra(one.repeat(8))
        }),
        all("20,000 data segments", "none: accepted", || extra("(data (i32.const 0) \"x\")".repeat(19_999))),
        all("element segments with 1 million functions", "none: accepted", || {
            let functions = "$f ".repeat(10_000);
            extra(format!(
                "(table 10000 funcref) (func $f) {}",
                format!("(elem (i32.const 0) {functions})").repeat(100)
            ))
        }),
    ]
}

/// Within all static limits, and as much work for the compiler as we found.
pub fn expensive() -> Vec<u8> {
    extra(live_locals(1_000, 5_000).repeat(3))
}

/// A guest with more in its module.
fn extra(extra: String) -> Vec<u8> {
    Guest { extra, ..Guest::default() }.bytes()
}

fn func(body: &str) -> String {
    format!("(func {body})")
}

fn nested(open: &str, close: &str, levels: usize) -> String {
    nested_around(open, "", close, levels)
}

fn nested_around(open: &str, inner: &str, close: &str, levels: usize) -> String {
    format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
}

/// Parameters that differ for each `n`.
fn params(n: u32) -> String {
    let kinds = ["i32", "i64", "f32", "f64"];
    format!("(param {})", (0..8).map(|digit| kinds[(n >> (2 * digit) & 3) as usize]).collect::<Vec<_>>().join(" "))
}

/// A function whose locals are all read after each of its loops.
fn live_locals(locals: usize, loops: usize) -> String {
    let step = |at: usize| {
        let (from, to) = (at * 7 % locals, at * 13 % locals);
        format!("loop local.get {from} i32.const 1 i32.add local.tee {to} br_if 0 end ")
    };
    let sum = (0..locals).map(|at| format!("local.get {at} i32.add ")).collect::<String>();
    let body = (0..loops).map(step).collect::<String>();
    format!("(func (result i32) (local {}) {body} i32.const 0 {sum})", "i32 ".repeat(locals))
}

/// A sound guest with a function body of these bytes in its code section: text cannot say it.
fn with_body(body: &[u8]) -> Vec<u8> {
    let mut module =
        wat::parse_str(Guest { extra: "(func (nop) (nop) (nop) (nop) (nop) (nop))".into(), ..Guest::default() }.text())
            .unwrap();
    let nops = [8, 0, 1, 1, 1, 1, 1, 1, 0x0b];
    let at = module.windows(nops.len()).position(|window| window == nops).unwrap();
    module[at + 1..at + nops.len()].copy_from_slice(body);
    encode_module(module)
}

/// Puts the type sections of a component that has nothing else behind a sound guest.
fn with_types(types: Vec<u8>) -> Vec<u8> {
    // Behind the magic number and the version.
    [Guest::default().bytes(), types[8..].to_vec()].concat()
}

/// A component type that declares a component type that declares one, and so on.
fn nested_types(levels: usize) -> Vec<u8> {
    // One type: a component type of one declaration, which is a type.
    let mut body = vec![1];
    for _ in 0..levels {
        body.extend_from_slice(&[0x41, 1, 1]);
    }
    body.extend_from_slice(&[0x41, 0]);
    section(Guest::default().bytes(), 7, &body)
}
