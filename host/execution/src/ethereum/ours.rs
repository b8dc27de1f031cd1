//! A chain of ours as a genesis file of other clients: every fork up to Osaka from block 0, no proof of work.

use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_eips::eip7840::BlobParams;
use alloy_genesis::{ChainConfig, Genesis, GenesisAccount};
use alloy_primitives::U256;
use caldera_state::StateDiff;

use super::genesis::{EthereumGenesis, GenesisError};

impl EthereumGenesis {
    /// The genesis file that gives a block 0 of ours: its header, and the state that it made. Components of its engines have
    /// no place in it.
    pub fn of_ours(chain_id: u64, header: &Header, state: &StateDiff) -> Result<Self, GenesisError> {
        Self::of(Genesis {
            config: config(chain_id),
            nonce: header.nonce.into(),
            timestamp: header.timestamp,
            extra_data: header.extra_data.clone(),
            gas_limit: header.gas_limit,
            difficulty: header.difficulty,
            mix_hash: header.mix_hash,
            coinbase: header.beneficiary,
            alloc: alloc(state),
            base_fee_per_gas: header.base_fee_per_gas.map(u128::from),
            excess_blob_gas: header.excess_blob_gas,
            blob_gas_used: header.blob_gas_used,
            number: Some(header.number),
            parent_hash: Some(header.parent_hash),
            ..Default::default()
        })
    }
}

fn config(chain_id: u64) -> ChainConfig {
    let blobs = [("cancun", BlobParams::cancun()), ("prague", BlobParams::prague()), ("osaka", BlobParams::osaka())];
    ChainConfig {
        chain_id,
        homestead_block: Some(0),
        eip150_block: Some(0),
        eip155_block: Some(0),
        eip158_block: Some(0),
        byzantium_block: Some(0),
        constantinople_block: Some(0),
        petersburg_block: Some(0),
        istanbul_block: Some(0),
        muir_glacier_block: Some(0),
        berlin_block: Some(0),
        london_block: Some(0),
        arrow_glacier_block: Some(0),
        gray_glacier_block: Some(0),
        merge_netsplit_block: Some(0),
        shanghai_time: Some(0),
        cancun_time: Some(0),
        prague_time: Some(0),
        osaka_time: Some(0),
        terminal_total_difficulty: Some(U256::ZERO),
        terminal_total_difficulty_passed: true,
        blob_schedule: blobs.map(|(fork, params)| (fork.to_owned(), params)).into(),
        ..Default::default()
    }
}

fn alloc(state: &StateDiff) -> BTreeMap<alloy_primitives::Address, GenesisAccount> {
    let accounts = state.accounts.iter().filter_map(|(address, diff)| {
        let account = diff.account?;
        let storage = diff.storage.iter().filter(|(_, value)| !value.is_zero());
        let storage: BTreeMap<_, _> = storage.map(|(slot, value)| ((*slot).into(), (*value).into())).collect();
        let file = GenesisAccount {
            nonce: Some(account.nonce),
            balance: account.balance,
            code: state.codes.get(&account.code_hash).cloned(),
            storage: (!storage.is_empty()).then_some(storage),
            ..Default::default()
        };
        Some((*address, file))
    });
    accounts.collect()
}
