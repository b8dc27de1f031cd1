//! Bytes that are no engine: each is refused when it is staged, by a text that names the reason.

use alloy_primitives::B256;
use alloy_sol_types::{SolCall, SolInterface};
use caldera_engine::CompileState;
use caldera_execution::{
    SimulationResult,
    registry::{self, abi::IEngineRegistry as abi},
};
use caldera_testkit::account;
use caldera_types::{Component, Grants, Interface, limits::MAX_COMPONENT_BYTES};
use wit_parser::Resolve;

use crate::{
    Entry,
    arena::{Arena, limits},
    guest::{self, ALL_IMPORTS, Guest, VERIFY_IMPORTS, describe, encode},
    wire::stage_call,
};

const GROUP: &str = "Bytes that are no engine";

/// Bytes that must be refused with this text.
pub fn refused(
    group: &'static str,
    input: impl Into<String>,
    expects: &'static str,
    grants: Grants,
    bytes: impl Fn() -> Vec<u8> + 'static,
) -> Entry {
    Entry::new(group, input, expects, move |arena: &mut Arena| match Component::new(bytes()) {
        Ok(component) => match arena.stage(&component, grants, limits()) {
            Ok(()) => match arena.engines().compile_state(component.digest()) {
                CompileState::Ready { millis, bytes, .. } => {
                    format!(
                        "none: accepted, {} kB, compiled to {} kB in {millis} ms",
                        component.bytes().len() / 1000,
                        bytes / 1000
                    )
                }
                other => format!("{other:?}"),
            },
            Err(error) => error,
        },
        Err(error) => error.to_string(),
    })
}

pub fn entries() -> Vec<Entry> {
    let all = |input: &str, expects, bytes: fn() -> Vec<u8>| refused(GROUP, input, expects, Grants::ALL, bytes);
    let sound = || Guest::calling("(unreachable)").bytes();
    let mut entries = vec![
        all("nothing", "not a component: it does not begin like WebAssembly", Vec::new),
        all("text", "not a component: it does not begin like WebAssembly", || b"fn main() {}".to_vec()),
        all("ELF", "not a component: it does not begin like WebAssembly", || {
            [b"\x7fELF".as_slice(), &[0; 4096]].concat()
        }),
        all("the magic number alone", "not a component", || b"\0asm".to_vec()),
        all("cut in the middle", "not a component", || {
            let bytes = Guest::calling("(unreachable)").bytes();
            bytes[..bytes.len() / 2].to_vec()
        }),
        all("the last byte missing", "not a component", || {
            let bytes = Guest::calling("(unreachable)").bytes();
            bytes[..bytes.len() - 1].to_vec()
        }),
        all("one byte over 2 MiB", "is over the limit of 2097152", || vec![0; MAX_COMPONENT_BYTES + 1]),
        all("2 MiB of zeros", "not a component", || vec![0; MAX_COMPONENT_BYTES]),
        all("a core module", "not a component: this is a core module", || wat::parse_str("(module)").unwrap()),
        all("an empty component", "export 'describe' is missing", || wat::parse_str("(component)").unwrap()),
        all("exports of other types", "export 'describe' has another type", || by_hand("")),
        all("a world with `now` of WASI", "import 'wasi:clocks/wall-clock@0.2.0' is not part of it", || {
            by_hand(r#"(import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64)))))"#)
        }),
        all("a later version of the contract", "import 'caldera:engine/types@0.2.0' is not part of it", || {
            replace(Guest::calling("(unreachable)").bytes(), b"@0.1.0", b"@0.2.0")
        }),
        all("a later patch of the contract", "import 'caldera:engine/types@0.1.1' is not part of it", || {
            replace(Guest::calling("(unreachable)").bytes(), b"@0.1.0", b"@0.1.1")
        }),
        all("an interface that there is not", "import 'caldera:engine/vault@0.1.0' is not part of it", || {
            by_hand(r#"(import "caldera:engine/vault@0.1.0" (instance (export "key" (func (result u64)))))"#)
        }),
        all("a function that the interface lacks", "caldera:engine/state@0.1.0", || {
            by_another_wit(
                ("interface state {", "interface state { wipe: func();"),
                r#"(import "caldera:engine/state@0.1.0" "wipe" (func))"#,
            )
        }),
        all("a function of another type", "caldera:engine/state@0.1.0", || {
            by_another_wit(
                ("remove: func(key: list<u8>);", "remove: func(key: u64);"),
                r#"(import "caldera:engine/state@0.1.0" "remove" (func (param i64)))"#,
            )
        }),
        all("a core module as import", "import 'code' is not part of it", || {
            by_hand(r#"(import "code" (core module))"#)
        }),
        all("a second component, hidden in a section", "nested components: 1 is over the limit of 0", || {
            section(Guest::default().bytes(), 4, &Guest::calling("(unreachable)").bytes())
        }),
        all("a second component behind the first", "not a component", || {
            [Guest::default().bytes(), Guest::calling("(unreachable)").bytes()].concat()
        }),
        all("nine core modules", "core modules", || {
            let module = wat::parse_str("(module)").unwrap();
            (0..9).fold(Guest::default().bytes(), |bytes, _| section(bytes, 1, &module))
        }),
        all("resource handles", "resources", || {
            // A resource type with an integer for its body, and `resource.new` of it.
            let with_type = section(Guest::default().bytes(), 7, &[1, 0x3f, 0x7f, 0]);
            section(with_type, 8, &[1, 0x02, 0])
        }),
        all("a resource that a granted interface does not have", "caldera:engine/state@0.1.0", || {
            by_another_wit(
                ("interface state {", "interface state { resource handle { constructor(); }"),
                r#"(import "caldera:engine/state@0.1.0" "[constructor]handle" (func (result i32)))"#,
            )
        }),
        all("strings in UTF-16", "strings must be UTF-8", || {
            by_hand(
                r#"(core module $m2 (memory (export "m") 1) (func (export "r") (param i32 i32 i32 i32) (result i32) i32.const 0) (func (export "g") (param i32 i32)))
                (core instance $i2 (instantiate $m2))
                (func $g (param "s" string) (canon lift (core func $i2 "g") (memory (core memory $i2 "m")) (realloc (core func $i2 "r")) string-encoding=utf16))"#,
            )
        }),
        all("a `describe` that loops", "describe faulted: out-of-fuel", || says("(loop $l (br $l)) (unreachable)")),
        all("a `describe` that traps", "describe faulted: unreachable", || says("(unreachable)")),
        all("a `describe` that writes", "describe faulted: static-write", || {
            says("(call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)) (unreachable)")
        }),
        all("a `describe` whose name is not UTF-8", "describe faulted: bad-abi", || {
            says(&format!("(i32.store (i32.const 2048) (i32.const -1)) {}", describe(2048, 4, 1029, 5)))
        }),
        all("a `describe` whose name is 65 bytes long", "is over the limit of 64", || {
            says(&describe(1024, 65, 1029, 5))
        }),
        all("a `describe` whose version is in control characters", "describe gave a bad version", || {
            says(&describe(1024, 5, 0, 4))
        }),
        all("a `describe` that gives 300 kB", "describe faulted: output-too-long", || {
            Guest { memory: "5".into(), describe: describe(1024, 5, 1029, 300_000), ..Guest::default() }.bytes()
        }),
        all("a start function that loops", "describe faulted: out-of-fuel", || {
            Guest { start: "(func $start (loop $l (br $l))) (start $start)".into(), ..Guest::default() }.bytes()
        }),
        all("a start function that traps", "describe faulted: unreachable", || {
            Guest { start: "(func $start unreachable) (start $start)".into(), ..Guest::default() }.bytes()
        }),
        refused(GROUP, "no grants at all", "which its mount does not grant (granted: none)", Grants::NONE, sound),
    ];
    // A compiler release may come to allow what engines must not have.
    for (feature, text) in [
        ("vectors", "(func (drop (i32x4.splat (i32.const 1))))"),
        (
            "vectors that differ between processors",
            "(func (drop (i8x16.relaxed_swizzle (i8x16.splat (i32.const 1)) (i8x16.splat (i32.const 1)))))",
        ),
        ("atomics", "(func (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1))))"),
        ("64-bit memory", "(memory $big i64 1)"),
        ("a second memory in a module", "(memory $second 1)"),
        ("tail calls", "(func $tail (return_call $tail))"),
        ("exceptions", "(tag $e) (func (throw $e))"),
        ("garbage collection", "(type $s (struct (field i32))) (func (drop (struct.new_default $s)))"),
        ("typed references to functions", "(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))"),
        ("128-bit arithmetic", "(func (drop (drop (i64.mul_wide_u (i64.const 1) (i64.const 1)))))"),
    ] {
        let bytes = move || Guest { extra: text.into(), ..Guest::default() }.bytes();
        entries.push(refused(GROUP, feature, "does not compile", Grants::ALL, bytes));
    }
    for (import, interface) in ALL_IMPORTS.lines().chain(VERIFY_IMPORTS.lines()).filter_map(|line| {
        let interface = Interface::ALL.into_iter().find(|i| line.contains(&format!("/{}@", i.name())))?;
        Some((line.to_owned(), interface))
    }) {
        let name = import.split('"').nth(3).unwrap().to_owned();
        let grants = Interface::ALL.into_iter().filter(|i| *i != interface).collect();
        let bytes = move || Guest { imports: import.clone(), ..Guest::default() }.bytes();
        let input = format!("`{}.{name}`, all granted but `{}`", interface.name(), interface.name());
        entries.push(refused(GROUP, input, "which its mount does not grant", grants, bytes));
    }
    entries.push(Entry::new(GROUP, "a digest without its bytes", "ComponentUnavailable", |arena| {
        let component = Guest::calling("(i32.const 77)").component();
        command(arena, &stage_call(&component, Grants::ALL, limits()))
    }));
    entries.push(Entry::new(GROUP, "a grant that stands for no interface", "UnknownGrants", |arena| {
        let component = Guest::default().component();
        command(arena, &abi::stageCall { grants: 0x80, ..stage_call(&component, Grants::ALL, limits()) })
    }));
    entries.push(Entry::new(GROUP, "limits over the chain's", "LimitTooHigh", |arena| {
        let mut call = stage_call(&Guest::default().component(), Grants::ALL, limits());
        call.limits.memoryPages = u32::MAX;
        command(arena, &call)
    }));
    entries.push(Entry::new(GROUP, "another size than the bytes have", "SizeMismatch", |arena| {
        let mut call = stage_call(&Guest::default().component(), Grants::ALL, limits());
        call.size -= 1;
        command(arena, &call)
    }));
    entries.push(Entry::new(GROUP, "arming a digest that was never staged", "NotStaged", |arena| {
        let arm = abi::armCall {
            mount: crate::arena::HOSTILE,
            digest: B256::repeat_byte(9),
            height: u64::MAX,
            config: Default::default(),
            probation: caldera_types::ProbationRule::NONE.into(),
        };
        command(arena, &arm)
    }));
    entries
}

/// A command that the registry refuses: its typed error by `eth_call`, and the transaction fails as well.
pub fn command(arena: &mut Arena, call: &impl SolCall) -> String {
    let asked = arena.ask_as(account(0).address(), registry::ADDRESS, &call.abi_encode(), 16_000_000);
    let receipt = arena.govern(call, 16_000_000, Vec::new());
    match asked {
        SimulationResult::Revert(data) => {
            assert!(!receipt.succeeded());
            let error = abi::IEngineRegistryErrors::abi_decode(&data).unwrap();
            format!("{error:?}").split_once('(').unwrap().0.to_owned()
        }
        other => format!("{other:?}"),
    }
}

/// A component with exports of the right names and other types, and these imports.
fn by_hand(imports: &str) -> Vec<u8> {
    let exports = ["describe", "init", "configure", "migrate", "call", "begin-block", "end-block"]
        .map(|name| format!(r#"(func (export "{name}") (result u32) (canon lift (core func $m "f")))"#))
        .concat();
    let text = format!(
        r#"(component {imports} (core module $c (func (export "f") (result i32) i32.const 0)) (core instance $m (instantiate $c)) {exports})"#
    );
    wat::parse_str(text).unwrap()
}

/// A guest with this import, of a contract in which one text stands for another.
fn by_another_wit((text, other): (&str, &str), import: &str) -> Vec<u8> {
    let wit = std::fs::read_to_string(guest::WIT.to_owned() + "/engine.wit").unwrap();
    assert!(wit.contains(text), "the contract says '{text}'");
    let module = wat::parse_str(Guest { imports: import.into(), ..Guest::default() }.text()).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("engine.wit", &wit.replacen(text, other, 1)).unwrap();
    guest::encode_of(&resolve, package, module)
}

/// A guest with this `describe`.
fn says(describe: &str) -> Vec<u8> {
    encode(&Guest { describe: describe.into(), ..Guest::calling("(unreachable)") }.text())
}

/// Appends a section to a component.
pub fn section(mut component: Vec<u8>, id: u8, body: &[u8]) -> Vec<u8> {
    component.push(id);
    let mut rest = body.len();
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            component.push(low);
            break;
        }
        component.push(low | 0x80);
    }
    component.extend_from_slice(body);
    component
}

fn replace(bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes;
    for at in 0..bytes.len().saturating_sub(from.len()) {
        if &bytes[at..at + from.len()] == from {
            bytes[at..at + from.len()].copy_from_slice(to);
        }
    }
    bytes
}
