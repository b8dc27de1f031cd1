//! What is rejected when staged, and why: always before a call could meet it, with a text that names the reason.

mod support;

use caldera_engine::{EngineOptions, Engines, Rejection, StageError};
use caldera_types::{Component, EngineLimits, Fault, Grants, Interface};
use support::guest::{ALL_IMPORTS, Guest, VERIFY_IMPORTS, describe, encode};

#[track_caller]
fn rejection(bytes: Vec<u8>) -> Rejection {
    match support::stage(bytes) {
        Err(StageError::Rejected(rejection)) => rejection,
        other => panic!("expected a rejection, got {other:?}"),
    }
}

#[track_caller]
fn check_limit(guest: Guest, what: &str) {
    match rejection(guest.bytes()) {
        Rejection::Limit { what: found, is, most } => {
            assert_eq!(found, what);
            assert!(is > most);
        }
        other => panic!("expected a limit, got {other:?}"),
    }
}

#[test]
fn a_sound_component_says_what_it_is() {
    let said = support::stage(Guest::default().bytes()).unwrap();
    assert_eq!((said.name.as_str(), said.version.as_str(), said.abi.as_str()), ("guest", "1.2.3", "[]"));
    assert_eq!(said.state_version, 3);
    assert!(said.hooks.begin_block && !said.hooks.end_block);
}

#[test]
fn staging_twice_is_the_same() {
    let (engines, component) = (support::engines(), Guest::default().component());
    let limits = EngineLimits::recommended();
    assert!(!engines.is_ready(component.digest(), Grants::ALL));
    assert_eq!(engines.instance_gas(component.digest(), false), None);
    let first = engines.stage(&component, Grants::ALL, &limits).unwrap();
    assert_eq!(engines.stage(&component, Grants::ALL, &limits).unwrap(), first);
    assert!(engines.is_ready(component.digest(), Grants::ALL));
    assert!(!engines.is_ready(component.digest(), Grants::NONE));
    let gas = |warm| engines.instance_gas(component.digest(), warm).unwrap();
    assert!(gas(true) < gas(false));
    let narrow = EngineLimits { memory_pages: 1, ..limits };
    let rejected = engines.stage(&component, Grants::ALL, &narrow).unwrap_err();
    assert_eq!(rejected.to_string(), "initial memory pages: 2 is over the limit of 1");
}

#[test]
fn what_is_not_granted_does_not_link() {
    let imports = ALL_IMPORTS.lines().chain(VERIFY_IMPORTS.lines()).filter(|line| !line.trim().is_empty());
    for import in imports {
        let component = Guest { imports: import.into(), ..Guest::default() }.component();
        let needed = Interface::ALL.into_iter().find(|i| import.contains(&format!("/{}@", i.name()))).unwrap();
        for bits in 0..=Grants::ALL.bits() {
            let grants = Grants::from_bits(bits).unwrap();
            let staged = support::engines_shared().stage(&component, grants, &EngineLimits::recommended());
            if grants.allows(needed) {
                staged.unwrap();
            } else {
                let interface = format!("{}/{}@0.1.0", needed.package(), needed.name());
                let expected = Rejection::NotGranted { interface, granted: grants.to_string() };
                assert_eq!(staged, Err(StageError::Rejected(expected)));
            }
        }
    }
}

#[test]
fn an_empty_grant_list_still_runs_what_imports_nothing() {
    let staged = support::engines().stage(&Guest::default().component(), Grants::NONE, &EngineLimits::recommended());
    assert_eq!(staged.unwrap().name, "guest");
}

#[test]
fn what_is_no_component_is_said_so() {
    for bytes in [vec![], b"hello".to_vec(), b"\0asm".to_vec(), vec![0; 4096]] {
        assert!(matches!(rejection(bytes), Rejection::NotAComponent(_)));
    }
    let module = wat::parse_str("(module)").unwrap();
    assert_eq!(rejection(module), Rejection::NotAComponent("this is a core module".into()));
    let empty = wat::parse_str("(component)").unwrap();
    assert_eq!(rejection(empty), Rejection::WrongWorld("export 'describe' is missing".into()));
}

#[test]
fn every_truncation_is_rejected() {
    let bytes = Guest::calling("(unreachable)").bytes();
    for len in (0..bytes.len()).step_by(7) {
        let cut = Component::new(bytes[..len].to_vec()).unwrap();
        let staged = support::engines_shared().stage(&cut, Grants::ALL, &EngineLimits::recommended());
        assert!(matches!(staged, Err(StageError::Rejected(_))), "cut at {len}: {staged:?}");
    }
}

#[test]
fn damaged_bytes_never_panic_and_never_blame_the_node() {
    let bytes = Guest::calling("(unreachable)").bytes();
    for at in (0..bytes.len()).step_by(5) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        let component = Component::new(damaged).unwrap();
        let staged = support::engines_shared().stage(&component, Grants::ALL, &EngineLimits::recommended());
        assert!(!matches!(staged, Err(StageError::Node(_))), "byte {at}: {staged:?}");
    }
}

#[test]
fn exports_must_be_there_with_their_types() {
    // A component whose exports have the right names and other types, built by hand: wit-component would refuse.
    let lift = |name: &str, ty: &str| format!(r#"(func (export "{name}") {ty} (canon lift (core func $m "f")))"#);
    let all = |call: &str| {
        let exports: String = ["describe", "init", "configure", "migrate", "begin-block", "end-block"]
            .map(|n| lift(n, "(result u32)"))
            .concat();
        format!(
            r#"(component (core module $c (func (export "f") (result i32) i32.const 0)) (core instance $m (instantiate $c)) {exports} {call})"#
        )
    };
    let wrong = rejection(wat::parse_str(all(&lift("call", "(result u32)"))).unwrap());
    assert!(
        matches!(&wrong, Rejection::WrongWorld(text) if text.contains("export 'describe' has another type")),
        "{wrong}"
    );
    let missing = rejection(wat::parse_str(all("")).unwrap());
    assert_eq!(missing, Rejection::WrongWorld("export 'call' is missing".into()));
}

#[test]
fn imports_must_be_of_the_world() {
    let foreign = |import: &str| {
        let exports = ["describe", "init", "configure", "migrate", "call", "begin-block", "end-block"]
            .map(|n| format!(r#"(func (export "{n}") (result u32) (canon lift (core func $m "f")))"#))
            .concat();
        let text = format!(
            r#"(component {import} (core module $c (func (export "f") (result i32) i32.const 0)) (core instance $m (instantiate $c)) {exports})"#
        );
        rejection(wat::parse_str(text).unwrap())
    };
    for name in ["wasi:clocks/wall-clock@0.2.0", "caldera:engine/state@0.1.1", "caldera:engine/vault@0.1.0"] {
        let rejected = foreign(&format!(r#"(import "{name}" (instance (export "now" (func (result u64)))))"#));
        assert_eq!(rejected, Rejection::WrongWorld(format!("import '{name}' is not part of it")));
    }
}

#[test]
fn static_limits_are_named() {
    check_limit(Guest { memory: "513".into(), ..Guest::default() }, "initial memory pages");
    check_limit(Guest { memory: "65".into(), ..Guest::default() }, "initial memory pages");
    let extra = |extra: String| Guest { extra, ..Guest::default() };
    check_limit(extra("(table 10001 funcref)".into()), "entries of a table");
    check_limit(extra("(table 1 funcref)".repeat(5)), "tables");
    check_limit(extra("(func)".repeat(20_001)), "functions");
    check_limit(extra("(global i32 (i32.const 0))".repeat(1_001)), "globals");
    check_limit(extra(format!("(func (param {}))", "i32 ".repeat(101))), "parameters of a function");
    check_limit(extra(format!("(func (local {}))", "i32 ".repeat(1_001))), "locals of a function");
    check_limit(extra(format!("(func {})", "(drop (i32.const 1000))".repeat(80_000))), "bytes of a function");
    for open in ["block", "loop", "i32.const 1 if"] {
        let nested = |levels| extra(format!("(func {} {})", format!("{open} ").repeat(levels), "end ".repeat(levels)));
        check_limit(nested(1_001), "nested blocks of a function");
        support::stage(nested(1_000).bytes()).unwrap();
    }
    let wide = |blocks| format!("(func (local {}) {})", "i32 ".repeat(999), "block end ".repeat(blocks));
    check_limit(extra(wide(4_001).repeat(4)), "blocks times locals and nesting");
    support::stage(extra(wide(4_000).repeat(4)).bytes()).unwrap();
    let blob = "x".repeat(2 * 1024 * 1024);
    let large = extra(format!("(data \"{blob}\")")).bytes();
    assert!(Component::new(large).is_err());
}

#[test]
fn features_that_engines_do_not_have_do_not_compile() {
    for extra in [
        "(memory $m64 i64 1)",
        "(func (result v128) (v128.const i32x4 0 0 0 0))",
        "(tag $t)",
        "(type $s (struct (field i32)))",
        "(func $t (return_call $t))",
        "(memory $shared 1 2 shared)",
    ] {
        let guest = Guest { extra: extra.into(), ..Guest::default() };
        // wit-component passes what it does not know; some features already stop there.
        let bytes = std::panic::catch_unwind(|| guest.bytes());
        if let Ok(bytes) = bytes {
            assert!(matches!(rejection(bytes), Rejection::Compile(_) | Rejection::NotAComponent(_)), "{extra}");
        }
    }
}

#[test]
fn describe_is_bounded_and_judged() {
    let says =
        |describe: String| rejection(Guest { imports: ALL_IMPORTS.into(), describe, ..Guest::default() }.bytes());
    assert_eq!(says("(loop $l (br $l)) (unreachable)".into()), Rejection::Describe(Fault::OutOfFuel));
    assert_eq!(says("(unreachable)".into()), Rejection::Describe(Fault::Unreachable));
    let writes = "(call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)) (unreachable)";
    assert_eq!(says(writes.into()), Rejection::Describe(Fault::StaticWrite));
    assert!(matches!(says(describe(1024, 0, 1029, 5)), Rejection::BadDescription { field: "name", .. }));
    assert!(matches!(says(describe(1024, 5, 0, 4)), Rejection::BadDescription { field: "version", .. }));
    assert!(matches!(says(describe(1024, 65, 1029, 5)), Rejection::Limit { .. }));
    assert_eq!(says(describe(1024, 131_072, 1029, 5)), Rejection::Describe(Fault::BadAbi));
    let far = Guest { memory: "5".into(), describe: describe(1024, 5, 1029, 300_000), ..Guest::default() };
    assert_eq!(rejection(far.bytes()), Rejection::Describe(Fault::OutputTooLong));
}

#[test]
fn the_texts_of_rejections_are_the_same_in_another_process_like_set_up() {
    let bytes = encode(&Guest { describe: "(unreachable)".into(), ..Guest::default() }.text());
    let other = Engines::new(EngineOptions { instances: 8 }).unwrap();
    let there = other.stage(&Component::new(bytes.clone()).unwrap(), Grants::ALL, &EngineLimits::recommended());
    assert_eq!(support::stage(bytes).unwrap_err(), there.unwrap_err());
}
