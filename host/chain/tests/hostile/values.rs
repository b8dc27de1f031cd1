//! Values that go over the border and are too long or malformed, and writes where none may be.

use caldera_testkit::relay;
use caldera_types::limits::TX_GAS;

use crate::{
    Entry,
    arena::{GAS, HOSTILE},
    calls::{fault_of, faults},
    guest::Guest,
};

const GROUP: &str = "Values that are too long or malformed";

pub fn entries() -> Vec<Entry> {
    let mut entries = values();
    entries.extend(inputs());
    entries.extend(statics());
    entries
}

fn values() -> Vec<Entry> {
    let wide = |input: &str, name, body: &str| {
        let guest = Guest { memory: "40".into(), ..Guest::calling(&format!("{body} (i32.const 0)")) };
        faults(GROUP, input, name, guest, GAS)
    };
    let gives = |input: &str, name, body: &str| {
        faults(GROUP, input, name, Guest { memory: "40".into(), ..Guest::calling(body) }, GAS)
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

/// A list of 1 MiB for the engine, by a contract that fails when its callee does.
fn inputs() -> Vec<Entry> {
    // CALL(GAS, engine, 0, 0, 1 MiB, 0, 0); JUMPI to STOP; REVERT.
    let mut code = vec![0x5f, 0x5f, 0x62, 0x10, 0, 0, 0x5f, 0x5f, 0x73];
    code.extend_from_slice(HOSTILE.as_slice());
    code.extend_from_slice(&[0x5a, 0xf1]);
    let dest = u8::try_from(code.len() + 6).unwrap();
    code.extend_from_slice(&[0x60, dest, 0x57, 0x5f, 0x5f, 0xfd, 0x5b, 0x00]);
    let entry = |input: &str, expects, pages: &str| {
        let (guest, code) = (Guest { memory: pages.into(), ..Guest::default() }, code.clone());
        Entry::new(GROUP, input, expects, move |arena| {
            arena.mount(&guest);
            let contract = arena.deploy(&code);
            fault_of(&arena.call_at(contract, b"", TX_GAS))
        })
    };
    vec![
        entry("an input of 1 MiB, of which the engine's memory holds an eighth", "bad-abi", "2"),
        entry("an input of 1 MiB that has room, echoed", "none: succeeded", "20"),
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
        Entry::new(GROUP, format!("{how} in a static call"), "static-write", move |arena| {
            arena.mount(&guest);
            let contract = arena.deploy(&relay(HOSTILE, 0xfa));
            fault_of(&arena.call_at(contract, b"input", GAS))
        })
    };
    writes.into_iter().map(entry).collect()
}
