//! One chain with the engines that are fuzzed, asked by `eth_call`.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolValue;
use caldera_chain::{Chain, ChainSpec, PoolOptions};
use caldera_execution::{GenesisMount, SimulationRequest, SimulationResult};
use caldera_state::StateOptions;
use caldera_testkit::{account, component, engines, genesis};
use caldera_types::{Component, EngineLimits, Grants};
use clearing_rules::abi::Clearing::Config;

/// The probe is at [`caldera_testkit::PROBE`].
pub const CLEARING: Address = Address::repeat_byte(0xe2);
/// What the guest under test is mounted at.
pub const GUEST: Address = Address::repeat_byte(0xe3);

pub struct World {
    chain: Arc<Chain>,
    _folder: tempfile::TempDir,
}

impl World {
    pub fn new(guest: Component) -> Self {
        let mut genesis = genesis(&["probe-v1"]);
        let mount = |address, component, config| GenesisMount {
            address,
            component,
            grants: Grants::ALL,
            limits: EngineLimits::recommended(),
            config,
        };
        genesis.mounts.push(mount(CLEARING, component("clearing-v1"), clearing()));
        genesis.mounts.push(mount(GUEST, guest, Bytes::new()));
        let spec = ChainSpec {
            name: "fuzz".into(),
            genesis,
            block_interval: Duration::from_secs(1),
            pool: PoolOptions::recommended(),
        };
        let folder = tempfile::tempdir().unwrap();
        let chain = Chain::open(spec, folder.path(), StateOptions::recommended(), engines(), &mut |_| {}).unwrap();
        Self { chain, _folder: folder }
    }

    /// Asks twice: the answers must be the same. Gives the name of what came.
    pub fn ask(&self, from: u8, to: Address, value: u64, gas: u64, input: &[u8]) -> String {
        let request = SimulationRequest {
            from: account(from).address(),
            to: TxKind::Call(to),
            gas: Some(gas),
            value: U256::from(value),
            input: Bytes::copy_from_slice(input),
            ..Default::default()
        };
        // The error is this node's own, or that the gas does not pay for the transaction itself.
        let ask = || self.chain.simulate(0, &request).unwrap();
        let first = ask();
        assert_eq!(first, ask(), "the same call gives the same outcome");
        assert!(first.gas_used <= gas);
        match first.result {
            SimulationResult::Return(_) => "returned".into(),
            SimulationResult::Revert(_) => "reverted".into(),
            SimulationResult::Halt { fault: Some(fault), .. } => format!("fault {fault}"),
            SimulationResult::Halt { reason, fault: None } => format!("halted without a fault: {reason}"),
        }
    }
}

fn clearing() -> Bytes {
    let config = Config {
        governor: account(0).address(),
        operator: account(0).address(),
        priceAccount: account(1).address(),
        liquidator: account(2).address(),
        settlementAsset: Address::repeat_byte(0x51),
        settlementDecimals: 6,
        collateralAsset: Address::repeat_byte(0x52),
        collateralDecimals: 8,
        haircutBps: 2_000,
        maintenanceBps: 1_000,
        cycleBlocks: 0,
        marginCallBlocks: 12,
    };
    config.abi_encode().into()
}
