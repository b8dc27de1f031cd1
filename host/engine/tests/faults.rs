//! Every way in which a guest can fail has a name, takes all the gas, and leaves the engines usable.

mod support;

use caldera_engine::{EngineError, EngineResult, Export, HostError};
use caldera_types::{EngineLimits, Fault, limits};
use support::{GAS, Rig, guest::Guest, host::MapHost};

/// The guest's `call` must fault by this name and take all the gas; the engines still run another guest after it.
#[track_caller]
fn check(guest: Guest, fault: Fault) {
    check_rig(&Rig::new(guest), fault);
}

#[track_caller]
fn check_rig(rig: &Rig, fault: Fault) {
    let outcome = rig.call(&mut MapHost::default(), b"input", GAS);
    assert_eq!(outcome.result, EngineResult::Fault(fault));
    assert_eq!(outcome.gas_used, GAS);
    let sound = Guest::default().component();
    rig.engines.stage(&sound, caldera_types::Grants::ALL, &EngineLimits::recommended()).expect("the guest is accepted");
    let mut unit = rig.unit(Export::Call { env: support::env(), input: b"again" });
    unit.digest = sound.digest();
    unit.limits = EngineLimits::recommended();
    let after = rig.engines.call(unit, &mut MapHost::default(), GAS).expect("this node does not fail");
    assert_eq!(after.result, EngineResult::Return(b"again".to_vec()));
}

#[track_caller]
fn check_body(body: &str, fault: Fault) {
    check(Guest::calling(body), fault);
}

#[test]
fn loops_run_out_of_fuel() {
    check_body("(loop $l (br $l)) (unreachable)", Fault::OutOfFuel);
    check_body(
        "(loop $l (call $get (i32.const 0) (i32.const 1) (i32.const 64)) (br $l)) (unreachable)",
        Fault::OutOfFuel,
    );
    check_body(
        "(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 131072)) (br $l)) (unreachable)",
        Fault::OutOfFuel,
    );
}

#[test]
fn traps_have_names() {
    check_body("(unreachable)", Fault::Unreachable);
    check_body("(i32.load (i32.const -8))", Fault::MemoryOutOfBounds);
    check_body(
        "(memory.fill (i32.const 65536) (i32.const 0) (i32.const 65537)) (i32.const 0)",
        Fault::MemoryOutOfBounds,
    );
    check_body("(i32.div_u (i32.const 1) (i32.const 0))", Fault::Arithmetic);
    check_body("(i32.div_s (i32.const 0x80000000) (i32.const -1))", Fault::Arithmetic);
    check_body("(i32.trunc_f64_u (f64.const nan))", Fault::Arithmetic);
}

#[test]
fn tables_have_a_name() {
    let table = |body: &str| Guest {
        extra: "(table 3 funcref) (type $f (func (result i32))) (func $g) (elem (i32.const 0) $g)".into(),
        ..Guest::calling(body)
    };
    check(table("(call_indirect (type $f) (i32.const 3))"), Fault::Table);
    check(table("(call_indirect (type $f) (i32.const 1))"), Fault::Table);
    check(table("(call_indirect (type $f) (i32.const 0))"), Fault::Table);
    check(table("(table.grow (ref.null func) (i32.const 1000000))"), Fault::Table);
    check(table("(loop $l (drop (table.grow (ref.null func) (i32.const 100))) (br $l)) (unreachable)"), Fault::Table);
}

#[test]
fn deep_recursion_overflows() {
    let deep = Guest {
        extra: "(func $deep (param i64) (result i64) (i64.add (local.get 0) (call $deep (i64.add (local.get 0) (i64.const 1)))))".into(),
        ..Guest::calling("(drop (call $deep (i64.const 0))) (i32.const 0)")
    };
    check(deep, Fault::StackOverflow);
}

#[test]
fn memory_bombs_hit_the_mounts_limit() {
    let grow = "(loop $l (drop (memory.grow (i32.const 1))) (br $l)) (unreachable)";
    check_body(grow, Fault::MemoryLimit);
    check_body("(drop (memory.grow (i32.const 63))) (i32.const 0)", Fault::MemoryLimit);
    check_body("(drop (memory.grow (i32.const 65535))) (i32.const 0)", Fault::MemoryLimit);
    check_body("(drop (memory.grow (i32.const -1))) (i32.const 0)", Fault::MemoryLimit);
    let mut rig = Rig::new(Guest::default());
    rig.unit_limits.memory_pages = 1;
    check_rig(&rig, Fault::MemoryLimit);
}

#[test]
fn growth_within_the_limit_works_and_is_paid() {
    let rig = Rig::new(Guest::calling("(drop (memory.grow (i32.const 62))) (call $ok (i32.const 0) (i32.const 0))"));
    let outcome = rig.call(&mut MapHost::default(), b"", GAS);
    assert_eq!(outcome.result, EngineResult::Return(vec![]));
    assert_eq!(outcome.memory_peak_bytes, 64 * 65536);
    assert!(outcome.gas_used >= 62 * caldera_types::metering::GROW_PAGE_GAS);
    // What growing owes is due at the end of a call that has no other host call.
    let short = rig.call(&mut MapHost::default(), b"", outcome.gas_used - 1);
    assert_eq!(short.result, EngineResult::Fault(Fault::OutOfFuel));
    let exact = rig.call(&mut MapHost::default(), b"", outcome.gas_used);
    assert_eq!(exact, outcome);
}

#[test]
fn growth_over_the_guests_own_maximum_is_minus_one() {
    let body = "(if (i32.ne (memory.grow (i32.const 2)) (i32.const -1)) (then unreachable)) (call $ok (i32.const 0) (i32.const 0))";
    let rig = Rig::new(Guest { memory: "2 3".into(), ..Guest::calling(body) });
    assert_eq!(rig.call(&mut MapHost::default(), b"", GAS).result, EngineResult::Return(vec![]));
}

#[test]
fn bad_pointers_break_the_abi() {
    check_body("(call $ok (i32.const -4) (i32.const 8))", Fault::BadAbi);
    check_body("(i32.const 131070)", Fault::BadAbi);
    check_body("(i32.store8 (i32.const 16) (i32.const 9)) (i32.const 16)", Fault::BadAbi);
    check_body("(call $get (i32.const 131071) (i32.const 2) (i32.const 64)) (i32.const 0)", Fault::BadAbi);
    let not_utf8 = "(i32.store (i32.const 2048) (i32.const -1)) (call $log (i32.const 0) (i32.const 2048) (i32.const 4)) (i32.const 0)";
    check_body(not_utf8, Fault::BadAbi);
}

#[test]
fn lengths_are_judged_by_name() {
    check_body("(call $get (i32.const 0) (i32.const 257) (i32.const 64)) (i32.const 0)", Fault::KeyTooLong);
    check_body("(call $get (i32.const 0) (i32.const 131072) (i32.const 64)) (i32.const 0)", Fault::KeyTooLong);
    check_body(
        "(call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 24577)) (i32.const 0)",
        Fault::ValueTooLong,
    );
    check_body("(call $remove (i32.const 0) (i32.const 257)) (i32.const 0)", Fault::KeyTooLong);
    check_body(
        "(call $emit (i32.const 512) (i32.const 5) (i32.const 0) (i32.const 0)) (i32.const 0)",
        Fault::TooManyTopics,
    );
    check_body(
        "(call $emit (i32.const 512) (i32.const 0) (i32.const 0) (i32.const 65537)) (i32.const 0)",
        Fault::LogTooLong,
    );
    let long = "(call $evm_call (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1048577) (i64.const 9) (i32.const 64)) (i32.const 0)";
    check(Guest { memory: "20".into(), ..Guest::calling(long) }, Fault::BadLength);
    check_body(
        "(call $recover (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 64)) (i32.const 0)",
        Fault::BadLength,
    );
    check_body(
        "(call $ed25519 (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 63))",
        Fault::BadLength,
    );
}

#[test]
fn a_mount_may_allow_shorter_values() {
    let mut rig =
        Rig::new(Guest::calling("(call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 33)) (i32.const 0)"));
    rig.unit_limits.value_bytes = 32;
    check_rig(&rig, Fault::ValueTooLong);
}

#[test]
fn long_output_has_a_name() {
    let pages = limits::MAX_OUTPUT_BYTES / 65536 + 1;
    // Far too long is not even copied.
    let far = Guest { memory: "64".into(), ..Guest::calling("(call $ok (i32.const 0) (i32.const 4194304))") };
    check(far, Fault::OutputTooLong);
    for (call, most) in [("$ok", true), ("$err", true), ("$ok", false)] {
        let len = limits::MAX_OUTPUT_BYTES + usize::from(most);
        let guest = Guest {
            memory: pages.to_string(),
            ..Guest::calling(&format!("(call {call} (i32.const 0) (i32.const {len}))"))
        };
        let rig = Rig::new(guest);
        if most {
            check_rig(&rig, Fault::OutputTooLong);
        } else {
            let outcome = rig.call(&mut MapHost::default(), b"", GAS);
            assert!(matches!(outcome.result, EngineResult::Return(data) if data.len() == len));
        }
    }
}

#[test]
fn a_long_cursor_has_a_name() {
    for (len, fault) in [(1024, false), (1025, true), (3_000_000, true)] {
        let migrate = format!("(call $more (i32.const 0) (i32.const {len}) (i64.const 1) (i64.const 2))");
        let rig = Rig::new(Guest { memory: "64".into(), migrate, ..Guest::default() });
        let export = Export::Migrate { from: 1, to: 2, cursor: b"" };
        let outcome = rig.engines.call(rig.unit(export), &mut MapHost::default(), GAS).unwrap();
        match outcome.result {
            EngineResult::More(progress) => assert!(!fault && progress.cursor.len() == len),
            result => assert!(fault && result == EngineResult::Fault(Fault::OutputTooLong), "{len}: {result:?}"),
        }
    }
}

#[test]
fn a_migration_writes_its_own_state_and_only_asks_others() {
    let done = "(i32.store8 (i32.const 16) (i32.const 0)) (i32.store8 (i32.const 24) (i32.const 0)) (i32.const 16)";
    let run = |body: &str| {
        let rig = Rig::new(Guest { migrate: format!("{body} {done}"), ..Guest::calling("(i32.const 0)") });
        let answer = |call: caldera_engine::Subcall<'_>, _: &mut _| {
            assert!(call.is_static, "a call out of a migration is static");
            Ok(caldera_engine::SubcallResult::Return(Default::default()))
        };
        let mut host = MapHost { answer: Some(Box::new(answer)), ..MapHost::default() };
        let export = Export::Migrate { from: 1, to: 2, cursor: b"" };
        (rig.engines.call(rig.unit(export), &mut host, GAS).unwrap().result, host)
    };
    let set = "(call $set (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 5))
        (call $emit (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 5))";
    let (result, host) = run(set);
    assert_eq!((result, host.state.len(), host.logs.len()), (EngineResult::Return(vec![]), 1, 1));
    let call =
        "(call $evm_call (i32.const 0) (i32.const 600) (i32.const 0) (i32.const 0) (i64.const 9) (i32.const 64))";
    assert_eq!(run(call).0, EngineResult::Return(vec![]));
    let pay = format!("(i32.store8 (i32.const 600) (i32.const 1)) {call}");
    assert_eq!(run(&pay).0, EngineResult::Fault(Fault::StaticWrite));
}

#[test]
fn static_calls_do_not_write() {
    let set = "(call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)) (i32.const 0)";
    let remove = "(call $remove (i32.const 0) (i32.const 1)) (i32.const 0)";
    let emit = "(call $emit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 0)";
    let pay = "(i32.store8 (i32.const 600) (i32.const 1))
        (call $evm_call (i32.const 0) (i32.const 600) (i32.const 0) (i32.const 0) (i64.const 9) (i32.const 64)) (i32.const 0)";
    for body in [set, remove, emit, pay] {
        let mut rig = Rig::new(Guest::calling(body));
        rig.is_static = true;
        check_rig(&rig, Fault::StaticWrite);
    }
}

#[test]
fn the_ports_faults_halt_and_its_own_failures_stop_the_node() {
    let rig = Rig::new(Guest::calling("(call $get (i32.const 0) (i32.const 1) (i32.const 64)) (i32.const 0)"));
    let mut host = MapHost { fails: Some(HostError::Fault(Fault::TooDeep)), ..MapHost::default() };
    assert_eq!(rig.call(&mut host, b"", GAS).result, EngineResult::Fault(Fault::TooDeep));
    host.fails = Some(HostError::Fatal("the disk is gone".into()));
    assert_eq!(rig.try_call(&mut host, b"", GAS), Err(EngineError::Node("the disk is gone".into())));
}

#[test]
fn a_component_that_was_not_staged_is_this_nodes_fault() {
    let rig = Rig::new(Guest::default());
    let mut unit = rig.unit(Export::Call { env: support::env(), input: b"" });
    unit.grants = caldera_types::Grants::NONE;
    let missing = rig.engines.call(unit, &mut MapHost::default(), GAS);
    assert!(matches!(missing, Err(EngineError::Missing { .. })));
}

#[test]
fn a_start_function_is_metered() {
    let mut rig = Rig::new(Guest::default());
    let loops = Guest {
        start: "(func $start (if (i32.load (i32.const 2048)) (then)) (loop $l (br $l))) (start $start)".into(),
        ..Guest::default()
    };
    // Staging runs it too, so the component never becomes ready.
    rig.component = loops.component();
    let staged = rig.engines.stage(&rig.component, caldera_types::Grants::ALL, &EngineLimits::recommended());
    assert_eq!(staged.unwrap_err().to_string(), "describe faulted: out-of-fuel");
}
