//! What a call gives: arguments in, results out, the port's answers, fuel and gas.

mod support;

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use caldera_engine::{EngineResult, Export, Progress, SubcallResult};
use caldera_types::{BlockSummary, EngineLimits, Fault, Grants, metering};
use support::{GAS, Rig, guest::Guest, host::MapHost};

fn returned(result: EngineResult) -> Vec<u8> {
    match result {
        EngineResult::Return(data) => data,
        other => panic!("expected a return, got {other:?}"),
    }
}

/// Runs a body over an input and gives what it returns.
#[track_caller]
fn run(host: &mut MapHost, body: &str, input: &[u8]) -> Vec<u8> {
    returned(Rig::new(Guest::calling(body)).call(host, input, GAS).result)
}

#[test]
fn arguments_arrive_as_the_contract_says() {
    // The environment is one record; addresses and words lie in it as they are written, a number least limb first.
    let at = |offset: u32, len: u32| {
        format!("(call $ok (i32.add (local.get $args) (i32.const {offset})) (i32.const {len}))")
    };
    let host = &mut MapHost::default();
    assert_eq!(run(host, &at(0, 20), b""), support::env().caller.as_slice());
    assert_eq!(run(host, &at(24, 20), b""), support::env().origin.as_slice());
    assert_eq!(run(host, &at(48, 20), b""), support::env().self_address.as_slice());
    assert_eq!(run(host, &at(72, 32), b""), U256::from(5).to_le_bytes::<32>());
    assert_eq!(run(host, &at(144, 32), b""), support::block().prev_randao.as_slice());
    let scalars = run(host, &at(112, 32), b"");
    let words: Vec<u64> = scalars.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
    assert_eq!(words, [77, 4201, 7, 1_700_000_000]);
    assert_eq!(run(host, "(call $ok (local.get $in) (local.get $len))", b"calldata"), b"calldata");
}

#[test]
fn errors_are_reverts() {
    let rig = Rig::new(Guest {
        init: "(call $err (i32.const 1024) (i32.const 5))".into(),
        configure: "(call $err (local.get $in) (local.get $len))".into(),
        migrate: "(call $fail (i32.const 1024) (local.get $from))".into(),
        ..Guest::calling("(call $err (local.get $in) (local.get $len))")
    });
    let call = rig.call(&mut MapHost::default(), b"data", GAS);
    assert_eq!(call.result, EngineResult::Revert(b"data".to_vec()));
    assert!(call.gas_used < GAS, "a revert keeps the rest of the gas");
    let ends = |export| rig.engines.call(rig.unit(export), &mut MapHost::default(), GAS).unwrap().result;
    assert_eq!(ends(Export::Init { config: b"config" }), EngineResult::Revert(b"guest".to_vec()));
    assert_eq!(ends(Export::Configure { config: b"config" }), EngineResult::Revert(b"config".to_vec()));
    assert_eq!(ends(Export::Migrate { from: 2, to: 3, cursor: b"" }), EngineResult::Revert(b"gu".to_vec()));
    assert_eq!(ends(Export::BeginBlock { env: support::block() }), EngineResult::Return(vec![]));
    let summary = BlockSummary { transactions: 3, gas_used: 9 };
    assert_eq!(ends(Export::EndBlock { env: support::block(), summary }), EngineResult::Return(vec![]));
}

#[test]
fn a_migration_goes_on_from_its_cursor() {
    // Done when there is a cursor; else more, from a cursor of two bytes, with the versions as progress.
    let rig = Rig::new(Guest {
        migrate: "(if (result i32) (local.get $len)
                (then (i32.store8 (i32.const 16) (i32.const 0)) (i32.store8 (i32.const 24) (i32.const 0)) (i32.const 16))
                (else (call $more (i32.const 1024) (i32.const 2)
                    (i64.extend_i32_u (local.get $from)) (i64.extend_i32_u (local.get $to)))))"
            .into(),
        ..Guest::default()
    });
    let step = |cursor| {
        let export = Export::Migrate { from: 2, to: 3, cursor };
        rig.engines.call(rig.unit(export), &mut MapHost::default(), GAS).unwrap()
    };
    let first = step(b"");
    assert_eq!(first.result, EngineResult::More(Progress { cursor: b"gu".to_vec(), done: 2, total: 3 }));
    assert_eq!(step(b"gu").result, EngineResult::Return(vec![]));
}

#[test]
fn messages_of_hooks_must_be_utf8() {
    let rig = Rig::new(Guest {
        begin_block: "(i32.store8 (i32.const 512) (i32.const 0xff)) (call $err (i32.const 512) (i32.const 1))".into(),
        ..Guest::default()
    });
    let outcome =
        rig.engines.call(rig.unit(Export::BeginBlock { env: support::block() }), &mut MapHost::default(), GAS);
    assert_eq!(outcome.unwrap().result, EngineResult::Fault(Fault::BadAbi));
}

#[test]
fn state_is_read_and_written() {
    let host = &mut MapHost::default();
    let set = "(call $set (i32.const 1024) (i32.const 5) (local.get $in) (local.get $len)) (call $ok (i32.const 0) (i32.const 0))";
    let get = "(call $get (i32.const 1024) (i32.const 5) (i32.const 512))
        (if (result i32) (i32.load8_u (i32.const 512))
            (then (call $ok (i32.load (i32.const 516)) (i32.load (i32.const 520))))
            (else (call $err (i32.const 0) (i32.const 0))))";
    let reader = Rig::new(Guest::calling(get));
    assert_eq!(reader.call(host, b"", GAS).result, EngineResult::Revert(vec![]));
    run(host, set, b"value");
    assert_eq!(host.state[b"guest".as_slice()], b"value");
    assert_eq!(reader.call(host, b"", GAS).result, EngineResult::Return(b"value".to_vec()));
    // An empty value removes.
    run(host, set, b"");
    assert!(host.state.is_empty());
}

#[test]
fn logs_balances_and_messages_reach_the_port() {
    let host = &mut MapHost::default();
    let body = "
        (memory.copy (i32.const 512) (local.get $in) (i32.const 32)) (memory.copy (i32.const 544) (local.get $in) (i32.const 32))
        (call $emit (i32.const 512) (i32.const 2) (i32.const 1024) (i32.const 5))
        (call $log (i32.const 2) (i32.const 1024) (i32.const 5))
        (call $log (i32.const 0) (i32.const 1024) (i32.const 2048))
        (call $balance (local.get $in) (i32.const 600))
        (call $ok (i32.const 600) (i32.const 32))";
    let balance = run(host, body, &[7; 32]);
    assert_eq!(U256::from_le_slice(&balance), U256::from(0x0707));
    assert_eq!(host.logs, [(vec![B256::repeat_byte(7); 2], b"guest".to_vec())]);
    assert_eq!(host.messages[0].1, "guest");
    assert_eq!(host.messages[1].1.len(), 1024, "long messages are cut");
}

#[test]
fn sub_calls_give_each_result() {
    let body = "(call $static_call (i32.const 0) (local.get $in) (local.get $len) (i64.const 1000) (i32.const 512))
        (call $ok (i32.const 512) (i32.const 16))";
    // result<list, call-failure>: 0 or 1 at 0; then the list's pointer and length, or the case at 4 and its payload at 8.
    for (answer, expected) in [
        (SubcallResult::Return(b"ab".into()), (0, None)),
        (SubcallResult::Revert(b"ab".into()), (1, Some(0))),
        (SubcallResult::Halt("out-of-gas".into()), (1, Some(1))),
        (SubcallResult::TooDeep, (1, Some(2))),
        (SubcallResult::InsufficientBalance, (1, Some(3))),
    ] {
        let mut host = MapHost {
            answer: Some(Box::new(move |call, gas| {
                assert!(call.is_static && call.value.is_zero() && call.gas == 1000 && call.input == b"question");
                gas.charge(500)?;
                Ok(answer.clone())
            })),
            ..MapHost::default()
        };
        let seen = run(&mut host, body, b"question");
        assert_eq!((seen[0], (seen[0] == 1).then_some(seen[4])), expected);
    }
}

#[test]
fn cryptography_agrees_with_known_vectors() {
    let host = &mut MapHost::default();
    let hash =
        "(call $keccak (local.get $in) (local.get $len) (i32.const 512)) (call $ok (i32.const 512) (i32.const 32))";
    for input in [b"".as_slice(), b"abc", &[9; 1000]] {
        assert_eq!(run(host, hash, input), keccak256(input).as_slice());
    }
    // The example of the EVM's precompile 0x01 (ethereum.org, yellow paper appendix E).
    let recover =
        "(call $recover (local.get $in) (i32.add (local.get $in) (i32.const 32)) (i32.const 65) (i32.const 512))
        (if (result i32) (i32.load8_u (i32.const 512))
            (then (call $ok (i32.const 520) (i32.const 20))) (else (call $ok (i32.const 0) (i32.const 0))))";
    let digest = hex!("456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3");
    let rs = hex!("9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac8038825608" "4f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852ada");
    let signer = hex!("7156526fbd7a3c72969b54f64e42c10fbb768c8a");
    for (v, expected) in [(28, &signer[..]), (1, &signer[..]), (2, &[]), (29, &[])] {
        assert_eq!(run(host, recover, &[&digest[..], &rs, &[v]].concat()), expected, "v = {v}");
    }
    // The same signature with s in the upper half: valid mathematically, refused here.
    let order = U256::from_str_radix("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16).unwrap();
    let high = (order - U256::from_be_slice(&rs[32..])).to_be_bytes::<32>();
    assert_eq!(run(host, recover, &[&digest[..], &rs[..32], &high, &[27]].concat()), [0u8; 0]);
    // RFC 8032, 7.1, test 2.
    let verify = "(i32.store8 (i32.const 600) (call $ed25519 (local.get $in) (i32.add (local.get $in) (i32.const 96)) (i32.const 1)
        (i32.add (local.get $in) (i32.const 32)) (i32.const 64))) (call $ok (i32.const 600) (i32.const 1))";
    let key = hex!("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let signature = hex!(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    );
    assert_eq!(run(host, verify, &[&key[..], &signature, &[0x72]].concat()), [1]);
    assert_eq!(run(host, verify, &[&key[..], &signature, &[0x73]].concat()), [0]);
    // A key of small order verifies anything by the lax rules.
    let mut small = [0u8; 32];
    small[0] = 1;
    let forged = [&small[..], &small, &[0u8; 32], &[0x72]].concat();
    assert_eq!(run(host, verify, &forged), [0]);
}

#[test]
fn a_call_starts_afresh() {
    let body = "(i32.store8 (i32.const 700) (i32.add (i32.load8_u (i32.const 700)) (i32.const 1))) (call $ok (i32.const 700) (i32.const 1))";
    let rig = Rig::new(Guest::calling(body));
    for _ in 0..3 {
        assert_eq!(rig.call(&mut MapHost::default(), b"", GAS).result, EngineResult::Return(vec![1]));
    }
    let mut warm = rig.engines.warm_instance(rig.component.digest(), Grants::ALL, rig.unit_limits).unwrap();
    for count in 1..=3 {
        let export = Export::Call { env: support::env(), input: b"" };
        let outcome = warm.call(export, false, &mut MapHost::default(), GAS).unwrap();
        assert_eq!(outcome.result, EngineResult::Return(vec![count]));
    }
}

/// Small and large memories live in different slots, cleared in different ways: each call finds zeros either way, in what it
/// began with and in what it grew by.
#[test]
fn memory_is_zero_again_whatever_its_size() {
    // Adds up every 8 KiB from 8 KiB on, then writes there; grows by 4 pages and does it again.
    let sweep = "(local.set $i (i32.const 8192))
        (loop $S (local.set $n (i32.add (local.get $n) (i32.load (local.get $i)))) (i32.store (local.get $i) (i32.const 7))
            (local.set $i (i32.add (local.get $i) (i32.const 8192)))
            (br_if $S (i32.lt_u (local.get $i) (i32.mul (memory.size) (i32.const 65536)))))";
    let body = format!(
        "{} (drop (memory.grow (i32.const 4))) (local.set $n (i32.const 0)) {}
         (i32.store (i32.const 700) (local.get $n)) (call $ok (i32.const 700) (i32.const 4))",
        sweep.replace("$S", "$a"),
        sweep.replace("$S", "$b")
    );
    for pages in [1u32, 2, 3, 8, 40] {
        let rig = Rig::new(Guest { memory: pages.to_string(), ..Guest::calling(&body) });
        // In the second sweep only what the first wrote is there.
        let expected = (7 * (pages * 8 - 1)).to_le_bytes();
        for _ in 0..3 {
            let result = rig.call(&mut MapHost::default(), b"", GAS).result;
            assert_eq!(result, EngineResult::Return(expected.to_vec()), "{pages} pages");
        }
    }
}

#[test]
fn a_spent_warm_instance_stays_spent() {
    let body = "(if (local.get $len) (then unreachable)) (call $ok (i32.const 0) (i32.const 0))";
    let rig = Rig::new(Guest::calling(body));
    let mut warm = rig.engines.warm_instance(rig.component.digest(), Grants::ALL, rig.unit_limits).unwrap();
    let mut call = |input| {
        warm.call(Export::Call { env: support::env(), input }, false, &mut MapHost::default(), GAS).unwrap().result
    };
    assert_eq!(call(b""), EngineResult::Return(vec![]));
    assert_eq!(call(b"x"), EngineResult::Fault(Fault::Unreachable));
    assert_eq!(call(b""), EngineResult::Fault(Fault::Trap));
}

#[test]
fn gas_is_exact() {
    let body = "(call $get (i32.const 1024) (i32.const 5) (i32.const 512))
        (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))
        (call $ok (local.get $in) (local.get $len))";
    let rig = Rig::new(Guest::calling(body));
    let enough = rig.call(&mut MapHost::default(), b"input", GAS);
    assert!(matches!(enough.result, EngineResult::Return(_)));
    let instance = rig.engines.instance_gas(rig.component.digest(), false).unwrap();
    assert_eq!(enough.gas_used, instance + metering::gas_of(enough.fuel_used));
    assert!(
        enough.gas_used
            > instance + support::host::GET_GAS + metering::HOST_CALL_GAS + 1000 * 5 / metering::FUEL_PER_GAS
    );
    // The same with exactly this gas; a fault by name with one less, and with less than an instance.
    assert_eq!(rig.call(&mut MapHost::default(), b"input", enough.gas_used), enough);
    for gas in [enough.gas_used - 1, instance + support::host::GET_GAS, instance, instance - 1, 0] {
        let short = rig.call(&mut MapHost::default(), b"input", gas);
        assert_eq!((short.result, short.gas_used), (EngineResult::Fault(Fault::OutOfFuel), gas));
    }
    // The mount's own limit of fuel binds whatever the gas.
    let mut bound = Rig::new(Guest::calling(body));
    bound.unit_limits.fuel_per_call = enough.fuel_used;
    assert_eq!(bound.call(&mut MapHost::default(), b"input", GAS), enough);
    bound.unit_limits.fuel_per_call -= 1;
    let short = bound.call(&mut MapHost::default(), b"input", GAS);
    assert_eq!((short.result, short.gas_used), (EngineResult::Fault(Fault::OutOfFuel), GAS));
}

#[test]
fn bytes_are_charged() {
    let rig = Rig::new(Guest::default());
    let used = |len: usize| rig.call(&mut MapHost::default(), &vec![1; len], GAS).fuel_used;
    // In and out, and no work in between.
    assert_eq!(used(1100) - used(100), 2 * 1000 * metering::HOST_BYTE_FUEL);
}

/// An engine that calls itself through the port, as deep as a chain allows and on the thread that called it.
#[test]
fn calls_nest_on_one_small_thread() {
    let deep =
        "(call $static_call (i32.const 0) (local.get $in) (local.get $len) (i64.const 100000000) (i32.const 512))
        (drop (call $down (i64.const 600)))
        (call $ok (i32.load (i32.const 516)) (i32.load (i32.const 520)))";
    let guest = Guest {
        extra: "(func $down (param i64) (result i64) (if (result i64) (i64.eqz (local.get 0)) (then (i64.const 0))
            (else (i64.add (local.get 0) (call $down (i64.sub (local.get 0) (i64.const 1)))))))"
            .into(),
        ..Guest::calling(deep)
    };
    fn level(rig: std::sync::Arc<Rig>, depth: u8) -> MapHost {
        MapHost {
            answer: Some(Box::new(move |call, gas| {
                if depth == caldera_types::limits::MAX_SUBCALL_DEPTH {
                    return Ok(SubcallResult::Return(format!("{}!", depth).into_bytes().into()));
                }
                let outcome = rig.call(&mut level(rig.clone(), depth + 1), call.input, gas.remaining());
                gas.charge(outcome.gas_used)?;
                Ok(SubcallResult::Return(returned(outcome.result).into()))
            })),
            ..MapHost::default()
        }
    }
    let rig = std::sync::Arc::new(Rig::new(guest));
    // A quarter of a worker's usual stack would not do; half a main thread's does.
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024 + 512 * 1024);
    let done = thread.spawn(move || returned(rig.call(&mut level(rig.clone(), 0), b"", GAS).result)).unwrap();
    assert_eq!(done.join().unwrap(), b"8!");
}

#[test]
fn threads_agree() {
    let rig = Rig::new(Guest::calling(
        "(loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 10000))))
         (call $ok (local.get $in) (local.get $len))",
    ));
    let rig = std::sync::Arc::new(rig);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let rig = rig.clone();
            std::thread::spawn(move || {
                (0..50).map(|_| rig.call(&mut MapHost::default(), b"x", GAS)).collect::<Vec<_>>()
            })
        })
        .collect();
    let outcomes: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn an_export_may_be_called_under_any_limits() {
    let rig = Rig::new(Guest::default());
    let limits = EngineLimits { memory_pages: 2, fuel_per_call: 10_000, value_bytes: 0, subcall_depth: 0 };
    let unit = caldera_engine::CallUnit { limits, ..rig.unit(Export::Init { config: b"" }) };
    assert_eq!(rig.engines.call(unit, &mut MapHost::default(), GAS).unwrap().result, EngineResult::Return(vec![]));
    let _ = Address::ZERO;
}
