//! Component bytes: sound components with bytes turned, cut, doubled, or swapped between two of them. What is still
//! accepted is called.

use caldera_engine::{CallOutcome, CallUnit, EngineOptions, EngineResult, Engines, Export, StageError};
use caldera_testkit::component;
use caldera_types::{Component, EngineLimits, Grants};

use crate::{
    guest::Guest,
    seed::{Numbers, fuzz},
    support::{env, host::MapHost},
};

/// Components that one runtime takes before another replaces it: what it compiled stays in it.
const PER_RUNTIME: usize = 500;
/// Gas of a call: little, because many loop.
const GAS: u64 = 200_000;

#[test]
fn component_bytes_of_any_kind_are_judged() {
    let small = [Guest::default().bytes(), Guest::calling("(unreachable)").bytes(), tabled()];
    let large = component("probe-v1").bytes().to_vec();
    let runtime = || Engines::new(EngineOptions { instances: 9 }).unwrap();
    let (mut engines, mut staged) = (runtime(), 0);
    fuzz("component bytes", |numbers| {
        staged += 1;
        if staged % PER_RUNTIME == 0 {
            engines = runtime();
        }
        // A large one that compiles takes a second.
        let base = if numbers.one_in(50) { &large } else { numbers.pick(&small) };
        let other = numbers.pick(&small).clone();
        let bytes = mutated(numbers, base.clone(), &other);
        let Ok(component) = Component::new(bytes) else { return "too large".into() };
        let some = Grants::from_bits(numbers.below(16) as u8).unwrap();
        let grants = if numbers.one_in(10) { some } else { Grants::ALL };
        let stage = |engines: &Engines| engines.stage(&component, grants, &EngineLimits::recommended());
        let first = stage(&engines);
        assert_eq!(first, stage(&engines), "the same bytes get the same answer");
        match first {
            Ok(_) => {
                let outcome = called(&engines, &component, grants);
                assert_eq!(outcome, called(&engines, &component, grants), "the same call gives the same outcome");
                assert!(outcome.gas_used <= GAS);
                match outcome.result {
                    EngineResult::Return(_) => "accepted, returned".into(),
                    EngineResult::Revert(_) => "accepted, reverted".into(),
                    EngineResult::Fault(fault) => format!("accepted, fault {fault}"),
                    EngineResult::More(_) => panic!("a call has no steps"),
                }
            }
            Err(StageError::Rejected(why)) => why.to_string().split([':', ';', '(']).next().unwrap().trim().to_owned(),
            Err(StageError::Node(error)) => panic!("component bytes brought the node down: {error}"),
        }
    });
}

/// What a call comes to.
fn called(engines: &Engines, component: &Component, grants: Grants) -> CallOutcome {
    let (export, limits) = (Export::Call { env: env(), input: b"input" }, EngineLimits::recommended());
    let unit = CallUnit { digest: component.digest(), grants, limits, warm: false, is_static: false, export };
    engines.call(unit, &mut MapHost::default(), GAS).unwrap()
}

/// A guest with tables, segments and globals, so that there is more to damage.
fn tabled() -> Vec<u8> {
    let extra = "(table $t 10 20 funcref) (global $g (mut i64) (i64.const -1)) (type $f (func (result i32)))
        (func $a (result i32) (i32.const 1)) (elem (i32.const 2) $a $a) (data $d \"passive\")";
    let body =
        "(memory.init $d (i32.const 512) (i32.const 0) (i32.const 7)) (drop (call_indirect (type $f) (i32.const 2)))
        (call $ok (i32.const 512) (i32.const 7))";
    Guest { extra: extra.into(), ..Guest::calling(body) }.bytes()
}

fn mutated(numbers: &mut Numbers, mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    for _ in 0..1 + numbers.below(4) {
        let at = numbers.below(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        match numbers.below(8) {
            0 | 1 => bytes[at] = numbers.next() as u8,
            2 | 3 => bytes[at] ^= 1 << numbers.below(8),
            4 => bytes[at] = *numbers.pick(&[0, 1, 0x7f, 0x80, 0xff]),
            5 => drop(bytes.drain(at..(at + 1 + numbers.below(8)).min(bytes.len()))),
            6 => {
                let from = numbers.below(other.len());
                let piece = &other[from..(from + 1 + numbers.below(64)).min(other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            _ => {
                let piece = bytes[at..(at + 1 + numbers.below(200)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
        if bytes.is_empty() {
            return bytes;
        }
    }
    bytes
}
