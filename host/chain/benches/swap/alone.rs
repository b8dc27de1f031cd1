//! Swaps and nothing else: no store, no pool, a state of constant size. What is left behind here is left by swapping itself,
//! and what the chain's own turn takes longer here is what a swap adds to its block.

use std::time::{Duration, Instant};

use alloy_primitives::{B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_bench::Report;
use caldera_execution::{
    BlockExecutor, Genesis, Ground, NoComponents, execute_genesis,
    registry::{self, abi::IEngineRegistry as abi},
};
use caldera_state::MemoryView;
use caldera_testkit::{PROBE, account, component, engines, genesis, sign};
use caldera_types::{Component, EngineLimits, Grants, ProbationRule, TxReceipt, is_system_transaction};

use crate::{proc::Usage, samples};

/// Swaps before the first look: both versions ran, allocators filled.
const WARM_UP: u64 = 50;
/// Bytes that a swap may seem to leave behind.
const SLACK_BYTES: f64 = 64.0;
const GAS: u64 = 16_000_000;

/// Swaps so often; whether that left nothing behind.
pub fn run(report: &mut Report, swaps: u64) -> bool {
    let mut world = World::new();
    let versions = [component("probe-v1"), component("probe-v2")];
    world.stage(&versions[1]);
    for swap in 0..WARM_UP {
        world.swap(&versions[(swap as usize + 1) % 2]);
    }
    let turns = swaps as usize;
    (world.swapping, world.idle) = (Vec::with_capacity(turns), Vec::with_capacity(turns));
    let before = Usage::now();
    for swap in WARM_UP..WARM_UP + swaps {
        world.swap(&versions[(swap as usize + 1) % 2]);
    }
    let after = Usage::now();
    let left = (after.live as f64 - before.live as f64) / swaps as f64;
    let flat = left <= SLACK_BYTES && after.handles <= before.handles && after.threads <= before.threads;
    println!(
        "{swaps} swaps without a store: {left:.1} bytes of live heap each, handles {} to {}, threads {} to {}: {}",
        before.handles,
        after.handles,
        before.threads,
        after.threads,
        if flat { "flat" } else { "NOT flat" }
    );
    let [changed, arming] = world.slots;
    println!("  the block of a swap changes {changed} slots, the block that arms it {arming}");
    let (swapping, idle) = (samples(world.swapping.into_iter()), samples(world.idle.into_iter()));
    report.row_against("chain's own turn with a swap and its migration", swapping, "turn without a swap", idle);
    flat
}

/// A chain whose state is in memory.
struct World {
    engines: caldera_engine::Engines,
    view: MemoryView,
    first: Genesis,
    number: u64,
    nonce: u64,
    /// How long the chain's own turn took in blocks with a swap, and in the blocks before them.
    swapping: Vec<Duration>,
    idle: Vec<Duration>,
    /// Slots that the last swap's block changed, and the block that armed it.
    slots: [usize; 2],
}

impl World {
    fn new() -> Self {
        let (first, engines) = (genesis(&["probe-v1"]), engines());
        let outcome = execute_genesis(&engines, &first).expect("the first state is sound");
        let mut view = MemoryView::default();
        view.apply(&outcome.diff);
        Self { engines, view, first, number: 0, nonce: 0, swapping: Vec::new(), idle: Vec::new(), slots: [0; 2] }
    }

    fn stage(&mut self, component: &Component) {
        let call = abi::stageCall {
            digest: component.digest().0,
            size: u32::try_from(component.bytes().len()).expect("components are small"),
            grants: Grants::ALL.bits(),
            limits: EngineLimits::recommended().into(),
        };
        self.block(Some(call.abi_encode()), Some(component));
    }

    /// Arms a version in one block, and makes the block where it goes live.
    fn swap(&mut self, next: &Component) {
        let (digest, config, probation) = (next.digest().0, Bytes::new(), ProbationRule::NONE.into());
        let arm = abi::armCall { mount: PROBE, digest, height: self.number + 2, config, probation };
        let (idle, arming) = self.block(Some(arm.abi_encode()), None);
        let (swapping, changed) = self.block(None, None);
        self.idle.push(idle);
        self.swapping.push(swapping);
        self.slots = [changed, arming];
        let mounts = registry::mounts(&self.view).expect("the registry reads");
        assert_eq!(mounts[0].digest, next.digest(), "the swap took place at its height");
    }

    /// Makes a block; how long the chain's own turn took in it, and how many slots it changed.
    fn block(&mut self, command: Option<Vec<u8>>, sidecar: Option<&Component>) -> (Duration, usize) {
        self.number += 1;
        let env = caldera_types::BlockEnv { number: self.number, ..self.first.env };
        let ground = Ground { view: &self.view, engines: &self.engines, components: &NoComponents };
        let began = Instant::now();
        let mut block = BlockExecutor::begin(ground, env).expect("no node fault");
        let turn = began.elapsed();
        if let Some(component) = sidecar {
            block.offer(component);
        }
        if let Some(command) = command {
            let governor = account(0);
            let to = TxKind::Call(registry::ADDRESS);
            let tx = sign(&governor, self.nonce, to, U256::ZERO, GAS, command.into());
            self.nonce += 1;
            assert!(block.apply(&tx, governor.address()).expect("a sound transaction").succeeded());
        }
        let outcome = block.finish().expect("no node fault");
        let system = outcome.transactions.iter().zip(&outcome.receipts).filter(|(tx, _)| is_system_transaction(tx));
        assert!(system.map(|(_, receipt)| receipt).all(TxReceipt::succeeded), "the chain's own acts succeed");
        self.view.apply(&outcome.diff);
        // The hash of the parent alone can be asked for; what it is does not matter here.
        self.view.set_block_hash(0, B256::ZERO);
        (turn, outcome.diff.accounts.values().map(|changed| changed.written_storage().count()).sum())
    }
}
