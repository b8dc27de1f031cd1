//! A node with two chains at work: one takes what is hostile, by real transactions; both must go on.
//!
//! The node is as an operator has it: it compiles in child processes with limits, and keeps native code on disk.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, Bytes, TxKind};
use alloy_sol_types::SolCall;
use caldera_chain::{BlockProducer, Chain, ExecutedBlock, replay};
use caldera_engine::{
    EngineOptions, Engines, StageError,
    compile::{CacheOptions, ChildCompiler, CompileLimits, CompileOptions, Compiler},
};
use caldera_execution::{
    SimulationRequest, SimulationResult,
    registry::{self, abi::IEngineRegistry as abi},
};
use caldera_state::StateOptions;
use caldera_testkit::{CHAIN_ID, account, deployer};
use caldera_types::{Component, EngineLimits, Grants, ProbationRule, TxReceipt};

use crate::{
    guest::Guest,
    side::Side,
    wire::{stage_call, user_receipts},
};

/// Where hostile engines are mounted, one after the other.
pub const HOSTILE: Address = Address::repeat_byte(0xe9);
/// Gas of a call that is not about gas.
pub const GAS: u64 = 2_000_000;
/// Gas of staging, whatever the size.
const STAGE_GAS: u64 = 16_700_000;
/// How long a transaction may take to get into a block: for one that stages, longer than its component may compile.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two blocks.
pub const INTERVAL: Duration = Duration::from_millis(10);
/// The account that sends calls.
const CALLER: u8 = 1;

/// Whether each side made a block and answered a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alive {
    pub this: bool,
    pub others: bool,
}

/// The two chains.
pub struct Arena {
    this: Side,
    other: Side,
    producer: Option<BlockProducer>,
    engines: Engines,
    /// What another node would say of a component. It compiles in its own process, and knows what this one found sound.
    elsewhere: Engines,
    /// The node's native code.
    native: tempfile::TempDir,
    /// The longest block since it was last asked.
    longest: Duration,
    /// Where commands to the registry are sent.
    commands: Address,
    round: u64,
}

impl Arena {
    /// A node with the limits that an operator's has.
    pub fn new() -> Self {
        let mut arena = Self::with_limits(CompileLimits::recommended());
        arena.mount(&Guest::default());
        arena
    }

    /// Both chains share the engine runtime, as chains of one node do; the other makes its blocks on a thread of its own.
    pub fn with_limits(limits: CompileLimits) -> Self {
        let native = tempfile::tempdir().unwrap();
        let engines = node_engines(native.path(), limits);
        let this = Side::new("hostile", CHAIN_ID, engines.clone());
        let other = Side::new("other", CHAIN_ID + 1, engines.clone());
        let producer = Some(other.chain.start().unwrap());
        let options = CompileOptions { cache: Some(cache(native.path())), ..CompileOptions::in_process() };
        let elsewhere = Engines::with_compiler(EngineOptions::for_threads(1), options).unwrap();
        let (longest, commands) = (Duration::ZERO, registry::ADDRESS);
        Self { this, other, producer, engines, elsewhere, native, longest, commands, round: 0 }
    }

    /// The chain that takes what is hostile.
    pub fn chain(&self) -> &Chain {
        &self.this.chain
    }

    /// The engine runtime of the node.
    pub fn engines(&self) -> &Engines {
        &self.engines
    }

    /// How long the longest block took since this was last asked.
    pub fn take_longest(&mut self) -> Duration {
        std::mem::take(&mut self.longest)
    }

    /// Makes the next block of this chain.
    pub fn block(&mut self) -> Arc<ExecutedBlock> {
        let (began, timestamp_s) = (Instant::now(), 1_700_000_000 + self.this.chain.head().number());
        let block = self.this.chain.produce_block(timestamp_s, PATIENCE).unwrap();
        self.longest = self.longest.max(began.elapsed());
        block
    }

    /// Sends a transaction and makes blocks until one holds it.
    pub fn send(&mut self, from: u8, to: TxKind, gas: u64, input: Bytes, sidecar: Vec<Component>) -> TxReceipt {
        let digests: Vec<_> = sidecar.iter().map(Component::digest).collect();
        let (receipt, _) = self.try_send(from, to, gas, input, sidecar);
        let states = || digests.iter().map(|digest| self.engines.compile_state(*digest)).collect::<Vec<_>>();
        receipt.unwrap_or_else(|| panic!("dropped from the pool: {:?}", states()))
    }

    /// The same; no receipt if the node drops the transaction. With the number of blocks that were made meanwhile: what
    /// has a sidecar waits in the pool while the components compile, and nothing else does.
    pub fn try_send(
        &mut self,
        from: u8,
        to: TxKind,
        gas: u64,
        input: Bytes,
        sidecar: Vec<Component>,
    ) -> (Option<TxReceipt>, u64) {
        self.this.submit(from, to, gas, input, sidecar);
        let (head, deadline) = (self.this.chain.head().number(), Instant::now() + PATIENCE);
        while Instant::now() < deadline {
            let mut receipts = user_receipts(&self.block()).into_iter();
            let blocks = self.this.chain.head().number() - head;
            if let Some(receipt) = receipts.next() {
                assert!(receipts.next().is_none(), "nobody else sends");
                return (Some(receipt), blocks);
            }
            if self.this.chain.pool_status().pending == 0 {
                *self.this.nonces.get_mut(&from).unwrap() -= 1;
                return (None, blocks);
            }
            std::thread::sleep(INTERVAL);
        }
        panic!("a transaction waits for ever");
    }

    /// Calls the hostile engine.
    pub fn call(&mut self, input: &[u8], gas: u64) -> TxReceipt {
        self.call_at(HOSTILE, input, gas)
    }

    pub fn call_at(&mut self, to: Address, input: &[u8], gas: u64) -> TxReceipt {
        self.send(CALLER, TxKind::Call(to), gas, Bytes::copy_from_slice(input), Vec::new())
    }

    /// Asks without a transaction.
    pub fn ask(&self, to: Address, input: &[u8], gas: u64) -> SimulationResult {
        self.ask_as(account(CALLER).address(), to, input, gas)
    }

    pub fn ask_as(&self, from: Address, to: Address, input: &[u8], gas: u64) -> SimulationResult {
        let input = Bytes::copy_from_slice(input);
        let request = SimulationRequest { from, to: TxKind::Call(to), gas: Some(gas), input, ..Default::default() };
        self.this.chain.simulate(self.this.chain.head().number(), &request).unwrap().result
    }

    /// Deploys a contract with this code.
    pub fn deploy(&mut self, runtime: &[u8]) -> Address {
        let receipt = self.send(CALLER, TxKind::Create, GAS, deployer(runtime).into(), Vec::new());
        assert!(receipt.succeeded());
        receipt.contract_address.unwrap()
    }

    /// Sends commands from now on to a contract that passes them on and governs.
    pub fn govern_through(&mut self, contract: Address) {
        self.commands = contract;
    }

    /// A command of the governor, account 0.
    pub fn govern(&mut self, call: &impl SolCall, gas: u64, sidecar: Vec<Component>) -> TxReceipt {
        self.send(0, TxKind::Call(self.commands), gas, call.abi_encode().into(), sidecar)
    }

    /// Stages a component by a transaction. The error is what another node says of it; the chain must say no as well.
    pub fn stage(&mut self, component: &Component, grants: Grants, limits: EngineLimits) -> Result<(), String> {
        let receipt = self.govern(&stage_call(component, grants, limits), STAGE_GAS, vec![component.clone()]);
        let staged =
            self.this.chain.registry().unwrap().staged.iter().any(|staged| staged.digest == component.digest());
        match self.elsewhere.stage(component, grants, &limits) {
            Ok(_) => {
                assert!(receipt.succeeded() && staged, "another node accepts it");
                Ok(())
            }
            Err(StageError::Rejected(why)) => {
                assert!(!receipt.succeeded() && !staged && receipt.logs().is_empty(), "another node refuses it: {why}");
                Err(why.to_string())
            }
            Err(StageError::Node(error)) => panic!("the guest brought a node down: {error}"),
        }
    }

    /// Stages a guest and arms it for the next block; gives that block.
    pub fn activate(&mut self, at: Address, guest: &Guest, config: &[u8]) -> Arc<ExecutedBlock> {
        let component = guest.component();
        if self.this.chain.registry().unwrap().staged.iter().all(|staged| staged.digest != component.digest()) {
            self.stage(&component, Grants::ALL, limits()).unwrap();
        }
        let arm = abi::armCall {
            mount: at,
            digest: component.digest().0,
            height: self.this.chain.head().number() + 2,
            config: Bytes::copy_from_slice(config),
            probation: ProbationRule::NONE.into(),
        };
        assert!(self.govern(&arm, GAS, Vec::new()).succeeded());
        self.block()
    }

    /// Mounts a guest where hostile engines are.
    pub fn mount(&mut self, guest: &Guest) {
        let digest = guest.component().digest();
        let runs = |chain: &Chain| chain.registry().unwrap().mounts.iter().any(|mount| mount.digest == digest);
        if !runs(&self.this.chain) {
            self.activate(HOSTILE, guest, b"");
            assert!(runs(&self.this.chain), "the guest is mounted");
        }
    }

    /// Whether both chains make a block and answer a call.
    pub fn alive(&mut self) -> Alive {
        self.round += 1;
        let height = self.other.chain.head().number();
        self.other.write(self.round);
        self.this.write(self.round);
        let block = self.block();
        let this = user_receipts(&block).iter().all(TxReceipt::succeeded) && self.this.answers(self.round);
        let deadline = Instant::now() + PATIENCE;
        while !self.other.answers(self.round) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        let others = self.other.answers(self.round) && self.other.chain.head().number() > height;
        Alive { this, others }
    }

    /// Ends both; a node that has the blocks alone must come to the same state.
    pub fn replay(mut self) -> u64 {
        drop(self.producer.take());
        let copy = tempfile::tempdir().unwrap();
        let spec = self.this.chain.spec().clone();
        let (options, engines) =
            (StateOptions::recommended(), node_engines(self.native.path(), CompileLimits::recommended()));
        let replayed = replay(spec, self.this.folder.path(), copy.path(), options, engines, &mut |_| {}).unwrap();
        assert_eq!(*replayed.head(), *self.this.chain.head());
        replayed.head().number()
    }
}

/// The engine runtime of a node whose native code lies in this folder. This very program compiles for it.
fn node_engines(native: &Path, limits: CompileLimits) -> Engines {
    let compiler = Compiler::Child(ChildCompiler::this_program(limits).unwrap());
    let options = CompileOptions { compiler, cache: Some(cache(native)), ..CompileOptions::in_process() };
    // The two that make blocks, and who asks.
    Engines::with_compiler(EngineOptions::for_threads(3), options).unwrap()
}

fn cache(native: &Path) -> CacheOptions {
    CacheOptions { dir: native.join("native"), bytes: CacheOptions::recommended_bytes() }
}

/// What hostile mounts may use: all the fuel that a transaction buys.
pub fn limits() -> EngineLimits {
    EngineLimits::recommended()
}
