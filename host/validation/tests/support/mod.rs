//! A chain without a node: state and the rules, from which blocks and their witnesses are made.

#![allow(dead_code, reason = "each test and bench uses a part of it")]

use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use caldera_engine::Engines;
use caldera_execution::{
    BlockExecutor, ComponentSource, Genesis, Ground, Recording, child_env, execute_genesis, record, seal, sender_of,
};
use caldera_state::{Backend, ChainState, CommitInput, StateError, StateOptions, Witness};
use caldera_testkit::{CHAIN_ID, account, engines, genesis, sign};
use caldera_types::{Block, Component, Digest, SealedBlock, TxReceipt};
use caldera_validation::{ChainRules, Verified, VerifyError, verify};

pub const GAS: u64 = 2_000_000;

/// A chain.
pub struct World {
    pub state: ChainState,
    pub engines: Engines,
    pub head: SealedBlock,
    pub rules: ChainRules,
    nonces: [u64; 10],
    _dir: tempfile::TempDir,
}

/// The block log of a world as the place of components.
pub struct Logged<'a>(pub &'a ChainState);

impl ComponentSource for Logged<'_> {
    fn component(&self, digest: Digest) -> Result<Option<Component>, StateError> {
        self.0.component(digest)
    }
}

/// A block, its witness and its receipts.
pub struct Made {
    pub block: SealedBlock,
    pub witness: Witness,
    pub receipts: Vec<TxReceipt>,
}

impl World {
    pub fn new(mounts: &[&str]) -> Self {
        Self::of(genesis(mounts))
    }

    pub fn of(genesis: Genesis) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = StateOptions { backend: Backend::Memory, ..StateOptions::recommended() };
        let state = ChainState::open(dir.path(), options).unwrap();
        let engines = engines();
        let outcome = execute_genesis(&engines, &genesis).unwrap();
        let update = state.root_after(0, state.state_root(), &outcome.diff).unwrap();
        let header = seal(&genesis.env, B256::ZERO, &outcome, update.root);
        let sidecar = outcome.sidecar.clone();
        let head = Block { header, transactions: Vec::new(), sidecar, ethereum: None }.seal();
        state.commit(CommitInput { block: &head, receipts: &[], diff: &outcome.diff, update }).unwrap();
        let (gas_limit, beneficiary) = (genesis.env.gas_limit, genesis.env.beneficiary);
        let rules = ChainRules { chain_id: CHAIN_ID, gas_limit, beneficiary };
        Self { state, engines, head, rules, nonces: [0; 10], _dir: dir }
    }

    /// A transaction of an account.
    pub fn send(&mut self, from: u8, to: TxKind, wei: u64, gas: u64, input: impl Into<Bytes>) -> TxEnvelope {
        let nonce = &mut self.nonces[usize::from(from)];
        *nonce += 1;
        sign(&account(from), *nonce - 1, to, U256::from(wei), gas, input.into())
    }

    pub fn call(&mut self, from: u8, to: Address, input: impl Into<Bytes>) -> TxEnvelope {
        self.send(from, TxKind::Call(to), 0, GAS, input)
    }

    /// Executes and commits a block of these, then makes its witness from the state before.
    pub fn block(&mut self, transactions: &[TxEnvelope], sidecar: &[Component]) -> Made {
        let ChainRules { chain_id, gas_limit, beneficiary } = self.rules;
        let parent = self.head.clone();
        let at = parent.header.timestamp + 1;
        let env = child_env(chain_id, &parent.header, parent.hash(), at, beneficiary, gas_limit);
        let (view, logged) = (self.state.flat(), Logged(&self.state));
        let ground = Ground { view: &view, engines: &self.engines, components: &logged };
        let mut executor = BlockExecutor::begin(ground, env).unwrap();
        sidecar.iter().for_each(|component| executor.offer(component));
        for tx in transactions {
            executor.apply(tx, sender_of(tx).unwrap()).unwrap();
        }
        let outcome = executor.finish().unwrap();
        let update = self.state.root_after(parent.header.number, parent.header.state_root, &outcome.diff).unwrap();
        let header = seal(&env, parent.hash(), &outcome, update.root);
        let (transactions, sidecar) = (outcome.transactions.clone(), outcome.sidecar.clone());
        let block = Block { header, transactions, sidecar, ethereum: None }.seal();
        let receipts = outcome.receipts.clone();
        self.state.commit(CommitInput { block: &block, receipts: &receipts, diff: &outcome.diff, update }).unwrap();
        self.head = block.clone();
        let senders: Vec<_> =
            block.transactions.iter().map(|tx| sender_of(tx).unwrap_or(caldera_types::SYSTEM_ADDRESS)).collect();
        let recording =
            Recording { engines: &self.engines, components: &logged, env, block: &block, senders: &senders };
        let recorder = self.state.record(parent.header.number, parent.header.state_root).unwrap();
        let mut header = |number| Ok(self.state.header(number)?.unwrap().1);
        let witness = record(recording, recorder, &mut header).unwrap();
        Made { block, witness, receipts }
    }

    pub fn verify(&self, block: &Block, witness: &Witness) -> Result<Verified, VerifyError> {
        verify(&self.rules, block, witness, &self.engines, &Logged(&self.state))
    }
}

/// SSTORE(calldata[0], calldata[32]).
pub const SETTER: [u8; 7] = [0x60, 0x20, 0x35, 0x5f, 0x35, 0x55, 0x00];
/// SSTORE(0, BLOCKHASH(calldata[0])).
pub const HASHER: [u8; 6] = [0x5f, 0x35, 0x40, 0x5f, 0x55, 0x00];

/// Calldata of these words.
pub fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| U256::from(*word).to_be_bytes::<32>()).collect()
}

/// The contract that a block's transaction made.
pub fn created(made: &Made, place: usize) -> Address {
    made.receipts[place].contract_address.unwrap()
}
