//! Engines among contracts: re-entrancy, depth, the registry called by who may not, and governors that go wrong.

use alloy_primitives::{Address, TxKind, U256};
use alloy_sol_types::{SolCall, SolInterface};
use caldera_execution::{
    SimulationResult,
    registry::{self, abi::IEngineRegistry as abi},
};
use caldera_testkit::{account, relay};
use caldera_types::{Grants, ProbationRule, limits::TX_GAS};

use crate::{
    Entry,
    arena::{Arena, GAS, HOSTILE, limits},
    bytes::command,
    calls::fault_of,
    guest::Guest,
    wire::stage_call,
};

const GROUP: &str = "Engines, contracts and the registry";

/// What a guest tells of its sub-call: 0 it returned, 1 reverted, 2 halted, 3 too deep, 4 too little balance. Then data.
const TELL: &str = "(if (result i32) (i32.load8_u (i32.const 64))
    (then (i32.store8 (i32.const 511) (i32.add (i32.load8_u (i32.const 68)) (i32.const 1)))
        (if (result i32) (i32.le_u (i32.load8_u (i32.const 68)) (i32.const 1))
            (then (call $told (i32.load (i32.const 72)) (i32.load (i32.const 76))))
            (else (call $told (i32.const 0) (i32.const 0)))))
    (else (i32.store8 (i32.const 511) (i32.const 0)) (call $told (i32.load (i32.const 68)) (i32.load (i32.const 72)))))";
const TOLD: &str = "(func $told (param i32 i32) (result i32)
    (memory.copy (i32.const 65537) (local.get 0) (local.get 1))
    (i32.store8 (i32.const 65536) (i32.load8_u (i32.const 511)))
    (call $ok (i32.const 65536) (i32.add (local.get 1) (i32.const 1))))";

/// A guest that forwards what follows the first 20 bytes of its input to the address that they are.
fn forwards() -> Guest {
    let body = format!(
        "(call $evm_call (local.get $in) (i32.const 3000) (i32.add (local.get $in) (i32.const 20)) (i32.sub (local.get $len) (i32.const 20)) (i64.const -1) (i32.const 64)) {TELL}"
    );
    Guest { extra: TOLD.into(), memory: "4".into(), ..Guest::calling(&body) }
}

/// A guest that calls `to` with its own input and what it has left.
fn calls(to: Address, before: &str) -> Guest {
    let text = to.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let body = format!(
        "{before} (call $evm_call (i32.const 2048) (i32.const 3000) (local.get $in) (local.get $len) (i64.const -1) (i32.const 64)) {}",
        // The innermost failure is told outwards as it is.
        "(if (result i32) (i32.load8_u (i32.const 64))
            (then (i32.store8 (i32.const 511) (i32.add (i32.load8_u (i32.const 68)) (i32.const 1))) (call $ok (i32.const 511) (i32.const 1)))
            (else (call $ok (i32.load (i32.const 68)) (i32.load (i32.const 72)))))"
    );
    let extra = format!(
        "(data (i32.const 2048) \"{text}\") (func $deep (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0))))"
    );
    Guest { extra, ..Guest::calling(&body) }
}

/// What a sub-call came to, by the byte that the guest tells.
fn told(result: &SimulationResult) -> String {
    let SimulationResult::Return(data) = result else { return format!("{result:?}") };
    match data.first() {
        Some(0) => "none: returned".into(),
        Some(1) => match abi::IEngineRegistryErrors::abi_decode(&data[1..]) {
            Ok(error) => format!("{error:?}").split_once('(').unwrap().0.to_owned(),
            Err(_) => "revert".into(),
        },
        Some(2) => "halt".into(),
        Some(3) => "too-deep".into(),
        Some(4) => "insufficient-balance".into(),
        other => format!("{other:?}"),
    }
}

/// Asks and sends the same.
fn both(arena: &mut Arena, input: &[u8]) -> String {
    let asked = arena.ask(HOSTILE, input, TX_GAS);
    let receipt = arena.call(input, TX_GAS);
    assert!(receipt.succeeded(), "the caller survives what its callee does: {:?}", receipt.fault);
    told(&asked)
}

pub fn entries() -> Vec<Entry> {
    let mut entries = reentrant();
    for (name, call) in [
        ("transferGovernance", abi::transferGovernanceCall { to: HOSTILE }.abi_encode()),
        ("stage", stage_call(&Guest::default().component(), Grants::ALL, limits()).abi_encode()),
        ("arm", arm(HOSTILE).abi_encode()),
        ("disarm", abi::disarmCall { mount: HOSTILE }.abi_encode()),
        ("abort", abi::abortCall { mount: HOSTILE }.abi_encode()),
        ("beginBlock", abi::beginBlockCall {}.abi_encode()),
        ("endBlock", abi::endBlockCall {}.abi_encode()),
    ] {
        entries.push(Entry::new(
            GROUP,
            format!("an engine calls `{name}` of the registry"),
            "NotGovernor",
            move |arena| forward(arena, registry::ADDRESS, &call),
        ));
    }
    entries.push(Entry::new(GROUP, "an engine calls the registry with noise", "BadCall", |arena| {
        forward(arena, registry::ADDRESS, &[0xde, 0xad, 0xbe, 0xef, 1, 2, 3])
    }));
    entries.push(Entry::new(GROUP, "an engine reads the registry", "none: returned", |arena| {
        forward(arena, registry::ADDRESS, &abi::swapsCall {}.abi_encode())
    }));
    entries.push(Entry::new(GROUP, "an engine calls each precompile with noise", "all answered or failed", |arena| {
        let outcomes: Vec<_> =
            (1..=0x12u8).chain([0xff]).map(|n| forward(arena, Address::with_last_byte(n), &[n ^ 0x5a; 213])).collect();
        let known = |outcome: &String| ["none: returned", "revert", "halt"].contains(&outcome.as_str());
        match outcomes.iter().all(known) {
            true => "none: all answered or failed".into(),
            false => format!("{outcomes:?}"),
        }
    }));
    entries.push(Entry::new(GROUP, "an engine sends wei that it does not have", "insufficient-balance", |arena| {
        let body = format!(
            "(i64.store (i32.const 3024) (i64.const -1)) (call $evm_call (i32.const 1024) (i32.const 3000) (i32.const 0) (i32.const 0) (i64.const -1) (i32.const 64)) {TELL}"
        );
        arena.mount(&Guest { extra: TOLD.into(), ..Guest::calling(&body) });
        both(arena, b"")
    }));
    for (opcode, name) in [(0xf4, "DELEGATECALL"), (0xf2, "CALLCODE")] {
        entries.push(Entry::new(GROUP, format!("a contract runs an engine by {name}"), "reverted", move |arena| {
            arena.mount(&Guest::calling("(call $set (i32.const 1024) (i32.const 5) (i32.const 1024) (i32.const 5)) (call $ok (i32.const 0) (i32.const 0))"));
            let contract = arena.deploy(&relay(HOSTILE, opcode));
            fault_of(&arena.call_at(contract, b"input", GAS))
        }));
    }
    entries.extend(governors());
    entries
}

fn forward(arena: &mut Arena, to: Address, call: &[u8]) -> String {
    arena.mount(&forwards());
    both(arena, &[to.as_slice(), call].concat())
}

fn arm(mount: Address) -> abi::armCall {
    let digest = Guest::default().component().digest().0;
    abi::armCall { mount, digest, height: u64::MAX, config: Default::default(), probation: ProbationRule::NONE.into() }
}

fn reentrant() -> Vec<Entry> {
    let stored = |input: &'static str, expects, guest: fn(Address) -> Guest| {
        Entry::new(GROUP, input, expects, move |arena: &mut Arena| {
            let contract = arena.deploy(&relay(HOSTILE, 0xf1));
            arena.mount(&guest(contract));
            let asked = arena.ask(HOSTILE, b"", GAS);
            assert!(arena.call(b"", GAS).succeeded());
            match asked {
                SimulationResult::Return(data) => format!("none: reads {}", String::from_utf8_lossy(&data)),
                other => format!("{other:?}"),
            }
        })
    };
    vec![
        Entry::new(GROUP, "an engine calls itself without end", "too-deep", |arena| {
            arena.mount(&calls(HOSTILE, ""));
            both(arena, b"input")
        }),
        Entry::new(GROUP, "an engine and a contract call each other without end", "too-deep", |arena| {
            let contract = arena.deploy(&relay(HOSTILE, 0xf1));
            arena.mount(&calls(contract, ""));
            both(arena, b"input")
        }),
        Entry::new(GROUP, "the same, with 3,000 frames of its own at each level", "too-deep", |arena| {
            let contract = arena.deploy(&relay(HOSTILE, 0xf1));
            arena.mount(&calls(contract, "(drop (call $deep (i32.const 3000)))"));
            both(arena, b"input")
        }),
        Entry::new(GROUP, "the same, with 60 pages of memory at each level", "too-deep", |arena| {
            let contract = arena.deploy(&relay(HOSTILE, 0xf1));
            arena.mount(&calls(contract, "(drop (memory.grow (i32.const 58))) (memory.fill (i32.const 131072) (i32.const 1) (i32.const 3800000))"));
            both(arena, b"input")
        }),
        stored("an engine is entered again by Solidity and writes", "reads 2", |to| reenters(to, "")),
        stored("the same, and the inner call traps after its write", "reads 1", |to| reenters(to, "(unreachable)")),
        stored("the same, and the inner call runs out of gas", "reads 1", |to| reenters(to, "(loop $l (br $l))")),
        stored("the same by a static call: the inner call may not write", "reads 1", |to| statically(reenters(to, ""))),
        stored("the same, and the inner call traps before it writes", "reads 1", |to| {
            let guest = statically(reenters(to, ""));
            Guest { call: guest.call.replacen("(then", "(then (unreachable)", 1), ..guest }
        }),
    ]
}

/// Writes 1, calls `to`, which is to call back with an input, and gives what it then reads; called back it writes 2.
fn reenters(to: Address, inner: &str) -> Guest {
    let text = to.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let body = format!(
        "(if (local.get $len) (then
            (i32.store8 (i32.const 512) (i32.const 0x32))
            (call $set (i32.const 1024) (i32.const 5) (i32.const 512) (i32.const 1)) {inner}
            (return (call $ok (i32.const 0) (i32.const 0)))))
         (i32.store8 (i32.const 512) (i32.const 0x31))
         (call $set (i32.const 1024) (i32.const 5) (i32.const 512) (i32.const 1))
         (call $evm_call (i32.const 2048) (i32.const 3000) (i32.const 1024) (i32.const 1) (i64.const 100000) (i32.const 64))
         (call $get (i32.const 1024) (i32.const 5) (i32.const 80))
         (call $ok (i32.load (i32.const 84)) (i32.load (i32.const 88)))"
    );
    Guest { extra: format!("(data (i32.const 2048) \"{text}\")"), ..Guest::calling(&body) }
}

/// The same guest, which calls out by `static-call`.
fn statically(guest: Guest) -> Guest {
    let (call, value) = ("(call $evm_call (i32.const 2048) (i32.const 3000)", "(call $static_call (i32.const 2048)");
    assert!(guest.call.contains(call));
    Guest { call: guest.call.replace(call, value), ..guest }
}

/// The chain's governor becomes a contract, then an engine, then a contract that reverts whatever it is asked.
fn governors() -> Vec<Entry> {
    /// A contract that always reverts.
    const REFUSES: [u8; 3] = [0x5f, 0x5f, 0xfd];
    /// Calls `to` with its calldata, then reverts.
    fn calls_and_reverts(to: Address) -> Vec<u8> {
        let mut code = vec![0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f, 0x5f, 0x73];
        code.extend_from_slice(to.as_slice());
        code.extend_from_slice(&[0x5a, 0xf1, 0x5f, 0x5f, 0xfd]);
        code
    }
    let governor = |arena: &Arena| arena.chain().registry().unwrap().governor;
    vec![
        Entry::new(GROUP, "anybody but the governor stages", "NotGovernor", |arena| {
            let call = stage_call(&Guest::default().component(), Grants::ALL, limits()).abi_encode();
            assert!(!arena.call_at(registry::ADDRESS, &call, TX_GAS).succeeded());
            match arena.ask_as(account(5).address(), registry::ADDRESS, &call, TX_GAS) {
                SimulationResult::Revert(data) => {
                    told(&SimulationResult::Return([&[1], data.as_ref()].concat().into()))
                }
                other => format!("{other:?}"),
            }
        }),
        Entry::new(GROUP, "governance is handed to nobody", "ZeroGovernor", |arena| {
            command(arena, &abi::transferGovernanceCall { to: Address::ZERO })
        }),
        Entry::new(GROUP, "wei is sent to the registry", "NotPayable", |arena| {
            let request = caldera_execution::SimulationRequest {
                from: account(0).address(),
                to: TxKind::Call(registry::ADDRESS),
                gas: Some(GAS),
                value: U256::from(1),
                input: abi::governorCall {}.abi_encode().into(),
                ..Default::default()
            };
            let chain = arena.chain();
            match chain.simulate(chain.head().number(), &request).unwrap().result {
                SimulationResult::Revert(data) => {
                    told(&SimulationResult::Return([&[1], data.as_ref()].concat().into()))
                }
                other => format!("{other:?}"),
            }
        }),
        Entry::new(
            GROUP,
            "a governor that is a contract stages, and a caller above it reverts",
            "undone",
            move |arena| {
                let acts = arena.deploy(&relay(registry::ADDRESS, 0xf1));
                assert!(arena.govern(&abi::transferGovernanceCall { to: acts }, GAS, Vec::new()).succeeded());
                let undoes = arena.deploy(&calls_and_reverts(acts));
                let component = Guest::calling("(i32.const 4242)").component();
                let stage = stage_call(&component, Grants::ALL, limits()).abi_encode();
                let (to, sidecar) = (TxKind::Call(undoes), vec![component.clone()]);
                let receipt = arena.send(3, to, TX_GAS, stage.clone().into(), sidecar);
                let staged = arena.chain().registry().unwrap().staged.iter().any(|s| s.digest == component.digest());
                assert!(!receipt.succeeded() && !staged);
                // The engine is its next governor: it may arm in the middle of its own call, and nothing moves in that block.
                arena.govern_through(acts);
                arena.mount(&forwards());
                let hand_over = abi::transferGovernanceCall { to: HOSTILE }.abi_encode();
                assert!(arena.call_at(acts, &hand_over, GAS).succeeded());
                match governor(arena) {
                    HOSTILE => "none: the stage is undone, the chain goes on".into(),
                    other => format!("the governor is {other}"),
                }
            },
        ),
        Entry::new(GROUP, "an engine that governs arms another in its place", "none: succeeded; armed: 1", |arena| {
            let call = abi::armCall { height: arena.chain().head().number() + 1_000, ..arm(HOSTILE) }.abi_encode();
            let said = through_governor(arena, registry::ADDRESS, &call);
            let armed = arena.chain().registry().unwrap().armed.len();
            format!("{said}; armed: {armed}, the old code runs until then")
        }),
        Entry::new(GROUP, "a governor that is a contract and always reverts", "NotGovernor", move |arena| {
            let refuses = arena.deploy(&REFUSES);
            let hand_over = abi::transferGovernanceCall { to: refuses }.abi_encode();
            through_governor(arena, registry::ADDRESS, &hand_over);
            if governor(arena) != refuses {
                return format!("the governor is {}", governor(arena));
            }
            assert!(!arena.call_at(refuses, &hand_over, GAS).succeeded());
            command(arena, &abi::transferGovernanceCall { to: account(0).address() })
        }),
    ]
}

/// Forwards through the guest that is mounted, which governs.
fn through_governor(arena: &mut Arena, to: Address, call: &[u8]) -> String {
    let receipt = arena.call(&[to.as_slice(), call].concat(), TX_GAS);
    fault_of(&receipt)
}
