//! Engines on the EVM: storage, calls, logs, reverts, faults, gas, all through ordinary transactions.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::{SolCall, SolError, SolEvent};
use caldera_execution::{SimulationResult, engine_code, estimate_gas, slot_of};
use caldera_state::StateView;
use caldera_testkit::{PROBE, account, component};
use caldera_types::Fault;
use probe_engine::IProbe;
use support::{GAS, World, input};

const OTHER: Address = Address::repeat_byte(0xe2);

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn set(key: &str, value: &str) -> IProbe::setCall {
    IProbe::setCall { key: bytes(key), value: bytes(value) }
}

fn stored(world: &World, at: Address, key: &str) -> Bytes {
    let simulation = world.ask(at, &IProbe::getCall { key: bytes(key) }).unwrap();
    let SimulationResult::Return(data) = simulation.result else { panic!("{simulation:?}") };
    IProbe::getCall::abi_decode_returns(&data).unwrap()
}

/// What a call of `forward` or `look` told: whether the callee succeeded, and its data.
fn forwarded(world: &World, call: &impl SolCall) -> (bool, Bytes) {
    let simulation = world.ask(PROBE, call).unwrap();
    let SimulationResult::Return(data) = simulation.result else { panic!("{simulation:?}") };
    let told = IProbe::forwardCall::abi_decode_returns(&data).unwrap();
    (told._0, told._1)
}

#[test]
fn writes_lie_under_the_state_root_as_solidity_lays_them() {
    let mut world = World::new(&["probe-v1"]);
    assert!(world.send(1, PROBE, &set("k", "short")).succeeded());
    assert_eq!(stored(&world, PROBE, "k"), bytes("short"));
    let code = world.view.account(PROBE).unwrap().unwrap();
    assert_eq!(world.view.code(code.code_hash).unwrap(), engine_code(component("probe-v1").digest()));
    let written = world.view.slots(PROBE).count();
    assert!(world.send(1, PROBE, &set("k", &"long".repeat(30))).succeeded());
    assert_eq!(world.view.slots(PROBE).count(), written + 4, "120 bytes take four slots more");
    assert!(world.send(1, PROBE, &set("k", "")).succeeded());
    assert_eq!(world.view.slots(PROBE).count(), written - 1);
    assert_eq!(world.slot(PROBE, slot_of(b"absent")), U256::ZERO);
}

#[test]
fn a_typed_error_is_revert_data_and_undoes_writes() {
    let mut world = World::new(&["probe-v1", "probe-v1"]);
    let refuse = input(&IProbe::refuseCall { code: U256::from(42) });
    let call = IProbe::setThenCallCall { key: bytes("k"), value: bytes("v"), to: OTHER, input: refuse };
    let simulation = world.ask(PROBE, &call).unwrap();
    let SimulationResult::Revert(data) = simulation.result else { panic!("{simulation:?}") };
    assert_eq!(IProbe::Refused::abi_decode(&data).unwrap().code, U256::from(42));
    let receipt = world.send(1, PROBE, &call);
    assert!(!receipt.succeeded() && receipt.fault.is_none() && receipt.gas_used < GAS);
    assert_eq!(stored(&world, PROBE, "k"), Bytes::new());
}

#[test]
fn logs_stand_in_the_receipt() {
    let mut world = World::new(&["probe-v1"]);
    let receipt = world.send(1, PROBE, &IProbe::noteCall { topic: U256::from(7), data: bytes("data") });
    let noted = IProbe::Noted::decode_log(&receipt.logs()[0]).unwrap();
    assert_eq!((noted.address, noted.topic, noted.data.data.clone()), (PROBE, U256::from(7), bytes("data")));
}

/// Calls that must halt by this name, taking all their gas, while the chain goes on.
fn check_fault(call: &impl SolCall, expected: Fault) {
    let mut world = World::new(&["probe-v1"]);
    let receipt = world.send_with_gas(1, PROBE, call, 2_000_000);
    assert_eq!((receipt.succeeded(), receipt.fault, receipt.gas_used), (false, Some(expected), 2_000_000));
    assert!(world.send(1, PROBE, &set("after", "alive")).succeeded());
    assert_eq!(stored(&world, PROBE, "after"), bytes("alive"));
}

#[test]
fn faults_halt_by_name() {
    check_fault(&IProbe::spinCall {}, Fault::OutOfFuel);
    check_fault(&IProbe::trapCall {}, Fault::Unreachable);
    // Its frames lie on the shadow stack, which ends where memory begins.
    check_fault(&IProbe::recurseCall {}, Fault::MemoryOutOfBounds);
    check_fault(&IProbe::setCall { key: vec![0; 300].into(), value: bytes("v") }, Fault::KeyTooLong);
    check_fault(&IProbe::setCall { key: bytes("k"), value: vec![1; 25_000].into() }, Fault::ValueTooLong);
}

#[test]
fn memory_ends_at_the_mounts_limit() {
    let mut world = World::new(&["probe-v1"]);
    let receipt = world.send_with_gas(1, PROBE, &IProbe::exhaustCall {}, 16_000_000);
    assert_eq!((receipt.succeeded(), receipt.fault), (false, Some(Fault::MemoryLimit)));
}

#[test]
fn a_write_in_a_static_call_halts() {
    let mut world = World::new(&["probe-v1", "probe-v1"]);
    let look = |to, gas, call: Bytes| IProbe::lookCall { to, input: call, gas };
    let (ok, _) = forwarded(&world, &look(OTHER, 100_000, input(&set("k", "v"))));
    assert!(!ok);
    let (ok, data) = forwarded(&world, &look(OTHER, 100_000, input(&IProbe::echoCall { data: bytes("hi") })));
    assert!(ok, "reading is allowed");
    assert_eq!(IProbe::echoCall::abi_decode_returns(&data).unwrap(), bytes("hi"));
    let receipt = world.send(1, PROBE, &look(OTHER, 100_000, input(&set("k", "v"))));
    assert!(receipt.succeeded(), "the caller survives its callee's fault");
    assert_eq!((receipt.fault, stored(&world, OTHER, "k")), (None, Bytes::new()));
}

#[test]
fn calls_nest_up_to_the_mounts_depth() {
    let world = World::new(&["probe-v1"]);
    let mut call: Bytes = input(&IProbe::echoCall { data: bytes("deep") });
    for _ in 0..4 {
        call = input(&IProbe::forwardCall { to: PROBE, input: call, gas: u64::MAX });
    }
    let simulation = world.ask(PROBE, &IProbe::forwardCall { to: PROBE, input: call.clone(), gas: u64::MAX }).unwrap();
    assert!(matches!(simulation.result, SimulationResult::Return(_)));
    for _ in 0..8 {
        call = input(&IProbe::forwardCall { to: PROBE, input: call, gas: u64::MAX });
    }
    let (ok, data) = forwarded(&world, &IProbe::forwardCall { to: PROBE, input: call, gas: u64::MAX });
    assert!(ok);
    assert!(data.windows(8).any(|window| window == b"too-deep"), "the innermost failure is told outwards");
}

#[test]
fn value_goes_with_a_call_or_the_call_is_refused() {
    let mut world = World::new(&["probe-v1"]);
    let to = Address::repeat_byte(0x77);
    let forward = IProbe::forwardCall { to, input: Bytes::new(), gas: 100_000 };
    let tx = world.tx(1, TxKind::Call(PROBE), 5, GAS, forward.abi_encode());
    assert!(support::user_receipt(&world.block(&[tx], &[])).succeeded());
    assert_eq!(world.view.account(to).unwrap().unwrap().balance, U256::from(5));
    let tx = world.tx(1, TxKind::Call(PROBE), 5, GAS, set("k", "v").abi_encode());
    assert!(!support::user_receipt(&world.block(&[tx], &[])).succeeded(), "set is not payable");
}

/// Init code that deploys `runtime`.
fn deployer(runtime: &[u8]) -> Vec<u8> {
    // PUSH1 len, DUP1, PUSH1 11, PUSH0, CODECOPY, PUSH0, RETURN, padded to 11 bytes by a JUMPDEST.
    let len = u8::try_from(runtime.len()).unwrap();
    [&[0x60, len, 0x80, 0x60, 0x0b, 0x5f, 0x39, 0x5f, 0xf3, 0x5b, 0x5b], runtime].concat()
}

/// A contract that passes its calldata on to `to` by `opcode` (CALL, DELEGATECALL or STATICCALL) and returns one word:
/// whether that worked.
fn relay(to: Address, opcode: u8) -> Vec<u8> {
    let mut code = vec![0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f];
    if opcode == 0xf1 {
        code.push(0x5f);
    }
    code.push(0x73);
    code.extend_from_slice(to.as_slice());
    code.extend_from_slice(&[0x5a, opcode, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]);
    deployer(&code)
}

#[test]
fn contracts_call_engines() {
    let mut world = World::new(&["probe-v1"]);
    for (opcode, writes) in [(0xf1, true), (0xf4, false), (0xfa, false)] {
        let contract = world.deploy(&relay(PROBE, opcode));
        let key = format!("by {opcode:x}");
        assert!(world.send(1, contract, &set(&key, "contract")).succeeded());
        let expected = if writes { bytes("contract") } else { Bytes::new() };
        assert_eq!(stored(&world, PROBE, &key), expected, "opcode {opcode:x}");
        assert_eq!(world.view.slots(contract).count(), 0, "an engine never writes to another account");
    }
}

#[test]
fn an_engine_reaches_itself_through_a_contract() {
    let mut world = World::new(&["probe-v1"]);
    let contract = world.deploy(&relay(PROBE, 0xf1));
    let inner = input(&set("inner", "written"));
    let call = IProbe::setThenCallCall { key: bytes("outer"), value: bytes("written"), to: contract, input: inner };
    assert!(world.send(1, PROBE, &call).succeeded());
    assert_eq!(stored(&world, PROBE, "outer"), bytes("written"));
    assert_eq!(stored(&world, PROBE, "inner"), bytes("written"));
}

#[test]
fn running_out_of_gas_anywhere_leaves_nothing_behind() {
    let mut world = World::new(&["probe-v1"]);
    let contract = world.deploy(&relay(PROBE, 0xf1));
    let inner = input(&IProbe::noteCall { topic: U256::from(1), data: bytes("data") });
    let call = IProbe::setThenCallCall { key: bytes("k"), value: bytes("v"), to: contract, input: inner };
    let before = world.view.slots(PROBE).count();
    let enough = world.ask(PROBE, &call).unwrap().gas_used;
    // The relay swallows its callee's failure, so with enough for the outer call alone it succeeds.
    for gas in (27_000..enough + 20_000).step_by(1_777) {
        let receipt = world.send_with_gas(1, PROBE, &call, gas);
        let written = world.view.slots(PROBE).count() > before;
        assert_eq!(receipt.succeeded(), written, "at {gas} gas");
        if written {
            assert!(world.send(1, PROBE, &set("k", "")).succeeded());
        } else {
            assert_eq!((receipt.logs().len(), receipt.gas_used), (0, gas));
        }
    }
}

#[test]
fn the_estimate_suffices_and_is_tight() {
    let mut world = World::new(&["probe-v1"]);
    let call = set("k", &"v".repeat(100));
    let request = caldera_execution::SimulationRequest {
        from: account(1).address(),
        to: TxKind::Call(PROBE),
        input: input(&call),
        ..Default::default()
    };
    let estimate = estimate_gas(world.ground(), &world.env, &request).unwrap();
    assert!(!world.send_with_gas(1, PROBE, &call, estimate - estimate / 20).succeeded());
    assert!(world.send_with_gas(1, PROBE, &call, estimate).succeeded());
}

#[test]
fn the_same_block_gives_the_same_outcome() {
    let run = || {
        let mut world = World::new(&["probe-v1", "probe-v2"]);
        let txs = vec![
            world.tx(1, TxKind::Call(PROBE), 0, GAS, set("a", "b").abi_encode()),
            world.tx(2, TxKind::Call(PROBE), 0, GAS, IProbe::trapCall {}.abi_encode()),
            world.tx(1, TxKind::Call(OTHER), 0, GAS, set("c", "d").abi_encode()),
        ];
        world.block(&txs, &[])
    };
    assert_eq!(run(), run());
}
