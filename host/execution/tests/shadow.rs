//! A candidate in the shadow: what it finds, by name, and that the block does not notice.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::{TxEnvelope, transaction::SignerRecoverable};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_execution::{
    BlockOutcome, Ground, registry,
    shadow::{
        DivergenceKind as Kind, EveryCall, Gate, Plan, Shadow, ShadowLimits, ShadowReport, Skip, execute_shadowed,
    },
};
use caldera_testkit::{PROBE, component, genesis};
use caldera_types::{
    Block, Component, EngineLimits, Fault, Generation, Grants, ProbationRule, SYSTEM_ADDRESS, is_system_transaction,
};
use probe_engine::IProbe;
use proptest::prelude::*;
use support::World;

/// A second probe, which nothing shadows.
const OTHER: Address = Address::repeat_byte(0xe2);

/// A chain whose blocks are executed again with a candidate in the shadow of the engine at [`PROBE`].
struct Shadowed {
    world: World,
    shadow: Shadow,
}

impl Shadowed {
    fn new(candidate: &str) -> Self {
        // Two builds of one source differ in a tenth of the fuel of a small call; what is meant here is twice as much.
        Self::with_limits(candidate, ShadowLimits { fuel_per_thousand: 500, ..ShadowLimits::recommended() })
    }

    fn with_limits(candidate: &str, limits: ShadowLimits) -> Self {
        Self::over("probe-v1", candidate, "", limits)
    }

    fn over(active: &str, candidate: &str, config: &str, limits: ShadowLimits) -> Self {
        Self::among([component(active), component("probe-v1")], component(candidate), config, limits)
    }

    /// With these components at [`PROBE`] and at [`OTHER`].
    fn among(mounted: [Component; 2], component: Component, config: &str, limits: ShadowLimits) -> Self {
        let mut genesis = genesis(&["probe-v1", "probe-v1"]);
        genesis.mounts.iter_mut().zip(mounted).for_each(|(mount, component)| mount.component = component);
        let world = World::from_genesis(&genesis);
        let active = registry::mounts(&world.view).unwrap().into_iter().find(|mount| mount.address == PROBE).unwrap();
        let (grants, engine_limits) = (Grants::ALL, EngineLimits::recommended());
        let described = world.engines.stage(&component, grants, &engine_limits).unwrap();
        let target = Generation {
            digest: component.digest(),
            grants,
            limits: engine_limits,
            state_version: described.state_version,
            hooks: described.hooks,
            config: Bytes::copy_from_slice(config.as_bytes()),
        };
        let plan = Plan { mount: PROBE, component, target };
        Self { shadow: Shadow::new(plan, active, limits), world }
    }

    fn block(&mut self, txs: &[(TxEnvelope, Address)]) -> BlockOutcome {
        self.block_through(txs, Box::new(EveryCall), true).0
    }

    /// Makes a block and executes it again; both must give the same, if it is executed to its end.
    fn block_through(
        &mut self,
        txs: &[(TxEnvelope, Address)],
        gate: Box<dyn Gate + Send>,
        ends: bool,
    ) -> (BlockOutcome, ShadowReport) {
        let before = self.world.view.clone();
        let outcome = self.world.block(txs, &[]);
        let sender = |tx: &TxEnvelope| match is_system_transaction(tx) {
            true => SYSTEM_ADDRESS,
            false => tx.recover_signer().unwrap(),
        };
        let senders: Vec<_> = outcome.transactions.iter().map(sender).collect();
        let block = Block {
            header: Default::default(),
            transactions: outcome.transactions.clone(),
            sidecar: Vec::new(),
            ethereum: None,
        };
        let ground = Ground { view: &before, engines: &self.world.engines, components: &self.world.components };
        if self.shadow.wants_copy() {
            self.shadow.copy_state(ground, &self.world.env, Arc::new(before.clone())).unwrap();
        }
        let again = execute_shadowed(ground, self.world.env, &block, &senders, &mut self.shadow, gate).unwrap();
        assert_eq!(again.is_some(), ends);
        if let Some(again) = again {
            assert_eq!(again, outcome, "a shadow changes nothing");
        }
        (outcome, self.shadow.report().clone())
    }

    fn send(&mut self, to: Address, value: u64, call: Vec<u8>) -> BlockOutcome {
        let tx = self.world.tx(1, TxKind::Call(to), value, support::GAS, call);
        self.block(&[tx])
    }

    /// Kinds that were found, with their numbers.
    fn found(&self) -> BTreeMap<Kind, u64> {
        self.shadow.report().divergences.iter().filter(|(_, count)| **count > 0).map(|(k, n)| (*k, *n)).collect()
    }
}

/// The same engine under another digest.
fn twin(name: &str) -> Component {
    // Behind it an empty custom section called `t`.
    Component::new([component(name).bytes().as_ref(), &[0, 2, 1, b't']].concat()).unwrap()
}

/// Not a unit of fuel is forgiven.
const EXACT: ShadowLimits = ShadowLimits { fuel_per_thousand: 0, ..ShadowLimits::recommended() };

fn set(key: &str, value: &str) -> Vec<u8> {
    let (key, value) = (Bytes::copy_from_slice(key.as_bytes()), Bytes::copy_from_slice(value.as_bytes()));
    IProbe::setCall { key, value }.abi_encode()
}

fn set_then_call(to: Address, input: Vec<u8>) -> Vec<u8> {
    let (key, value) = (Bytes::from_static(b"k"), Bytes::from_static(b"v"));
    IProbe::setThenCallCall { key, value, to, input: input.into() }.abi_encode()
}

fn get(key: &str) -> Vec<u8> {
    IProbe::getCall { key: Bytes::copy_from_slice(key.as_bytes()) }.abi_encode()
}

/// One call that diverges in these ways, and in no other.
fn check(call: impl SolCall, value: u64, kinds: &[Kind], detail: &str) {
    let mut shadowed = Shadowed::new("probe-odd");
    shadowed.send(PROBE, value, call.abi_encode());
    let expected: BTreeMap<_, _> = kinds.iter().map(|kind| (*kind, 1)).collect();
    assert_eq!(shadowed.found(), expected);
    let report = shadowed.shadow.report();
    assert_eq!((report.compared, report.diverging), (1, u64::from(!kinds.is_empty())));
    let Some(kind) = kinds.first() else { return };
    let sample = report.samples.iter().find(|sample| sample.kind == *kind).unwrap();
    assert!(sample.detail.contains(detail), "{}", sample.detail);
    assert_eq!((sample.block, sample.export, sample.depth), (shadowed.world.env.number, "call", 1));
    assert!(sample.transaction.is_some() && sample.caller.is_some());
    assert_eq!(sample.input.as_ref(), &call.abi_encode()[..sample.input_bytes.min(256)]);
}

#[test]
fn each_kind_of_divergence_has_its_name() {
    let data = || Bytes::from_static(b"abc");
    check(IProbe::nothingCall {}, 0, &[], "");
    check(IProbe::spinCall {}, 0, &[], "");
    check(IProbe::blocksCall {}, 0, &[Kind::Result], "active returned, candidate faulted (unreachable)");
    check(IProbe::echoCall { data: data() }, 0, &[Kind::ReturnData], "apart from byte 64 on");
    check(IProbe::refuseCall { code: U256::from(7) }, 0, &[Kind::RevertData], "apart from byte 35 on");
    check(IProbe::trapCall {}, 0, &[Kind::Fault], "active unreachable, candidate memory-out-of-bounds");
    check(IProbe::setCall { key: data(), value: Bytes::from_static(b"odd") }, 0, &[Kind::Storage], "slot 0x");
    check(IProbe::noteCall { topic: U256::ONE, data: data() }, 0, &[Kind::Events], "log 0");
    check(IProbe::computeCall { rounds: 10_000 }, 0, &[Kind::Fuel], "‰");
    let forward = |to| IProbe::forwardCall { to, input: data(), gas: 100_000 };
    check(forward(Address::repeat_byte(0x55)), 0, &[Kind::Subcalls], "sub-call 0: active call of");
    check(forward(Address::repeat_byte(0x55)), 9, &[Kind::Accounts, Kind::Subcalls], "account 0x5555");
}

#[test]
fn an_engine_agrees_with_itself_exactly() {
    let mut shadowed = Shadowed::new("probe-v1");
    for call in [set("a", "b"), set("a", &"long ".repeat(99)), get("a"), set("a", ""), get("a")] {
        shadowed.send(PROBE, 0, call);
    }
    let report = shadowed.shadow.report();
    assert!(report.agrees() && report.compared == 5, "{report:?}");
    assert_eq!(report.fuel.histogram().collect::<Vec<_>>(), [(1000, 5)]);
    let json = serde_json::to_value(report).unwrap();
    assert_eq!(json["divergences"]["return-data"], 0);
    assert_eq!((&json["state"]["mode"], &json["fuel"]["p50"]), (&"live".into(), &1000.into()));
}

/// Instances are cheaper once a component ran in the block. Whether the candidate or the active engine runs at another
/// mount, too, must make no difference between them.
#[test]
fn a_candidate_is_as_warm_as_the_active_engine() {
    let calls = [
        (PROBE, set_then_call(OTHER, get("a"))),
        (OTHER, set_then_call(PROBE, get("a"))),
        (PROBE, set_then_call(OTHER, set_then_call(PROBE, get("a")))),
        (OTHER, get("a")),
        (PROBE, set_then_call(OTHER, get("a"))),
    ];
    for (config, other) in ["", "new"].into_iter().flat_map(|config| {
        [component("probe-v1"), twin("probe-v1"), component("probe-odd")].map(|other| (config, other))
    }) {
        // Each call first in its block, then all in one.
        let mut shadowed = Shadowed::among([component("probe-v1"), other], twin("probe-v1"), config, EXACT);
        let tx = |world: &mut World, (to, call): &(Address, Vec<u8>)| {
            world.tx(1, TxKind::Call(*to), 0, support::GAS, call.clone())
        };
        for call in &calls {
            let one = tx(&mut shadowed.world, call);
            shadowed.block(&[one]);
        }
        let all: Vec<_> = calls.iter().map(|call| tx(&mut shadowed.world, call)).collect();
        shadowed.block(&all);
        let report = shadowed.shadow.report();
        assert!(report.agrees() && report.compared >= 8, "{report:?}");
    }
}

#[test]
fn calls_are_met_at_any_depth() {
    let mut shadowed = Shadowed::new("probe-odd");
    let inner = IProbe::echoCall { data: Bytes::from_static(b"abc") }.abi_encode();
    let outer = IProbe::forwardCall { to: PROBE, input: inner.into(), gas: 1_000_000 };
    shadowed.send(OTHER, 0, outer.abi_encode());
    assert_eq!(shadowed.found(), BTreeMap::from([(Kind::ReturnData, 1)]));
    assert_eq!(shadowed.shadow.report().samples[0].depth, 2);
    // The engine calls itself through another: the call inside is compared, too, but not those of the candidate.
    let again = IProbe::forwardCall { to: OTHER, input: outer.abi_encode().into(), gas: 2_000_000 };
    let look = IProbe::setThenCallCall {
        key: b"k".to_vec().into(),
        value: b"v".to_vec().into(),
        to: OTHER,
        input: again.abi_encode().into(),
    };
    let before = shadowed.shadow.report().compared;
    shadowed.send(PROBE, 0, look.abi_encode());
    assert_eq!(shadowed.shadow.report().compared, before + 2);
}

#[test]
fn samples_are_bounded() {
    let limits = ShadowLimits { samples: 2, sample_bytes: 40, fuel_per_thousand: 1_000 };
    let mut shadowed = Shadowed::with_limits("probe-odd", limits);
    for _ in 0..5 {
        let data = Bytes::from([&[1u8][..], &[0; 500]].concat());
        shadowed.send(PROBE, 0, IProbe::echoCall { data }.abi_encode());
    }
    let report = shadowed.shadow.report();
    assert_eq!((report.divergences[&Kind::ReturnData], report.samples.len()), (5, 2));
    let sample = &report.samples[0];
    assert_eq!((sample.input.len(), sample.active.data.len(), sample.active.result), (40, 40, "return"));
    assert!(sample.input_bytes > 500 && sample.active.data_bytes > 500);
}

/// Leaves every second call out, and stops after some transactions.
struct Sparse {
    call: u32,
    transactions: u32,
}

impl Gate for Sparse {
    fn skips(&mut self) -> Option<Skip> {
        self.call += 1;
        self.call.is_multiple_of(2).then_some(Skip::Sampling)
    }

    fn goes_on(&mut self) -> bool {
        self.transactions = self.transactions.saturating_sub(1);
        self.transactions > 0
    }
}

#[test]
fn what_is_left_out_is_counted() {
    for (candidate, mode_skips, mode_compared) in [("probe-odd", Skip::Sampling, 3), ("probe-v2", Skip::OutOfStep, 2)] {
        let mut shadowed = Shadowed::new(candidate);
        let txs: Vec<_> =
            (0..6).map(|_| shadowed.world.tx(1, TxKind::Call(PROBE), 0, support::GAS, get("k"))).collect();
        let (_, report) = shadowed.block_through(&txs, Box::new(Sparse { call: 0, transactions: 99 }), true);
        assert!(report.skipped[&mode_skips] > 0, "{report:?}");
        assert!(report.compared <= mode_compared, "{report:?}");
        assert_eq!(report.compared + report.skipped.values().sum::<u64>(), 6 + u64::from(candidate == "probe-v2"));
        assert_eq!(report.state.out_of_step, u64::from(candidate == "probe-v2"));
        let txs: Vec<_> =
            (0..6).map(|_| shadowed.world.tx(1, TxKind::Call(PROBE), 0, support::GAS, get("k"))).collect();
        let (_, report) = shadowed.block_through(&txs, Box::new(Sparse { call: 0, transactions: 3 }), false);
        assert_eq!((report.skipped[&Skip::Budget], report.blocks), (4, 1), "{report:?}");
    }
}

#[test]
fn a_migrated_candidate_keeps_its_own_state() {
    let mut shadowed = Shadowed::new("probe-v2");
    shadowed.send(PROBE, 0, set("before", "x"));
    for call in [get("before"), set("k", "v"), get("k"), set("k", ""), get("k"), IProbe::blocksCall {}.abi_encode()] {
        shadowed.send(PROBE, 0, call);
    }
    let report = shadowed.shadow.report();
    assert_eq!((report.state.copies, report.state.out_of_step, report.skipped.len()), (1, 0, 0));
    // Its hook leaves a log in each block, and counts the blocks in its own state.
    assert_eq!(shadowed.found(), BTreeMap::from([(Kind::Events, 7), (Kind::ReturnData, 1)]));
    let hook = report.samples.iter().find(|sample| sample.kind == Kind::Events).unwrap();
    assert_eq!((hook.export, hook.caller, hook.transaction), ("begin-block", None, None));
    let blocks = report.samples.iter().find(|sample| sample.kind == Kind::ReturnData).unwrap();
    assert_eq!(U256::from_be_slice(&blocks.candidate.data), U256::from(7));
}

#[test]
fn a_migration_that_fails_is_a_finding() {
    for (how, why) in [("trap", "unreachable"), ("refuse", "told to refuse"), ("spin", "out-of-fuel")] {
        let mut shadowed = Shadowed::new("probe-v2");
        let tx = shadowed.world.tx(1, TxKind::Call(PROBE), 0, support::GAS, set("migrate", how));
        shadowed.world.block(&[tx], &[]);
        shadowed.send(PROBE, 0, get("migrate"));
        let report = shadowed.shadow.report();
        assert_eq!((report.state.failure.as_deref(), report.compared), (Some(why), 0));
        assert!(!report.agrees() && report.skipped[&Skip::OutOfStep] == 2, "{report:?}");
    }
}

#[test]
fn the_greater_version_migrates_in_as_many_steps_as_it_takes() {
    let note = |key: &str, value: &str| (PROBE, set(key, value));
    for (active, candidate, mark) in
        [("probe-v1", "probe-v2", "migrated-from"), ("probe-v2", "probe-v1", "migrated-down-from")]
    {
        let mut shadowed = Shadowed::over(active, candidate, "", ShadowLimits::recommended());
        for (to, call) in [note("migrate-steps", "3"), note("counter", "untouched")] {
            let tx = shadowed.world.tx(1, TxKind::Call(to), 0, support::GAS, call);
            shadowed.world.block(&[tx], &[]);
        }
        shadowed.send(PROBE, 0, get("migrate-steps"));
        assert_eq!(shadowed.shadow.report().divergences[&Kind::ReturnData], 0);
        shadowed.send(PROBE, 0, get(mark));
        shadowed.send(PROBE, 0, get("counter"));
        let report = shadowed.shadow.report();
        assert_eq!((report.divergences[&Kind::ReturnData], report.state.copies), (2, 1), "{report:?}");
        let counter = report.samples.iter().rfind(|sample| sample.kind == Kind::ReturnData).unwrap();
        assert!(counter.candidate.data.windows(6).any(|bytes| bytes == b"step 3"), "{counter:?}");
    }
}

#[test]
fn a_new_configuration_is_tried_on_a_copy() {
    let mut shadowed = Shadowed::over("probe-v1", "probe-v1", "new", ShadowLimits::recommended());
    for call in [set("a", "b"), get("a"), get("config")] {
        shadowed.send(PROBE, 0, call);
    }
    assert_eq!(shadowed.found(), BTreeMap::from([(Kind::ReturnData, 1)]));
    let mut shadowed = Shadowed::over("probe-v1", "probe-v1", "new", ShadowLimits::recommended());
    let tx = shadowed.world.tx(1, TxKind::Call(PROBE), 0, support::GAS, set("configure", "refuse"));
    shadowed.world.block(&[tx], &[]);
    shadowed.send(PROBE, 0, get("a"));
    assert_eq!(shadowed.shadow.report().state.failure.as_deref(), Some("told to refuse"));
}

#[test]
fn a_missed_block_costs_the_copy() {
    let mut shadowed = Shadowed::new("probe-v2");
    shadowed.send(PROBE, 0, set("k", "1"));
    let tx = shadowed.world.tx(1, TxKind::Call(PROBE), 0, support::GAS, set("k", "2"));
    shadowed.world.block(&[tx], &[]);
    shadowed.shadow.missed_block();
    shadowed.send(PROBE, 0, get("k"));
    let report = shadowed.shadow.report();
    assert_eq!((report.state.copies, report.state.out_of_step, report.divergences[&Kind::ReturnData]), (2, 1, 0));
}

#[test]
fn a_swap_ends_it() {
    use caldera_execution::registry::abi::IEngineRegistry as abi;
    let mut shadowed = Shadowed::new("probe-odd");
    let next = component("probe-v2");
    let world = &mut shadowed.world;
    support::stage(world, &next);
    let (height, probation) = (world.env.number + 3, ProbationRule::NONE.into());
    let arm = abi::armCall { mount: PROBE, digest: next.digest().0, height, config: Bytes::new(), probation };
    assert!(world.send(0, registry::ADDRESS, &arm).succeeded());
    shadowed.send(PROBE, 0, get("k"));
    assert_eq!(shadowed.shadow.replaced_by(), None);
    shadowed.send(PROBE, 0, get("k"));
    assert_eq!(shadowed.shadow.replaced_by(), Some(next.digest()));
}

/// A contract that passes its input on, so often, and then reverts or returns.
fn relay(world: &mut World, times: u8, reverts: bool) -> Address {
    let mut code = vec![0x36, 0x60, 0, 0x60, 0, 0x37];
    for _ in 0..times {
        code.extend([0x60, 0, 0x60, 0, 0x36, 0x60, 0, 0x60, 0, 0x73]);
        code.extend(PROBE.as_slice());
        code.extend([0x5a, 0xf1, 0x50]);
    }
    code.extend([0x60, 0, 0x60, 0, if reverts { 0xfd } else { 0xf3 }]);
    let size = u8::try_from(code.len()).unwrap();
    world.deploy(&[&[0x60, size, 0x60, 12, 0x60, 0, 0x39, 0x60, size, 0x60, 0, 0xf3], code.as_slice()].concat())
}

/// What a transaction of the property test does.
#[derive(Clone, Debug)]
enum Act {
    Set(u8, u8),
    Get(u8),
    Twice(u8, u8),
    Undone(u8, u8),
    UndoneInside(u8, u8),
    SetThenFail(u8, u8),
    Trap,
    Note(u8),
    Pay(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let (key, value) = (0u8..4, 0u8..40);
    prop_oneof![
        (key.clone(), value.clone()).prop_map(|(k, v)| Act::Set(k, v)),
        key.clone().prop_map(Act::Get),
        (key.clone(), value.clone()).prop_map(|(k, v)| Act::Twice(k, v)),
        (key.clone(), value.clone()).prop_map(|(k, v)| Act::Undone(k, v)),
        (key.clone(), value.clone()).prop_map(|(k, v)| Act::UndoneInside(k, v)),
        (key, value.clone()).prop_map(|(k, v)| Act::SetThenFail(k, v)),
        Just(Act::Trap),
        value.clone().prop_map(Act::Note),
        value.prop_map(Act::Pay),
    ]
}

impl Act {
    fn tx(&self, world: &mut World, relays: [Address; 2]) -> (TxEnvelope, Address) {
        let put = |key: u8, value: u8| set(&key.to_string(), &"x".repeat(usize::from(value)));
        let [twice, undone] = relays;
        let (to, value, input) = match *self {
            Self::Set(key, value) => (PROBE, 0, put(key, value)),
            Self::Get(key) => (PROBE, 0, get(&key.to_string())),
            Self::Twice(key, value) => (twice, 0, put(key, value)),
            Self::Undone(key, value) => (undone, 0, put(key, value)),
            Self::UndoneInside(key, value) => {
                let inner = IProbe::forwardCall { to: undone, input: put(key, value).into(), gas: 2_000_000 };
                (OTHER, 0, inner.abi_encode())
            }
            Self::SetThenFail(key, value) => {
                let (key, value) = (key.to_string().into_bytes().into(), vec![1; usize::from(value)].into());
                let input = IProbe::refuseCall { code: U256::ONE }.abi_encode().into();
                (PROBE, 0, IProbe::setThenCallCall { key, value, to: OTHER, input }.abi_encode())
            }
            Self::Trap => (PROBE, 0, IProbe::trapCall {}.abi_encode()),
            Self::Note(topic) => {
                (PROBE, 0, IProbe::noteCall { topic: U256::from(topic), data: Bytes::new() }.abi_encode())
            }
            Self::Pay(wei) => {
                let to = Address::repeat_byte(0x44);
                (PROBE, wei.into(), IProbe::forwardCall { to, input: Bytes::new(), gas: 50_000 }.abi_encode())
            }
        };
        world.tx(1, TxKind::Call(to), value, support::GAS, input)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the transactions do, the block is the same with a shadow as without; an engine agrees with itself; and
    /// one that only lies otherwise in storage answers the same from its own copy, also after calls that were undone.
    #[test]
    fn blocks_do_not_notice(blocks in prop::collection::vec(prop::collection::vec(act(), 0..6), 1..4)) {
        let recommended = ShadowLimits::recommended();
        for (name, candidate, config, limits) in [
            ("twin", twin("probe-v1"), "", EXACT),
            ("twin", twin("probe-v1"), "new", EXACT),
            ("odd", component("probe-odd"), "", recommended),
            ("next", component("probe-v2"), "", recommended),
        ] {
            let mut shadowed = Shadowed::among([component("probe-v1"), component("probe-v1")], candidate, config, limits);
            let relays = [relay(&mut shadowed.world, 2, false), relay(&mut shadowed.world, 1, true)];
            for acts in &blocks {
                let txs: Vec<_> = acts.iter().map(|act| act.tx(&mut shadowed.world, relays)).collect();
                shadowed.block(&txs);
            }
            let found = shadowed.found();
            match name {
                "twin" => prop_assert!(found.is_empty(), "{:?}", shadowed.shadow.report()),
                // Its hook leaves a log; everything else is as in version 1.
                "next" => prop_assert!(found.keys().all(|kind| *kind == Kind::Events), "{:?}", shadowed.shadow.report()),
                _ => {}
            }
            prop_assert_eq!(shadowed.shadow.report().blocks, blocks.len() as u64);
        }
    }
}

#[test]
fn a_candidate_without_what_it_imports_is_the_nodes_trouble() {
    let mut shadowed = Shadowed::new("probe-v1");
    // Nobody staged it under these grants, and the component does not link under them.
    let mut plan = shadowed.shadow.plan().clone();
    plan.target.grants = Grants::NONE;
    let active = registry::mounts(&shadowed.world.view).unwrap()[0].clone();
    shadowed.shadow = Shadow::new(plan, active, ShadowLimits::recommended());
    let outcome = shadowed.send(PROBE, 0, IProbe::trapCall {}.abi_encode());
    assert_eq!(support::user_receipt(&outcome).fault, Some(Fault::Unreachable));
    let report = shadowed.shadow.report();
    assert_eq!((report.skipped[&Skip::NodeFailure], report.compared), (1, 0));
    assert!(report.node_failure.is_some());
}
