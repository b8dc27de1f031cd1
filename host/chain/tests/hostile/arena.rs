//! Two chains at work in one process: one takes what is hostile, by real transactions; both must go on.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use alloy_sol_types::{SolCall, SolEvent};
use caldera_chain::{BlockProducer, Chain, ChainSpec, ExecutedBlock, replay};
use caldera_engine::{EngineOptions, Engines, StageError};
use caldera_execution::{
    SimulationRequest, SimulationResult,
    registry::{self, abi::IEngineRegistry as abi},
};
use caldera_state::StateOptions;
use caldera_testkit::{CHAIN_ID, PROBE, account, engines, genesis, sign_for};
use caldera_types::{Component, EngineLimits, Grants, ProbationRule, TxReceipt, is_system_transaction};
use probe_engine::IProbe;

use crate::guest::Guest;

/// Where hostile engines are mounted, one after the other.
pub const HOSTILE: Address = Address::repeat_byte(0xe9);
/// Gas of a call that is not about gas.
pub const GAS: u64 = 2_000_000;
/// Gas of staging, whatever the size.
const STAGE_GAS: u64 = 16_700_000;
/// How long the other chain may take to put a transaction into a block.
const PATIENCE: Duration = Duration::from_secs(20);
/// The account that sends calls, and the one that shows that a chain is alive.
const CALLER: u8 = 1;
const ALIVE: u8 = 2;

/// A chain, its folder and the nonces of who sends to it.
struct Side {
    chain: Arc<Chain>,
    nonces: BTreeMap<u8, u64>,
    folder: tempfile::TempDir,
}

impl Side {
    fn new(name: &str, chain_id: u64, block_interval: Duration, engines: Engines) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spec = spec(name, chain_id, block_interval);
        let chain = Chain::open(spec, folder.path(), StateOptions::recommended(), engines, &mut |_| {}).unwrap();
        Self { chain, nonces: BTreeMap::new(), folder }
    }

    fn submit(&mut self, from: u8, to: TxKind, gas: u64, input: Bytes, sidecar: Vec<Component>) {
        let nonce = self.nonces.entry(from).or_default();
        let tx = sign_for(self.chain.chain_id(), &account(from), *nonce, to, U256::ZERO, gas, input);
        self.chain.submit(tx, sidecar).unwrap();
        *nonce += 1;
    }

    /// Sends a write that [`Self::answers`] then looks for.
    fn write(&mut self, value: u64) {
        let value = Bytes::copy_from_slice(&value.to_be_bytes());
        let set = IProbe::setCall { key: Bytes::from_static(b"alive"), value };
        self.submit(ALIVE, TxKind::Call(PROBE), GAS, set.abi_encode().into(), Vec::new());
    }

    fn answers(&self, value: u64) -> bool {
        let input = IProbe::getCall { key: Bytes::from_static(b"alive") }.abi_encode().into();
        let request = SimulationRequest { to: TxKind::Call(PROBE), gas: GAS, input, ..Default::default() };
        let answer = self.chain.simulate(self.chain.head().number(), &request).unwrap();
        matches!(answer.result, SimulationResult::Return(data)
            if IProbe::getCall::abi_decode_returns(&data).unwrap()[..] == value.to_be_bytes())
            && self.chain.halted().is_none()
            && self.chain.registry().is_ok()
    }
}

fn spec(name: &str, chain_id: u64, block_interval: Duration) -> ChainSpec {
    let mut genesis = genesis(&["probe-v1"]);
    genesis.env.chain_id = chain_id;
    ChainSpec { name: name.into(), genesis, block_interval }
}

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
    /// What another node would say of a component.
    elsewhere: Engines,
    /// The longest block since it was last asked.
    longest: Duration,
    /// Where commands to the registry are sent.
    commands: Address,
    round: u64,
}

impl Arena {
    /// Both chains share the engine runtime, as chains of one node do; the other makes its blocks on a thread of its own.
    pub fn new() -> Self {
        let engines = engines();
        let this = Side::new("hostile", CHAIN_ID, Duration::from_millis(10), engines.clone());
        let other = Side::new("other", CHAIN_ID + 1, Duration::from_millis(10), engines);
        let producer = Some(other.chain.start().unwrap());
        let elsewhere = Engines::new(EngineOptions { instances: 18 }).unwrap();
        let (longest, commands) = (Duration::ZERO, registry::ADDRESS);
        let mut arena = Self { this, other, producer, elsewhere, longest, commands, round: 0 };
        arena.mount(&Guest::default());
        arena
    }

    /// The chain that takes what is hostile.
    pub fn chain(&self) -> &Chain {
        &self.this.chain
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

    /// Sends a transaction and makes its block.
    pub fn send(&mut self, from: u8, to: TxKind, gas: u64, input: Bytes, sidecar: Vec<Component>) -> TxReceipt {
        self.this.submit(from, to, gas, input, sidecar);
        let receipts = user_receipts(&self.block());
        assert_eq!(receipts.len(), 1, "the block holds what was sent");
        receipts.into_iter().next().unwrap()
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
        let request = SimulationRequest { from, to: TxKind::Call(to), gas, input, ..Default::default() };
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
        let elsewhere = self.elsewhere.stage(component, grants, &limits);
        let receipt = self.govern(&stage_call(component, grants, limits), STAGE_GAS, vec![component.clone()]);
        let staged =
            self.this.chain.registry().unwrap().staged.iter().any(|staged| staged.digest == component.digest());
        match elsewhere {
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
        let options = StateOptions::recommended();
        let replayed = replay(spec, self.this.folder.path(), copy.path(), options, engines(), &mut |_| {}).unwrap();
        assert_eq!(*replayed.head(), *self.this.chain.head());
        replayed.head().number()
    }
}

/// What hostile mounts may use: all the fuel that a transaction buys.
pub fn limits() -> EngineLimits {
    EngineLimits::recommended()
}

pub fn stage_call(component: &Component, grants: Grants, limits: EngineLimits) -> abi::stageCall {
    let size = u32::try_from(component.bytes().len()).unwrap();
    abi::stageCall { digest: component.digest().0, size, grants: grants.bits(), limits: limits.into() }
}

/// Receipts of what users sent.
pub fn user_receipts(block: &ExecutedBlock) -> Vec<TxReceipt> {
    let all = block.block.transactions.iter().zip(&block.receipts);
    all.filter(|(tx, _)| !is_system_transaction(tx)).map(|(_, receipt)| receipt.clone()).collect()
}

/// What the chain itself told in a block, of one kind.
pub fn told<E: SolEvent>(block: &ExecutedBlock) -> Vec<E> {
    let logs = block.receipts.iter().flat_map(TxReceipt::logs);
    logs.filter_map(|log: &Log| E::decode_log(log).ok()).map(|log| log.data).collect()
}

/// Init code that deploys `runtime`.
fn deployer(runtime: &[u8]) -> Vec<u8> {
    let len = u8::try_from(runtime.len()).unwrap();
    // PUSH1 len, DUP1, PUSH1 11, PUSH0, CODECOPY, PUSH0, RETURN, padded to 11 bytes by JUMPDESTs.
    [&[0x60, len, 0x80, 0x60, 0x0b, 0x5f, 0x39, 0x5f, 0xf3, 0x5b, 0x5b], runtime].concat()
}

/// A contract that passes its calldata on to `to` by `opcode` (CALL, CALLCODE, DELEGATECALL or STATICCALL), with the data that comes back and
/// fails when that fails.
pub fn relay(to: Address, opcode: u8) -> Vec<u8> {
    // CALLDATACOPY(0, 0, CALLDATASIZE); then the call's arguments from the last to the first.
    let mut code = vec![0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f];
    if matches!(opcode, 0xf1 | 0xf2) {
        code.push(0x5f);
    }
    code.push(0x73);
    code.extend_from_slice(to.as_slice());
    code.extend_from_slice(&[0x5a, opcode]);
    // RETURNDATACOPY(0, 0, RETURNDATASIZE); JUMPI to the return; REVERT or RETURN of all of it.
    code.extend_from_slice(&[0x3d, 0x5f, 0x5f, 0x3e]);
    let dest = u8::try_from(code.len() + 6).unwrap();
    code.extend_from_slice(&[0x60, dest, 0x57, 0x3d, 0x5f, 0xfd, 0x5b, 0x3d, 0x5f, 0xf3]);
    code
}
