//! One chain of the arena, with who sends to it.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_chain::{Chain, ChainSpec, PoolOptions};
use caldera_engine::Engines;
use caldera_execution::{SimulationRequest, SimulationResult};
use caldera_state::StateOptions;
use caldera_testkit::{PROBE, account, genesis, sign_for};
use caldera_types::Component;
use probe_engine::IProbe;

use crate::arena::{GAS, INTERVAL};

/// The account that shows that a chain is alive.
const ALIVE: u8 = 2;

/// A chain, its folder and the nonces of who sends to it.
pub struct Side {
    pub chain: Arc<Chain>,
    pub nonces: BTreeMap<u8, u64>,
    pub folder: tempfile::TempDir,
}

impl Side {
    pub fn new(name: &str, chain_id: u64, engines: Engines) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut genesis = genesis(&["probe-v1"]);
        genesis.env.chain_id = chain_id;
        let spec = ChainSpec { name: name.into(), genesis, block_interval: INTERVAL, pool: PoolOptions::recommended() };
        let chain = Chain::open(spec, folder.path(), StateOptions::recommended(), engines, &mut |_| {}).unwrap();
        Self { chain, nonces: BTreeMap::new(), folder }
    }

    pub fn submit(&mut self, from: u8, to: TxKind, gas: u64, input: Bytes, sidecar: Vec<Component>) {
        let nonce = self.nonces.entry(from).or_default();
        let tx = sign_for(self.chain.chain_id(), &account(from), *nonce, to, U256::ZERO, gas, input);
        self.chain.submit(tx, sidecar).unwrap();
        *nonce += 1;
    }

    /// Sends a write that [`Self::answers`] then looks for.
    pub fn write(&mut self, value: u64) {
        let value = Bytes::copy_from_slice(&value.to_be_bytes());
        let set = IProbe::setCall { key: Bytes::from_static(b"alive"), value };
        self.submit(ALIVE, TxKind::Call(PROBE), GAS, set.abi_encode().into(), Vec::new());
    }

    pub fn answers(&self, value: u64) -> bool {
        let input = IProbe::getCall { key: Bytes::from_static(b"alive") }.abi_encode().into();
        let request = SimulationRequest { to: TxKind::Call(PROBE), gas: Some(GAS), input, ..Default::default() };
        let answer = self.chain.simulate(self.chain.head().number(), &request).unwrap();
        matches!(answer.result, SimulationResult::Return(data)
            if IProbe::getCall::abi_decode_returns(&data).unwrap()[..] == value.to_be_bytes())
            && self.chain.halted().is_none()
            && self.chain.registry().is_ok()
    }
}
