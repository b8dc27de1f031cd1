//! A chain in memory: blocks are executed and their diffs applied, nothing is stored.
#![allow(dead_code, reason = "each test file uses its part of it")]

use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolEvent};
use caldera_engine::Engines;
use caldera_execution::{
    BlockExecutor, BlockOutcome, ComponentSource, Genesis, Ground, Simulation, SimulationRequest, execute,
    execute_genesis, registry, registry::abi::IEngineRegistry as abi, simulate,
};
use caldera_state::{MemoryView, StateError, StateView};
use caldera_testkit::{account, engines, genesis, sign};
use caldera_types::{Block, BlockEnv, Component, Digest, EngineLimits, Grants, TxReceipt};
use std::collections::BTreeMap;

/// Gas that every call of the tests may use.
pub const GAS: u64 = 5_000_000;
/// Gas that staging may use.
pub const STAGE_GAS: u64 = 16_000_000;

/// Components that the blocks brought.
#[derive(Default)]
pub struct Components(BTreeMap<Digest, Component>);

impl ComponentSource for Components {
    fn component(&self, digest: Digest) -> Result<Option<Component>, StateError> {
        self.0.component(digest)
    }
}

/// The chain.
pub struct World {
    pub view: MemoryView,
    pub engines: Engines,
    pub components: Components,
    pub env: BlockEnv,
    nonces: BTreeMap<Address, u64>,
    recorded: Option<Recording>,
}

/// Blocks since a state, for a second node to execute.
struct Recording {
    view: MemoryView,
    blocks: Vec<(BlockEnv, BlockOutcome)>,
}

impl World {
    /// A chain with these components mounted.
    pub fn new(mounts: &[&str]) -> Self {
        Self::from_genesis(&genesis(mounts))
    }

    /// A chain that begins so.
    pub fn from_genesis(genesis: &Genesis) -> Self {
        let engines = engines();
        let outcome = execute_genesis(&engines, genesis).unwrap();
        let mut world = Self {
            view: MemoryView::default(),
            engines,
            components: Components::default(),
            env: genesis.env,
            nonces: BTreeMap::new(),
            recorded: None,
        };
        world.settle(&outcome);
        world
    }

    pub fn ground(&self) -> Ground<'_> {
        Ground { view: &self.view, engines: &self.engines, components: &self.components }
    }

    /// Signs a call with the account's next nonce.
    pub fn tx(&mut self, from: u8, to: TxKind, value: u64, gas: u64, input: Vec<u8>) -> (TxEnvelope, Address) {
        let signer: PrivateKeySigner = account(from);
        let nonce = self.nonces.entry(signer.address()).or_default();
        *nonce += 1;
        (sign(&signer, *nonce - 1, to, U256::from(value), gas, input.into()), signer.address())
    }

    /// Executes one block of these transactions, all of which must be accepted.
    pub fn block(&mut self, txs: &[(TxEnvelope, Address)], sidecar: &[Component]) -> BlockOutcome {
        self.env.number += 1;
        self.env.timestamp_s += 1;
        let mut executor = BlockExecutor::begin(self.ground(), self.env).unwrap();
        for component in sidecar {
            executor.offer(component);
        }
        for (tx, sender) in txs {
            executor.apply(tx, *sender).unwrap();
        }
        let outcome = executor.finish().unwrap();
        self.settle(&outcome);
        let env = self.env;
        if let Some(recorded) = &mut self.recorded {
            recorded.blocks.push((env, outcome.clone()));
        }
        outcome
    }

    /// Keeps the blocks from now on.
    pub fn record(&mut self) {
        self.recorded = Some(Recording { view: self.view.clone(), blocks: Vec::new() });
    }

    /// Executes what was kept on a node that compiled nothing yet: each outcome must be the same.
    pub fn replay_recorded(&mut self) {
        let Some(Recording { mut view, blocks }) = self.recorded.take() else { panic!("nothing was recorded") };
        let engines = engines();
        for (env, outcome) in blocks {
            let (transactions, sidecar) = (outcome.transactions.clone(), outcome.sidecar.clone());
            let block = Block { header: Default::default(), transactions, sidecar, ethereum: None };
            let ground = Ground { view: &view, engines: &engines, components: &self.components };
            assert_eq!(execute(ground, env, &block).unwrap(), outcome, "block {}", env.number);
            view.apply(&outcome.diff);
            view.set_block_hash(env.number, B256::from(U256::from(env.number)));
        }
    }

    /// Makes empty blocks.
    pub fn pass(&mut self, blocks: u64) -> Vec<BlockOutcome> {
        (0..blocks).map(|_| self.block(&[], &[])).collect()
    }

    /// Sends one call in a block of its own.
    pub fn send(&mut self, from: u8, to: Address, call: &impl SolCall) -> TxReceipt {
        self.send_with_gas(from, to, call, GAS)
    }

    pub fn send_with_gas(&mut self, from: u8, to: Address, call: &impl SolCall, gas: u64) -> TxReceipt {
        let tx = self.tx(from, TxKind::Call(to), 0, gas, call.abi_encode());
        user_receipt(&self.block(&[tx], &[]))
    }

    /// Deploys a contract.
    pub fn deploy(&mut self, init_code: &[u8]) -> Address {
        let tx = self.tx(9, TxKind::Create, 0, GAS, init_code.to_vec());
        let receipt = user_receipt(&self.block(&[tx], &[]));
        assert!(receipt.succeeded());
        receipt.contract_address.unwrap()
    }

    /// Asks without a transaction.
    pub fn ask(&self, to: Address, call: &impl SolCall) -> Result<Simulation, caldera_execution::CallError> {
        let request = SimulationRequest {
            from: account(1).address(),
            to: TxKind::Call(to),
            gas: Some(GAS),
            input: call.abi_encode().into(),
            ..Default::default()
        };
        simulate(self.ground(), &self.env, &request)
    }

    /// An entry of an engine's storage, by raw key.
    pub fn slot(&self, address: Address, slot: U256) -> U256 {
        self.view.storage(address, slot).unwrap()
    }

    fn settle(&mut self, outcome: &BlockOutcome) {
        self.view.apply(&outcome.diff);
        self.view.set_block_hash(self.env.number, B256::from(U256::from(self.env.number)));
        self.components.0.extend(outcome.sidecar.iter().map(|c| (c.digest(), c.clone())));
    }
}

/// The receipt of the only transaction that a user sent.
pub fn user_receipt(outcome: &BlockOutcome) -> TxReceipt {
    let users = outcome.transactions.iter().zip(&outcome.receipts);
    let mut users = users.filter(|(tx, _)| !caldera_types::is_system_transaction(tx)).map(|(_, receipt)| receipt);
    let receipt = users.next().unwrap().clone();
    assert!(users.next().is_none());
    receipt
}

/// What the chain itself told in a block, of one kind.
pub fn system_logs<E: SolEvent>(outcome: &BlockOutcome) -> Vec<E> {
    let system = outcome.transactions.iter().zip(&outcome.receipts);
    let system = system.filter(|(tx, _)| caldera_types::is_system_transaction(tx));
    let logs = system.flat_map(|(_, receipt)| receipt.logs());
    logs.filter_map(|log| E::decode_log(log).ok()).map(|log| log.data).collect()
}

/// The governor's call that stages a component with every grant.
pub fn stage_call(component: &Component) -> abi::stageCall {
    abi::stageCall {
        digest: component.digest().0,
        size: u32::try_from(component.bytes().len()).unwrap(),
        grants: Grants::ALL.bits(),
        limits: EngineLimits::recommended().into(),
    }
}

/// Stages a component in a block of its own.
pub fn stage(world: &mut World, component: &Component) -> TxReceipt {
    let call = stage_call(component).abi_encode();
    let tx = world.tx(0, TxKind::Call(registry::ADDRESS), 0, STAGE_GAS, call);
    user_receipt(&world.block(&[tx], std::slice::from_ref(component)))
}

/// Calldata that a Solidity contract would send.
pub fn input(call: &impl SolCall) -> Bytes {
    call.abi_encode().into()
}
