//! The road of a swap: migrations over several blocks, probation and the way back, configurations, downgrades.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolError, SolEvent};
use caldera_execution::{BlockOutcome, SimulationResult, registry, registry::abi::IEngineRegistry as abi};
use caldera_testkit::{PROBE, component};
use caldera_types::{Fault, LastSwap, Outcome, Phase, ProbationRule};
use probe_engine::IProbe;
use support::{World, stage, system_logs};

/// A quarter of the calls fault; the hook of version 2 is a call of each block.
const RULE: ProbationRule = ProbationRule { blocks: 20, window: 0, min_calls: 4, faults_per_thousand: 250 };

/// A chain with version 1 at work and version 2 staged.
fn world() -> World {
    let mut world = World::new(&["probe-v1"]);
    assert!(stage(&mut world, &component("probe-v2")).succeeded());
    world
}

/// Arms for the block after the next and makes that block.
fn swap(world: &mut World, to: &str, config: &'static [u8], probation: ProbationRule) -> BlockOutcome {
    arm(world, to, config, probation);
    world.pass(1).pop().unwrap()
}

/// Arms for the block after the one that holds the transaction.
fn arm(world: &mut World, to: &str, config: &'static [u8], probation: ProbationRule) {
    let call = arm_call(world, to, config, probation);
    assert!(world.send(0, registry::ADDRESS, &call).succeeded());
}

fn arm_call(world: &World, to: &str, config: &'static [u8], probation: ProbationRule) -> abi::armCall {
    abi::armCall {
        mount: PROBE,
        digest: component(to).digest().0,
        height: world.env.number + 2,
        config: Bytes::from_static(config),
        probation: probation.into(),
    }
}

fn set(world: &mut World, key: &str, value: &str) {
    let call = IProbe::setCall { key: key.as_bytes().to_vec().into(), value: value.as_bytes().to_vec().into() };
    assert!(world.send(1, PROBE, &call).succeeded());
}

fn answer<C: SolCall>(world: &World, call: &C) -> C::Return {
    let result = world.ask(PROBE, call).unwrap().result;
    let SimulationResult::Return(data) = result else { panic!("{result:?}") };
    C::abi_decode_returns(&data).unwrap()
}

fn get(world: &World, key: &str) -> String {
    let value = answer(world, &IProbe::getCall { key: key.as_bytes().to_vec().into() });
    String::from_utf8(value.to_vec()).unwrap()
}

fn generation(world: &World) -> u32 {
    answer(world, &IProbe::generationCall {})
}

fn refusal<E: SolError>(world: &World, call: &impl SolCall) -> E {
    let result = world.ask(PROBE, call).unwrap().result;
    let SimulationResult::Revert(data) = result else { panic!("{result:?}") };
    E::abi_decode(&data).unwrap()
}

fn phase(world: &World) -> Option<Phase> {
    registry::swaps(&world.view).unwrap().pop().map(|swap| swap.phase)
}

fn phase_name(world: &World) -> &'static str {
    phase(world).map_or("active", |phase| phase.name())
}

/// Everything that the engine and the registry hold.
/// Every slot of the engine and of the registry, but for the record of how the last swap ended.
fn storage(world: &World) -> [Vec<(U256, U256)>; 2] {
    let key = [b"last/".as_slice(), PROBE.as_slice(), &[0; 32]].concat();
    let entry: U256 = keccak256(key).into();
    let value: U256 = keccak256(entry.to_be_bytes::<32>()).into();
    let last = [entry, value, value + U256::ONE];
    [PROBE, registry::ADDRESS].map(|address| {
        let slots = world.view.slots(address).filter(|(slot, _)| !last.contains(slot));
        slots.map(|(slot, value)| (*slot, *value)).collect()
    })
}

fn one<E: SolEvent>(outcome: &BlockOutcome) -> E {
    let mut events = system_logs::<E>(outcome);
    assert_eq!(events.len(), 1, "{}", E::SIGNATURE);
    events.remove(0)
}

#[test]
fn a_long_migration_answers_from_the_old_state_until_it_is_done() {
    let mut world = world();
    set(&mut world, "counter", "before");
    set(&mut world, "migrate-steps", "4");
    let began = swap(&mut world, "probe-v2", b"", ProbationRule::NONE);
    let progress = one::<abi::MigrationProgress>(&began);
    assert_eq!((progress.step, progress.done, progress.total), (1, 1, 4));
    for step in 2..=4 {
        assert_eq!(
            (phase_name(&world), generation(&world), get(&world, "counter").as_str()),
            ("migrating", 1, "before")
        );
        let write = IProbe::setCall { key: b"a".into(), value: b"b".into() };
        let busy: abi::EngineMigrating = refusal(&world, &write);
        assert_eq!((busy.mount, busy.total), (PROBE, 4));
        // Each block takes a step; the last lets the write through again.
        assert_eq!(world.send(1, PROBE, &write).succeeded(), step == 4);
    }
    assert_eq!((phase_name(&world), generation(&world), get(&world, "counter").as_str()), ("active", 2, "step 4"));
    assert_eq!(get(&world, "a"), "b");
    let mount = &registry::mounts(&world.view).unwrap()[0];
    assert_eq!((mount.generation, mount.state_version), (2, 2));
    let kept = world.view.slots(registry::ADDRESS).count();
    world.pass(2);
    assert!(world.view.slots(registry::ADDRESS).count() < kept, "old values are dropped");
}

/// How the last swap ended, by the records and by the registry's own answer.
fn check_ended(world: &World, name: &str, outcome: Outcome, height: u64) {
    let digest = component(name).digest();
    let mounts = registry::mounts(&world.view).unwrap();
    let ended = registry::last_swaps(&world.view, &mounts).unwrap();
    assert_eq!(ended.get(&PROBE), Some(&LastSwap { digest, outcome, height }));
    let request = caldera_execution::SimulationRequest {
        to: TxKind::Call(registry::ADDRESS),
        gas: Some(support::GAS),
        input: abi::lastSwapCall { mount: PROBE }.abi_encode().into(),
        ..Default::default()
    };
    let result = caldera_execution::simulate(world.ground(), &world.env, &request).unwrap().result;
    let SimulationResult::Return(data) = result else { panic!("{result:?}") };
    let told = abi::lastSwapCall::abi_decode_returns(&data).unwrap();
    assert_eq!((told.digest, told.outcome.as_str(), told.height), (digest.0, outcome.name(), height));
}

/// A migration that ends without success leaves every slot as it was.
fn check_undone(steps: &str, how: &str, reason: &str, end: impl Fn(&mut World)) {
    let mut world = world();
    set(&mut world, "counter", "before");
    for (key, value) in [("migrate-steps", steps), ("migrate-at", "2"), ("migrate", how)] {
        set(&mut world, key, value);
    }
    let call = arm_call(&world, "probe-v2", b"", ProbationRule::NONE);
    let before = storage(&world);
    assert!(world.send(0, registry::ADDRESS, &call).succeeded());
    world.pass(1);
    assert_eq!(phase_name(&world), "migrating");
    end(&mut world);
    let mut failed = Vec::new();
    for _ in 0..8 {
        failed.extend(world.pass(1).iter().flat_map(system_logs::<abi::ActivationFailed>));
        assert_eq!((generation(&world), get(&world, "counter").as_str()), (1, "before"));
    }
    assert!(failed.iter().all(|failed| failed.reason == reason), "{failed:?}");
    let ended = registry::last_swaps(&world.view, &registry::mounts(&world.view).unwrap()).unwrap();
    assert_eq!(ended[&PROBE].outcome, Outcome::Failed);
    assert_eq!(phase_name(&world), "active");
    assert_eq!(storage(&world), before, "after '{how}'");
    set(&mut world, "migrate", "go on");
    set(&mut world, "migrate-steps", "1");
    swap(&mut world, "probe-v2", b"", ProbationRule::NONE);
    assert_eq!(generation(&world), 2, "the registry still works");
}

#[test]
fn a_long_migration_that_fails_is_undone() {
    check_undone("5", "refuse", "told to refuse", |_| ());
    check_undone("5", "trap", "unreachable", |_| ());
    check_undone("5", "exhaust", "memory-limit", |_| ());
    check_undone("5", "spin", "out-of-fuel", |_| ());
    check_undone("100", "go on", "", |world| {
        world.pass(2);
        assert!(world.send(0, registry::ADDRESS, &abi::abortCall { mount: PROBE }).succeeded());
    });
}

#[test]
fn what_is_undone_may_take_blocks_too() {
    let mut world = world();
    for (key, value) in [("migrate-steps", "9"), ("migrate-writes", "600"), ("migrate-at", "7"), ("migrate", "refuse")]
    {
        set(&mut world, key, value);
    }
    let before = world.view.slots(PROBE).count();
    swap(&mut world, "probe-v2", b"", ProbationRule::NONE);
    world.pass(7);
    assert_eq!(phase_name(&world), "rolling-back");
    assert!(world.view.slots(PROBE).count() > before + 4_000);
    world.pass(1);
    assert_eq!((phase_name(&world), generation(&world)), ("rolling-back", 1), "one block is too short for it");
    world.pass(6);
    assert_eq!((phase_name(&world), generation(&world)), ("active", 1));
    assert_eq!(world.view.slots(PROBE).count(), before);
}

#[test]
fn nothing_else_moves_a_mount_that_migrates() {
    let mut world = world();
    set(&mut world, "migrate-steps", "9");
    swap(&mut world, "probe-v2", b"", ProbationRule::NONE);
    let request = caldera_execution::SimulationRequest {
        from: caldera_testkit::account(0).address(),
        to: TxKind::Call(registry::ADDRESS),
        gas: Some(support::GAS),
        input: arm_call(&world, "probe-v1", b"new", ProbationRule::NONE).abi_encode().into(),
        ..Default::default()
    };
    let result = caldera_execution::simulate(world.ground(), &world.env, &request).unwrap().result;
    let SimulationResult::Revert(data) = result else { panic!("{result:?}") };
    assert_eq!(abi::Busy::abi_decode(&data).unwrap().phase, "migrating");
}

#[test]
fn probation_ends_well() {
    let mut world = world();
    swap(&mut world, "probe-v2", b"", RULE);
    let Some(Phase::Probation(probation)) = phase(&world) else { panic!("{:?}", phase(&world)) };
    assert_eq!((probation.previous.state_version, probation.until), (1, world.env.number + 20));
    world.pass(19);
    assert_eq!(phase_name(&world), "probation");
    let last = world.pass(1).pop().unwrap();
    assert_eq!(one::<abi::Finalized>(&last).generation, 2);
    assert_eq!((phase_name(&world), generation(&world)), ("active", 2));
    check_ended(&world, "probe-v2", Outcome::Final, world.env.number);
}

/// Four bad calls in one block.
fn misbehave(world: &mut World) {
    let trap = IProbe::trapCall {}.abi_encode();
    let txs: Vec<_> = (0..4).map(|_| world.tx(1, TxKind::Call(PROBE), 0, 100_000, trap.clone())).collect();
    let outcome = world.block(&txs, &[]);
    assert_eq!(outcome.receipts.iter().filter(|receipt| receipt.fault == Some(Fault::Unreachable)).count(), 4);
}

#[test]
fn a_bad_generation_goes_back_with_what_was_written() {
    let mut world = world();
    set(&mut world, "old", "kept");
    swap(&mut world, "probe-v2", b"", RULE);
    set(&mut world, "in probation", "kept too");
    misbehave(&mut world);
    assert_eq!(generation(&world), 2, "the rule is looked at before the next block");
    let reverted = one::<abi::Reverted>(&world.pass(1)[0]);
    assert_eq!((reverted.to, reverted.generation), (component("probe-v1").digest().0, 3));
    assert!(reverted.reason.starts_with("4 faults in "), "{}", reverted.reason);
    assert_eq!((phase_name(&world), generation(&world)), ("active", 1));
    check_ended(&world, "probe-v2", Outcome::Reverted, world.env.number);
    assert_eq!((get(&world, "old").as_str(), get(&world, "in probation").as_str()), ("kept", "kept too"));
    assert_eq!(get(&world, "migrated-down-from"), "\0\0\0\u{2}", "the newer code brought the state back");
    assert_eq!(registry::mounts(&world.view).unwrap()[0].state_version, 1);
}

#[test]
fn the_way_back_may_take_blocks_too() {
    let mut world = world();
    swap(&mut world, "probe-v2", b"", RULE);
    set(&mut world, "migrate-steps", "3");
    misbehave(&mut world);
    world.pass(2);
    assert_eq!((phase_name(&world), generation(&world)), ("migrating", 2));
    world.pass(1);
    assert_eq!((phase_name(&world), generation(&world)), ("active", 1));
}

/// Without a way back the mount freezes; the registry works and thaws it.
fn check_frozen(down: &str, at: &str, reason: &str) {
    let mut world = world();
    swap(&mut world, "probe-v2", b"", RULE);
    for (key, value) in [("migrate-steps", "4"), ("migrate-at", at), ("migrate-down", down)] {
        set(&mut world, key, value);
    }
    misbehave(&mut world);
    world.pass(8);
    let Some(Phase::Frozen(freeze)) = phase(&world) else { panic!("{:?}", phase(&world)) };
    assert!(freeze.reason.ends_with(reason), "{}", freeze.reason);
    check_ended(&world, "probe-v2", Outcome::Frozen, freeze.since);
    let frozen: abi::EngineFrozen = refusal(&world, &IProbe::generationCall {});
    assert_eq!(frozen.mount, PROBE);
    swap(&mut world, "probe-v2", b"", ProbationRule::NONE);
    assert_eq!((phase_name(&world), generation(&world)), ("active", 2), "the governor thaws it");
    check_ended(&world, "probe-v2", Outcome::Final, world.env.number);
}

#[test]
fn without_a_way_back_the_mount_freezes() {
    check_frozen("refuse", "0", "told to refuse");
    check_frozen("trap", "0", "unreachable");
    check_frozen("refuse", "2", "told to refuse");
}

#[test]
fn what_a_caller_can_bring_about_does_not_count() {
    let mut world = world();
    swap(&mut world, "probe-v2", b"", RULE);
    for _ in 0..6 {
        assert_eq!(world.send(1, PROBE, &IProbe::spinCall {}).fault, Some(Fault::OutOfFuel));
    }
    world.pass(1);
    let Some(Phase::Probation(probation)) = phase(&world) else { panic!("{:?}", phase(&world)) };
    assert!(probation.calls >= 6);
    assert_eq!(probation.faults, 0);
    set(&mut world, "hook", "spin");
    world.pass(10);
    assert_eq!(generation(&world), 1, "nobody but the engine makes its hook spin");
}

#[test]
fn a_window_forgets() {
    let mut world = world();
    swap(&mut world, "probe-v2", b"", ProbationRule { window: 3, min_calls: 6, ..RULE });
    for _ in 0..4 {
        world.send(1, PROBE, &IProbe::trapCall {});
        world.pass(3);
    }
    assert_eq!((phase_name(&world), generation(&world)), ("probation", 2), "never enough calls in one window");
}

#[test]
fn a_configuration_alone_takes_the_same_road() {
    let mut world = world();
    assert_eq!(get(&world, "config"), "");
    let at = swap(&mut world, "probe-v1", b"first", ProbationRule::NONE);
    assert_eq!(one::<abi::Activated>(&at).generation, 2);
    assert_eq!((get(&world, "config").as_str(), generation(&world)), ("first", 1));
    set(&mut world, "configure", "refuse");
    let at = swap(&mut world, "probe-v1", b"refused", ProbationRule::NONE);
    assert_eq!(one::<abi::ActivationFailed>(&at).reason, "told to refuse");
    assert_eq!(get(&world, "config"), "first");
    assert_eq!(registry::mounts(&world.view).unwrap()[0].config, Bytes::from_static(b"first"));
    set(&mut world, "configure", "take it");
    swap(&mut world, "probe-v1", b"second", RULE);
    misbehave(&mut world);
    world.pass(1);
    assert_eq!(get(&world, "config"), "first", "a bad configuration goes back by the same rule");
}

#[test]
fn a_downgrade_is_the_newer_codes_work() {
    let mut world = world();
    swap(&mut world, "probe-v2", b"", ProbationRule::NONE);
    set(&mut world, "migrate-down", "refuse");
    let at = swap(&mut world, "probe-v1", b"", ProbationRule::NONE);
    assert_eq!(one::<abi::ActivationFailed>(&at).reason, "told to refuse");
    assert_eq!(generation(&world), 2);
    set(&mut world, "migrate-down", "go");
    swap(&mut world, "probe-v1", b"", ProbationRule::NONE);
    assert_eq!((generation(&world), get(&world, "counter").as_str()), (1, "step 1"));
}

#[test]
fn an_update_in_probation_makes_the_one_before_final() {
    let mut world = world();
    swap(&mut world, "probe-v2", b"", RULE);
    let at = swap(&mut world, "probe-v2", b"new", RULE);
    assert_eq!(one::<abi::Finalized>(&at).generation, 2);
    let Some(Phase::Probation(probation)) = phase(&world) else { panic!("{:?}", phase(&world)) };
    assert_eq!(probation.previous.digest, component("probe-v2").digest());
    set(&mut world, "configure", "refuse");
    let at = swap(&mut world, "probe-v2", b"newer", RULE);
    assert_eq!(system_logs::<abi::Finalized>(&at).len(), 0, "what failed makes nothing final");
    assert_eq!(phase_name(&world), "probation");
}

#[test]
fn one_block_runs_the_code_of_one_swap() {
    let mut world = World::new(&["probe-v1", "probe-v1"]);
    let other = Address::repeat_byte(PROBE[0] + 1);
    assert!(stage(&mut world, &component("probe-v2")).succeeded());
    swap(&mut world, "probe-v2", b"", RULE);
    // Due in the block in which PROBE goes back.
    let due = world.env.number + 3;
    let call = abi::armCall { mount: other, height: due, ..arm_call(&world, "probe-v2", b"", ProbationRule::NONE) };
    assert!(world.send(0, registry::ADDRESS, &call).succeeded());
    misbehave(&mut world);
    let [back, after] = world.pass(2).try_into().unwrap();
    assert_eq!(one::<abi::Reverted>(&back).mount, PROBE);
    assert!(system_logs::<abi::Activated>(&back).is_empty());
    assert_eq!(one::<abi::Activated>(&after).mount, other, "it waits for one block");
}

#[test]
fn a_second_node_goes_the_same_way() {
    let mut world = world();
    world.record();
    set(&mut world, "migrate-steps", "3");
    swap(&mut world, "probe-v2", b"", RULE);
    world.pass(3);
    misbehave(&mut world);
    world.pass(6);
    assert_eq!((phase_name(&world), generation(&world)), ("active", 1));
    world.replay_recorded();
}
