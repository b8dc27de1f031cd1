//! A chain on disk whose blocks this bench makes itself, so that it can time them.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alloy_primitives::{Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_chain::{BlockProducer, Chain, ChainSpec, PoolOptions};
use caldera_engine::{
    CompileOptions, Compiler, EngineOptions, Engines,
    compile::{ChildCompiler, CompileLimits},
};
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_state::{Backend, History, StateOptions};
use caldera_testkit::{PROBE, account, component, genesis, sign};
use caldera_types::{Component, EngineLimits, Grants, ProbationRule, TxReceipt, is_system_transaction};
use tempfile::TempDir;

const STAGE_GAS: u64 = 16_000_000;
const ARM_GAS: u64 = 2_000_000;
/// Blocks between the arming and the activation, so that the block before the swap is one like any other.
const NOTICE: u64 = 2;
/// Blocks from one swap to the next.
pub const SWAP_BLOCKS: u64 = NOTICE + 1;

/// Small caches: they are full before the first stretch, and what they forget at once is little.
const OPTIONS: StateOptions = StateOptions {
    backend: Backend::Sled,
    cache_bytes: 4 << 20,
    behind_bytes: 1 << 20,
    flat_cache_bytes: 256 << 10,
    node_cache_bytes: 1 << 20,
    history: History::All,
};

/// An engine runtime as a node has it: components are compiled in a child process, beside the blocks.
pub fn engines() -> Engines {
    let child = ChildCompiler::this_program(CompileLimits::recommended()).expect("a program knows its own file");
    let loaded_bytes = CompileOptions::recommended_loaded_bytes();
    let compile = CompileOptions { compiler: Compiler::Child(child), cache: None, loaded_bytes };
    Engines::with_compiler(EngineOptions::recommended(), compile).expect("it starts")
}

/// What a block is to this bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A swap happens in it.
    Swap,
    /// It stands between two swaps.
    Between,
    /// No swap is near.
    Control,
}

/// One block that was made.
pub struct Made {
    pub kind: Kind,
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
    folder: TempDir,
}

/// A block's interval and the mean of its neighbours'.
pub struct Near {
    pub interval: Duration,
    pub mean: Duration,
}

impl Rig {
    /// On an engine runtime that the chains of a node share.
    pub fn new(interval: Duration, engines: &Engines) -> Self {
        Self::open(tempfile::tempdir().expect("a temporary folder"), interval, engines)
    }

    /// On a folder that may have blocks already.
    pub fn open(folder: TempDir, interval: Duration, engines: &Engines) -> Self {
        let spec = ChainSpec {
            name: "bench".into(),
            genesis: genesis(&["probe-v1"]),
            block_interval: interval,
            pool: PoolOptions::recommended(),
        };
        let chain = Chain::open(spec, folder.path(), OPTIONS, engines.clone(), &mut |_| {}).expect("the folder opens");
        let versions = [component("probe-v1"), component("probe-v2")];
        let now = Instant::now();
        Self { chain, interval, next: now + interval, last: now, nonce: 0, versions, made: Vec::new(), folder }
    }

    /// Closes the chain; what is left is its folder.
    pub fn close(self) -> TempDir {
        self.folder
    }

    /// Lets the chain make its own blocks.
    pub fn start(&self) -> BlockProducer {
        self.chain.start().expect("a thread starts")
    }

    /// Stages version 2.
    pub fn stage_second(&mut self) {
        let second = self.versions[1].clone();
        self.stage(&second);
        self.until_staged(&second);
    }

    /// Makes blocks until a component is staged.
    pub fn until_staged(&mut self, component: &Component) {
        let digest = component.digest();
        while !self.chain.registry().expect("the registry reads").staged.iter().any(|staged| staged.digest == digest) {
            self.block();
        }
    }

    /// Makes so many blocks without a swap.
    pub fn control(&mut self, blocks: u64) {
        for _ in 0..blocks {
            self.make(Kind::Control);
        }
    }

    /// Bytes that the chain's folder takes.
    pub fn disk(&self) -> u64 {
        fn size(entry: std::io::Result<std::fs::DirEntry>) -> u64 {
            let Some((path, meta)) = entry.ok().and_then(|entry| Some((entry.path(), entry.metadata().ok()?))) else {
                return 0;
            };
            if meta.is_dir() { std::fs::read_dir(path).map_or(0, |inside| inside.map(size).sum()) } else { meta.len() }
        }
        std::fs::read_dir(self.folder.path()).map_or(0, |inside| inside.map(size).sum())
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
            made.kind = Kind::Swap;
        }
    }

    fn mount_generation(&self) -> u32 {
        self.chain.registry().expect("the registry reads").mounts[0].generation
    }

    /// Makes the next block at its time.
    pub fn block(&mut self) {
        self.make(Kind::Between);
    }

    fn make(&mut self, kind: Kind) {
        std::thread::sleep(self.next.saturating_duration_since(Instant::now()));
        let began = Instant::now();
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let block = self.chain.produce_block(now_s, self.interval).expect("a block is made");
        let done = Instant::now();
        let users = block.block.transactions.iter().zip(&block.receipts).filter(|(tx, _)| !is_system_transaction(tx));
        assert!(users.map(|(_, receipt)| receipt).all(TxReceipt::succeeded), "every transaction of the load succeeds");
        self.made.push(Made { kind, build: done - began, interval: done - self.last });
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

    /// Each block of a kind with the two before and the two after it, as far as they are not swaps. Of blocks without
    /// swaps, every third is looked at.
    pub fn near(&self, kind: Kind) -> Vec<Near> {
        let step = if kind == Kind::Swap { 1 } else { SWAP_BLOCKS as usize };
        let of_kind = self.made.windows(5).filter(|around| around[2].kind == kind).step_by(step);
        of_kind.filter_map(|around| Near::of(around, kind)).collect()
    }
}

impl Near {
    fn of(around: &[Made], kind: Kind) -> Option<Self> {
        let beside = if kind == Kind::Control { Kind::Control } else { Kind::Between };
        let beside: Vec<_> = around.iter().filter(|made| made.kind == beside).map(|made| made.interval).collect();
        // The block itself is among them where there are no swaps.
        let interval = around[2].interval;
        let (sum, count) = match kind {
            Kind::Control => (beside.iter().sum::<Duration>() - interval, beside.len() - 1),
            _ => (beside.iter().sum(), beside.len()),
        };
        let mean = sum.checked_div(u32::try_from(count).ok()?)?;
        (count == 4).then_some(Self { interval, mean })
    }
}
