//! The registry and the swap: staging, arming, activation, hooks, and everything that can be refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use alloy_primitives::{Address, B256, Bytes, TxKind};
use alloy_sol_types::{SolCall, SolError};
use caldera_execution::{BlockOutcome, SimulationResult, registry, registry::abi::IEngineRegistry as abi};
use caldera_testkit::{PROBE, component};
use caldera_types::{Component, EngineLimits, ProbationRule, TxReceipt, limits};
use probe_engine::IProbe;
use support::{STAGE_GAS, World, stage_call, system_logs, user_receipt};

/// Sends a stage transaction with the component beside it.
fn stage(world: &mut World, from: u8, call: &abi::stageCall, sidecar: &[Component]) -> (TxReceipt, BlockOutcome) {
    let tx = world.tx(from, TxKind::Call(registry::ADDRESS), 0, STAGE_GAS, call.abi_encode());
    let outcome = world.block(&[tx], sidecar);
    (user_receipt(&outcome), outcome)
}

fn arm(world: &World, mount: Address, digest: B256, ahead: u64) -> abi::armCall {
    // The arm transaction itself is in the next block.
    abi::armCall {
        mount,
        digest,
        height: world.env.number + 1 + ahead,
        config: Bytes::new(),
        probation: ProbationRule::NONE.into(),
    }
}

fn generation(world: &World) -> u32 {
    let simulation = world.ask(PROBE, &IProbe::generationCall {}).unwrap();
    let SimulationResult::Return(data) = simulation.result else { panic!("{simulation:?}") };
    IProbe::generationCall::abi_decode_returns(&data).unwrap()
}

fn refused<E: SolError>(world: &mut World, from: u8, call: &impl SolCall) -> E {
    let request = caldera_execution::SimulationRequest {
        from: caldera_testkit::account(from).address(),
        to: TxKind::Call(registry::ADDRESS),
        gas: Some(STAGE_GAS),
        input: call.abi_encode().into(),
        ..Default::default()
    };
    let result = caldera_execution::simulate(world.ground(), &world.env, &request).unwrap().result;
    let SimulationResult::Revert(data) = result else { panic!("{result:?}") };
    assert!(!world.send_with_gas(from, registry::ADDRESS, call, STAGE_GAS).succeeded());
    E::abi_decode(&data).unwrap()
}

/// Stages version 2 and arms it two blocks ahead.
fn armed(world: &mut World) -> Component {
    let next = component("probe-v2");
    let (receipt, outcome) = stage(world, 0, &stage_call(&next), std::slice::from_ref(&next));
    assert!(receipt.succeeded());
    assert_eq!(outcome.sidecar, std::slice::from_ref(&next), "the component travels with the block");
    let call = arm(world, PROBE, next.digest().0, 2);
    assert!(world.send(0, registry::ADDRESS, &call).succeeded());
    next
}

fn note(world: &mut World, key: &'static str, value: &'static str) {
    let call = IProbe::setCall { key: key.as_bytes().into(), value: value.as_bytes().into() };
    assert!(world.send(1, PROBE, &call).succeeded());
}

#[test]
fn a_staged_component_goes_live_at_its_height() {
    let mut world = World::new(&["probe-v1"]);
    note(&mut world, "kept", "over the swap");
    let next = armed(&mut world);
    let before = world.pass(1);
    assert_eq!((generation(&world), before[0].transactions.len()), (1, 0), "an idle block is empty");
    let at = world.pass(1);
    let activated = &system_logs::<abi::Activated>(&at[0])[0];
    assert_eq!((activated.mount, activated.digest), (PROBE, next.digest().0));
    assert_eq!((activated.generation, activated.fromStateVersion, activated.toStateVersion), (2, 1, 2));
    assert_eq!(generation(&world), 2);
    let mount = &registry::mounts(&world.view).unwrap()[0];
    assert_eq!((mount.digest, mount.state_version, mount.generation), (next.digest(), 2, 2));
    assert_eq!(system_logs::<IProbe::BlockBegan>(&at[0]).len(), 1, "its hooks run from the same block on");
    assert_eq!(registry::armed(&world.view).unwrap(), []);
}

/// Migrations that fail leave the old engine, its state, and a working registry.
fn check_failed_migration(how: &'static str, reason: &str) {
    let mut world = World::new(&["probe-v1"]);
    note(&mut world, "migrate", how);
    let slots = world.view.slots(PROBE).count();
    armed(&mut world);
    let at = world.pass(2).pop().unwrap();
    let failed = &system_logs::<abi::ActivationFailed>(&at)[0];
    assert_eq!((failed.mount, failed.reason.as_str()), (PROBE, reason));
    assert_eq!((generation(&world), world.view.slots(PROBE).count()), (1, slots));
    assert_eq!(registry::mounts(&world.view).unwrap()[0].generation, 1);
    note(&mut world, "migrate", "now it may");
    let again = arm(&world, PROBE, component("probe-v2").digest().0, 1);
    assert!(world.send(0, registry::ADDRESS, &again).succeeded());
    world.pass(1);
    assert_eq!(generation(&world), 2, "the registry still works");
}

#[test]
fn a_failed_migration_changes_nothing() {
    check_failed_migration("refuse", "told to refuse");
    check_failed_migration("trap", "unreachable");
    check_failed_migration("spin", "out-of-fuel");
}

#[test]
fn a_failed_hook_is_undone_and_told() {
    let mut world = World::new(&["probe-v1"]);
    armed(&mut world);
    world.pass(2);
    for (how, reason) in [("refuse", "told to refuse"), ("trap", "unreachable"), ("spin", "out-of-fuel")] {
        note(&mut world, "hook", how);
        let at = world.pass(1).pop().unwrap();
        let failed = &system_logs::<abi::HookFailed>(&at)[0];
        assert_eq!((failed.hook.as_str(), failed.reason.as_str()), ("begin-block", reason));
        assert!(system_logs::<IProbe::BlockBegan>(&at).is_empty(), "its event is undone");
    }
}

#[test]
fn an_engine_comes_to_a_new_address() {
    let mut world = World::new(&[]);
    let probe = component("probe-v1");
    assert!(stage(&mut world, 0, &stage_call(&probe), std::slice::from_ref(&probe)).0.succeeded());
    let call = arm(&world, PROBE, probe.digest().0, 1);
    assert!(world.send(0, registry::ADDRESS, &call).succeeded());
    world.pass(1);
    assert_eq!(generation(&world), 1);
    note(&mut world, "a", "b");
}

#[test]
fn what_the_registry_refuses() {
    let mut world = World::new(&["probe-v1"]);
    let (probe, next) = (component("probe-v1"), component("probe-v2"));
    refused::<abi::NotGovernor>(&mut world, 3, &stage_call(&next));
    let missing: abi::ComponentUnavailable = refused(&mut world, 0, &stage_call(&next));
    assert_eq!(missing.digest, next.digest().0);
    refused::<abi::SizeMismatch>(&mut world, 0, &abi::stageCall { size: 1, ..stage_call(&probe) });
    refused::<abi::UnknownGrants>(&mut world, 0, &abi::stageCall { grants: 0x80, ..stage_call(&probe) });
    let over = EngineLimits { memory_pages: limits::MAX_MEMORY_PAGES + 1, ..EngineLimits::recommended() };
    let high: abi::LimitTooHigh = refused(&mut world, 0, &abi::stageCall { limits: over.into(), ..stage_call(&probe) });
    assert_eq!(high.limit, "memory-pages");
    let denied: abi::ComponentRejected = refused(&mut world, 0, &abi::stageCall { grants: 0, ..stage_call(&probe) });
    assert!(denied.reason.contains("state") || denied.reason.contains("evm"), "{}", denied.reason);
    let unstaged = arm(&world, PROBE, next.digest().0, 5);
    refused::<abi::NotStaged>(&mut world, 0, &unstaged);
    let digest = probe.digest().0;
    let late = abi::armCall { height: 1, ..arm(&world, PROBE, digest, 5) };
    refused::<abi::HeightNotAhead>(&mut world, 0, &late);
    let reserved = arm(&world, registry::ADDRESS, digest, 50);
    refused::<abi::AddressNotFree>(&mut world, 0, &reserved);
    let long = vec![1; limits::MAX_CONFIG_BYTES + 1];
    let config = abi::armCall { config: long.into(), ..arm(&world, PROBE, digest, 50) };
    refused::<abi::BadConfig>(&mut world, 0, &config);
    let same = arm(&world, PROBE, digest, 50);
    refused::<abi::NothingToChange>(&mut world, 0, &same);
    let rule = ProbationRule { blocks: 5, ..ProbationRule::NONE };
    let config = Bytes::from_static(b"new");
    let bad = abi::armCall { config: config.clone(), probation: rule.into(), ..arm(&world, PROBE, digest, 50) };
    refused::<abi::BadProbation>(&mut world, 0, &bad);
    refused::<abi::NotMigrating>(&mut world, 0, &abi::abortCall { mount: PROBE });
    let call = abi::armCall { config, ..arm(&world, PROBE, digest, 90) };
    assert!(world.send(0, registry::ADDRESS, &call).succeeded());
    refused::<abi::AlreadyArmed>(&mut world, 0, &call);
    let taken = abi::armCall { mount: Address::repeat_byte(0x99), ..call };
    refused::<abi::HeightTaken>(&mut world, 0, &taken);
    assert!(world.send(0, registry::ADDRESS, &abi::disarmCall { mount: PROBE }).succeeded());
    refused::<abi::NotArmed>(&mut world, 0, &abi::disarmCall { mount: PROBE });
    refused::<abi::BadCall>(&mut world, 0, &abi::beginBlockCall {});
    refused::<abi::ZeroGovernor>(&mut world, 0, &abi::transferGovernanceCall { to: Address::ZERO });
}

#[test]
fn a_rejected_component_travels_with_its_block() {
    let mut world = World::new(&[]);
    let noise = Component::new(b"\0asm but not really".to_vec()).unwrap();
    let (receipt, outcome) = stage(&mut world, 0, &stage_call(&noise), std::slice::from_ref(&noise));
    assert!(!receipt.succeeded());
    assert_eq!(outcome.sidecar, [noise], "whoever replays must see the same rejection");
}

#[test]
fn governance_is_handed_on() {
    let mut world = World::new(&["probe-v1"]);
    let to = caldera_testkit::account(5).address();
    assert!(world.send(0, registry::ADDRESS, &abi::transferGovernanceCall { to }).succeeded());
    refused::<abi::NotGovernor>(&mut world, 0, &abi::disarmCall { mount: PROBE });
    assert_eq!(registry::governor(&world.view).unwrap(), to);
    refused::<abi::NotArmed>(&mut world, 5, &abi::disarmCall { mount: PROBE });
}
