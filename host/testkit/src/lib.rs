//! What the tests of several crates share: built components, funded accounts and a first state.
//!
//! For tests and benches only. Panics are how a test fails, so they are allowed here.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod contracts;

use std::{collections::BTreeMap, path::PathBuf};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip1559::INITIAL_BASE_FEE;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use caldera_engine::{EngineOptions, Engines};
use caldera_execution::{Genesis, GenesisAccount, GenesisMount};
use caldera_types::{BlockEnv, Component, EngineLimits, Grants};

pub use contracts::{deployer, relay};

/// Chain id of test chains.
pub const CHAIN_ID: u64 = 4_200;
/// Where the tests mount their engine.
pub const PROBE: Address = Address::repeat_byte(0xe1);

/// A component that `cargo xtask plugins` built.
pub fn component(name: &str) -> Component {
    let path = plugins().join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask plugins` first", path.display()));
    Component::new(bytes).unwrap()
}

/// The folder of built components: `CALDERA_PLUGINS`, or `plugins` beside the profile folder this test was built in.
fn plugins() -> PathBuf {
    std::env::var_os("CALDERA_PLUGINS").map_or_else(
        || {
            let test = std::env::current_exe().unwrap();
            // <target>/<profile>/deps/<test>
            test.ancestors().nth(3).unwrap().join("plugins")
        },
        PathBuf::from,
    )
}

/// The engine runtime.
pub fn engines() -> Engines {
    Engines::new(EngineOptions::recommended()).unwrap()
}

/// The n-th account, always the same.
pub fn account(n: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(n + 1)).unwrap()
}

/// A signed EIP-1559 transaction with a fee that always suffices, for a chain with [`CHAIN_ID`].
pub fn sign(signer: &PrivateKeySigner, nonce: u64, to: TxKind, value: U256, gas: u64, input: Bytes) -> TxEnvelope {
    sign_for(CHAIN_ID, signer, nonce, to, value, gas, input)
}

/// The same for another chain.
pub fn sign_for(
    chain_id: u64,
    signer: &PrivateKeySigner,
    nonce: u64,
    to: TxKind,
    value: U256,
    gas: u64,
    input: Bytes,
) -> TxEnvelope {
    let tx = TxEip1559 {
        chain_id,
        nonce,
        gas_limit: gas,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to,
        value,
        input,
        ..Default::default()
    };
    let signature = signer.sign_hash_sync(&tx.signature_hash()).unwrap();
    tx.into_signed(signature).into()
}

/// A first state: ten funded accounts, the first of which governs, and these components mounted from [`PROBE`] on.
pub fn genesis(mounts: &[&str]) -> Genesis {
    let rich = GenesisAccount { balance: U256::from(10).pow(U256::from(24)), ..Default::default() };
    let accounts: BTreeMap<_, _> = (0..10).map(|n| (account(n).address(), rich.clone())).collect();
    let mounts = mounts.iter().enumerate().map(|(place, name)| GenesisMount {
        address: Address::repeat_byte(PROBE[0] + u8::try_from(place).unwrap()),
        component: component(name),
        grants: Grants::ALL,
        limits: EngineLimits::recommended(),
        config: Bytes::new(),
    });
    Genesis {
        env: BlockEnv {
            chain_id: CHAIN_ID,
            number: 0,
            timestamp_s: 1_700_000_000,
            prev_randao: B256::ZERO,
            beneficiary: Address::repeat_byte(0xbe),
            gas_limit: 60_000_000,
            base_fee: INITIAL_BASE_FEE,
            fees: Default::default(),
            rules: Default::default(),
        },
        governor: account(0).address(),
        accounts,
        mounts: mounts.collect(),
        imported: None,
        development: false,
    }
}
