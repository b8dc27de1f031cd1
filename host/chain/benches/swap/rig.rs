//! A chain on disk whose blocks this bench makes itself, so that it can time them.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alloy_primitives::{Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_chain::{BlockProducer, Chain, ChainSpec};
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_state::{Backend, StateOptions};
use caldera_testkit::{PROBE, account, component, engines, genesis, sign};
use caldera_types::{Component, EngineLimits, Grants, ProbationRule, TxReceipt, is_system_transaction};

const STAGE_GAS: u64 = 16_000_000;
const ARM_GAS: u64 = 2_000_000;
/// Blocks between the arming and the activation.
const NOTICE: u64 = 1;

/// Small caches: they are full before the first quarter, so that what grows after it is something else.
const OPTIONS: StateOptions = StateOptions {
    backend: Backend::Sled,
    cache_bytes: 4 << 20,
    behind_bytes: 4 << 20,
    flat_cache_bytes: 1 << 20,
    node_cache_bytes: 4 << 20,
};

/// One block that was made.
pub struct Made {
    pub swapped: bool,
    /// How long it took to make.
    pub build: Duration,
    /// From the block before, commit to commit.
    pub interval: Duration,
}

/// A chain, its folder, and what is known of its blocks.
pub struct Rig {
    pub chain: Arc<Chain>,
    interval: Duration,
    next: Instant,
    last: Instant,
    nonce: u64,
    versions: [Component; 2],
    made: Vec<Made>,
    _folder: tempfile::TempDir,
}

impl Rig {
    pub fn new(interval: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spec = ChainSpec { name: "bench".into(), genesis: genesis(&["probe-v1"]), block_interval: interval };
        let chain = Chain::open(spec, folder.path(), OPTIONS, engines(), &mut |_| {}).expect("a new folder opens");
        let versions = [component("probe-v1"), component("probe-v2")];
        let now = Instant::now();
        Self { chain, interval, next: now + interval, last: now, nonce: 0, versions, made: Vec::new(), _folder: folder }
    }

    /// Lets the chain make its own blocks.
    pub fn start(&self) -> BlockProducer {
        self.chain.start().expect("a thread starts")
    }

    /// Stages version 2 and makes some blocks that do not count.
    pub fn warm_up(&mut self) {
        self.stage(&self.versions[1].clone());
        for _ in 0..20 {
            self.block();
        }
        self.made.clear();
    }

    /// Sends the stage transaction of a component.
    pub fn stage(&mut self, component: &Component) {
        let call = abi::stageCall {
            digest: component.digest().0,
            size: u32::try_from(component.bytes().len()).expect("components are small"),
            grants: Grants::ALL.bits(),
            limits: EngineLimits::recommended().into(),
        };
        self.govern(STAGE_GAS, &call, vec![component.clone()]);
    }

    /// Sends the arm transaction of a component.
    pub fn arm(&mut self, component: &Component) -> u64 {
        let height = self.chain.head().number() + 1 + NOTICE;
        let call = abi::armCall {
            mount: PROBE,
            digest: component.digest().0,
            height,
            config: Bytes::new(),
            probation: ProbationRule::NONE.into(),
        };
        self.govern(ARM_GAS, &call, Vec::new());
        height
    }

    fn govern(&mut self, gas: u64, call: &impl SolCall, sidecar: Vec<Component>) {
        let to = TxKind::Call(registry::ADDRESS);
        let tx = sign(&account(0), self.nonce, to, U256::ZERO, gas, call.abi_encode().into());
        self.nonce += 1;
        self.chain.submit(tx, sidecar).expect("the governor is heard");
    }

    /// Swaps to the version that does not run, and makes the blocks until it does.
    pub fn swap(&mut self) {
        let generation = self.mount_generation();
        let next = self.versions[(generation % 2) as usize].clone();
        let height = self.arm(&next);
        while self.chain.head().number() < height {
            self.block();
        }
        assert_eq!(self.mount_generation(), generation + 1, "the swap took place at its height");
        if let Some(made) = self.made.last_mut() {
            made.swapped = true;
        }
    }

    fn mount_generation(&self) -> u32 {
        self.chain.registry().expect("the registry reads").mounts[0].generation
    }

    /// Makes the next block at its time.
    pub fn block(&mut self) {
        std::thread::sleep(self.next.saturating_duration_since(Instant::now()));
        let began = Instant::now();
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let block = self.chain.produce_block(now_s, self.interval).expect("a block is made");
        let done = Instant::now();
        let users = block.block.transactions.iter().zip(&block.receipts).filter(|(tx, _)| !is_system_transaction(tx));
        assert!(users.map(|(_, receipt)| receipt).all(TxReceipt::succeeded), "every transaction of the load succeeds");
        self.made.push(Made { swapped: false, build: done - began, interval: done - self.last });
        self.last = done;
        self.next = (self.next + self.interval).max(Instant::now());
    }

    /// Makes blocks until nothing waits.
    pub fn drain(&mut self) {
        while self.chain.pool_status().pending > 0 {
            self.block();
        }
    }

    /// Waits until nothing waits on a chain that makes its own blocks.
    pub fn wait_until_empty(&self) {
        while self.chain.pool_status().pending > 0 {
            std::thread::sleep(self.interval);
        }
    }

    pub fn blocks(&self) -> &[Made] {
        &self.made
    }

    /// Intervals of the two blocks before and the two after each swap that are no swaps themselves.
    pub fn neighbours(&self) -> Vec<Duration> {
        (0..self.made.len()).filter(|at| self.made[*at].swapped).flat_map(|at| self.beside(at)).collect()
    }

    /// For each swap, how far its interval is from the mean of its neighbours'.
    pub fn distances(&self) -> Vec<Duration> {
        let at_swaps = (0..self.made.len()).filter(|at| self.made[*at].swapped);
        at_swaps
            .filter_map(|at| {
                let beside = self.beside(at);
                let mean = beside.iter().sum::<Duration>().checked_div(u32::try_from(beside.len()).ok()?)?;
                Some(self.made[at].interval.abs_diff(mean))
            })
            .collect()
    }

    fn beside(&self, at: usize) -> Vec<Duration> {
        let around = self.made[at.saturating_sub(2)..(at + 3).min(self.made.len())].iter();
        around.filter(|made| !made.swapped).map(|made| made.interval).collect()
    }
}
