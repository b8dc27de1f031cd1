//! Guests that fail in each of their exports, and in what the host calls in them while it hands them a list.

use alloy_primitives::Address;
use caldera_execution::registry::abi::IEngineRegistry as abi;
use caldera_types::Grants;

use crate::{
    Entry,
    arena::{Arena, GAS, HOSTILE},
    bytes::refused,
    calls::fault_of,
    guest::Guest,
    wire::told,
};

const GROUP: &str = "Failures in each export";

/// How a body fails, and by which name.
const FAILURES: [(&str, &str, &str); 5] = [
    ("traps", "(unreachable)", "unreachable"),
    ("loops", "(loop $l (br $l)) (unreachable)", "out-of-fuel"),
    ("reads outside its memory", "(i32.load (i32.const -4))", "memory-out-of-bounds"),
    ("grows without end", "(loop $l (drop (memory.grow (i32.const 1))) (br $l)) (unreachable)", "memory-limit"),
    ("gives a pointer outside its memory", "(i32.const 131070)", "bad-abi"),
];

/// Refuses with a text that is not UTF-8, or with a text of a million bytes.
const NOT_UTF8: &str = "(i32.store (i32.const 2048) (i32.const -1)) (call $err (i32.const 2048) (i32.const 4))";
const LONG: &str = "(memory.fill (i32.const 65536) (i32.const 120) (i32.const 1000000)) (call $err (i32.const 65536) (i32.const 1000000))";

pub fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for (how, body, name) in FAILURES.into_iter().chain([("refuses in bytes that are not UTF-8", NOT_UTF8, "bad-abi")])
    {
        entries.push(init(how, body, name));
        entries.push(configure(how, body, name));
        entries.push(migrate(how, &body.replace("$err", "$fail"), name));
        entries.push(hook("begin-block", how, body, name));
        entries.push(hook("end-block", how, body, name));
    }
    for (how, body, name) in FAILURES {
        entries.push(Entry::new(GROUP, format!("`call` {how}"), name, move |arena| {
            arena.mount(&Guest::calling(body));
            fault_of(&arena.call(b"input", GAS))
        }));
    }
    entries.push(init("refuses with a million bytes", LONG, "xxx… (1024 bytes)"));
    entries.push(hook("end-block", "refuses with a million bytes", LONG, "xxx… (1024 bytes)"));
    entries.push(migrate(
        "asks for another step without a cursor",
        "(call $more (i32.const 0) (i32.const 0) (i64.const 1) (i64.const 2))",
        "no cursor",
    ));
    entries.push(migrate(
        "gives a cursor of 1025 bytes",
        "(call $more (i32.const 0) (i32.const 1025) (i64.const 1) (i64.const 2))",
        "output-too-long",
    ));
    entries.push(migrate("sends wei away", "(i32.store8 (i32.const 600) (i32.const 1)) (call $evm_call (i32.const 0) (i32.const 600) (i32.const 0) (i32.const 0) (i64.const 9) (i32.const 64)) (unreachable)", "static-write"));
    entries.extend(callbacks());
    entries.extend(after_returns());
    entries
}

/// An activation that must fail: the reason of its event, and what stood there before still stands.
fn activation(arena: &mut Arena, at: Address, guest: &Guest, config: &[u8]) -> String {
    let before = arena.chain().registry().unwrap().mounts;
    let block = arena.activate(at, guest, config);
    assert_eq!(arena.chain().registry().unwrap().mounts, before);
    let failed = told::<abi::ActivationFailed>(&block);
    failed.first().map_or("none: activated".into(), |failed| format!("ActivationFailed: {}", short(&failed.reason)))
}

/// The beginning of a long reason, with its length.
fn short(reason: &str) -> String {
    match reason.len() {
        0..=200 => reason.to_owned(),
        len => format!("{}… ({len} bytes)", &reason[..20]),
    }
}

fn init(how: &'static str, body: &str, name: &'static str) -> Entry {
    let guest = Guest { init: body.into(), memory: "20".into(), ..Guest::calling("(unreachable)") };
    Entry::new(GROUP, format!("`init` {how}"), name, move |arena| {
        activation(arena, Address::repeat_byte(0xea), &guest, b"config")
    })
}

fn configure(how: &'static str, body: &str, name: &'static str) -> Entry {
    let guest = Guest { configure: body.into(), ..Guest::calling("(unreachable)") };
    Entry::new(GROUP, format!("`configure` {how}"), name, move |arena| activation(arena, HOSTILE, &guest, b"config"))
}

fn migrate(how: &'static str, body: &str, name: &'static str) -> Entry {
    let guest = Guest { migrate: body.into(), ..Guest::calling("(unreachable)") };
    let guest = with_state_version(guest, 4);
    Entry::new(GROUP, format!("`migrate` {how}"), name, move |arena| activation(arena, HOSTILE, &guest, b""))
}

fn with_state_version(mut guest: Guest, version: u32) -> Guest {
    guest.describe =
        guest.describe.replace("(i32.const 32) (i32.const 3)", &format!("(i32.const 32) (i32.const {version})"));
    guest
}

/// A hook that fails in each block in which it is mounted.
fn hook(which: &'static str, how: &'static str, body: &str, name: &'static str) -> Entry {
    let mut guest = Guest { memory: "20".into(), ..Guest::calling("(call $ok (local.get $in) (local.get $len))") };
    match which {
        "begin-block" => guest.begin_block = body.into(),
        _ => {
            guest.end_block = body.into();
            guest.describe = guest
                .describe
                .replace("(i32.const 44) (i32.const 1)", "(i32.const 44) (i32.const 0)")
                .replace("(i32.const 45) (i32.const 0)", "(i32.const 45) (i32.const 1)");
        }
    }
    Entry::new(GROUP, format!("`{which}` {how}"), name, move |arena| failed_hook(arena, &guest))
}

/// What is told of the hook, which fails; the engine still answers calls.
fn failed_hook(arena: &mut Arena, guest: &Guest) -> String {
    arena.mount(guest);
    let block = arena.block();
    let failed = told::<abi::HookFailed>(&block);
    assert!(arena.call(b"input", GAS).succeeded());
    arena.mount(&Guest::default());
    failed.first().map_or("none".into(), |failed| format!("HookFailed: {}", short(&failed.reason)))
}

/// What the host calls in a guest is `cabi_realloc`: for its arguments, and for the answers of host calls.
fn callbacks() -> Vec<Entry> {
    // Armed in `call`, so that the argument still arrives.
    const LATER: &str = "(if (global.get $armed) (then (BODY)))";
    const IDENTITY: &str = "(i32.store8 offset=19 (i32.const 2048) (i32.const 4))";
    let imports = [
        (
            "state.get",
            "(call $set (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 12)) ARM (call $get (i32.const 1024) (i32.const 5) (i32.const 64))",
        ),
        (
            "evm.call",
            "ARM (call $evm_call (i32.const 2048) (i32.const 3000) (i32.const 1024) (i32.const 12) (i64.const 9999) (i32.const 64))",
        ),
        (
            "evm.static-call",
            "ARM (call $static_call (i32.const 2048) (i32.const 1024) (i32.const 12) (i64.const 9999) (i32.const 64))",
        ),
    ];
    let failures = [
        ("traps", "unreachable", "unreachable"),
        ("loops", "(loop $l (br $l))", "out-of-fuel"),
        ("gives memory that is not there", "(return (i32.const -16))", "bad-abi"),
        ("calls the host", "(call $log (i32.const 0) (i32.const 1024) (i32.const 5))", "bad-abi"),
        ("recurses", "(drop (call $deep (i64.const 0)))", "stack-overflow"),
    ];
    const EXTRA: &str = "(global $armed (mut i32) (i32.const 0))
        (func $deep (param i64) (result i64) (i64.add (local.get 0) (call $deep (i64.add (local.get 0) (i64.const 1)))))";
    let mut entries = Vec::new();
    for (import, body) in imports {
        for (how, realloc, name) in failures {
            let body = format!("{IDENTITY} {} (i32.const 0)", body.replace("ARM", "(global.set $armed (i32.const 1))"));
            let realloc = LATER.replace("(BODY)", realloc);
            let guest = Guest { realloc, extra: EXTRA.into(), ..Guest::calling(&body) };
            entries.push(Entry::new(
                GROUP,
                format!("`realloc` for the answer of `{import}` {how}"),
                name,
                move |arena| {
                    arena.mount(&guest);
                    fault_of(&arena.call(b"input", GAS))
                },
            ));
        }
    }
    for (how, realloc, name) in failures {
        let guest = Guest { realloc: realloc.into(), extra: EXTRA.into(), ..Guest::calling("(unreachable)") };
        entries.push(Entry::new(GROUP, format!("`realloc` for the input of `call` {how}"), name, move |arena| {
            arena.mount(&guest);
            fault_of(&arena.call(b"input", GAS))
        }));
    }
    let guest = Guest { realloc: "unreachable".into(), extra: EXTRA.into(), ..Guest::calling("(unreachable)") };
    entries.push(Entry::new(GROUP, "`realloc` for the argument of `init` traps", "unreachable", {
        let guest = guest.clone();
        move |arena| activation(arena, Address::repeat_byte(0xea), &guest, b"config")
    }));
    entries.push(Entry::new(GROUP, "`realloc` for the argument of `configure` traps", "unreachable", move |arena| {
        activation(arena, HOSTILE, &guest, b"config")
    }));
    entries
}

/// What the host calls once it has read a result is `cabi_post_…`.
fn after_returns() -> Vec<Entry> {
    let failures = [
        ("traps", "unreachable", "unreachable"),
        ("loops", "(loop $l (br $l))", "out-of-fuel"),
        ("calls the host", "(call $log (i32.const 0) (i32.const 1024) (i32.const 5))", "bad-abi"),
    ];
    let after = |export: &str, body: &str| Guest {
        extra: format!("(func (export \"cabi_post_{export}\") (param i32) {body})"),
        ..Guest::calling("(call $ok (local.get $in) (local.get $len))")
    };
    let mut entries = Vec::new();
    for (how, body, name) in failures {
        let guest = after("call", body);
        entries.push(Entry::new(GROUP, format!("what comes after `call` {how}"), name, move |arena| {
            arena.mount(&guest);
            fault_of(&arena.call(b"input", GAS))
        }));
        for (export, at) in [("init", Address::repeat_byte(0xea)), ("configure", HOSTILE)] {
            let guest = after(export, body);
            entries.push(Entry::new(GROUP, format!("what comes after `{export}` {how}"), name, move |arena| {
                activation(arena, at, &guest, b"config")
            }));
        }
        let guest = with_state_version(after("migrate", body), 4);
        entries.push(Entry::new(GROUP, format!("what comes after `migrate` {how}"), name, move |arena| {
            activation(arena, HOSTILE, &guest, b"")
        }));
        let guest = after("describe", body);
        entries.push(refused(GROUP, format!("what comes after `describe` {how}"), name, Grants::ALL, move || {
            guest.bytes()
        }));
        let guest = after("begin-block", body);
        entries.push(Entry::new(GROUP, format!("what comes after `begin-block` {how}"), name, move |arena| {
            failed_hook(arena, &guest)
        }));
    }
    entries
}
