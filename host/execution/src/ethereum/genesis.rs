//! A genesis file in geth's format.

use std::collections::BTreeMap;

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, constants::EMPTY_WITHDRAWALS};
use alloy_eips::{eip1559::INITIAL_BASE_FEE, eip7685::EMPTY_REQUESTS_HASH};
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, U256, address};
use caldera_state::{MemoryView, StateDiff};
use caldera_types::{EthereumBody, Fork};

use super::schedule::Schedule;
use crate::{GenesisAccount, genesis::put, registry};

/// Where Ethereum's deposit contract is, unless the file says otherwise.
const DEPOSIT_CONTRACT: Address = address!("00000000219ab540356cBB839Cbe05303d7705Fa");

/// Why a genesis file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// It is no genesis file.
    #[error("not a genesis file of geth's format: {0}")]
    Json(#[from] serde_json::Error),
    /// It asks for rules that are not here.
    #[error("`{0}` of its config is not supported: such a chain cannot be brought in")]
    Unsupported(&'static str),
    /// A fork comes before one that it builds on.
    #[error("`{key}` of its config comes before {before}")]
    Order {
        /// The fork.
        key: &'static str,
        /// Which it must not precede.
        before: &'static str,
    },
    /// Its alloc has an account where the registry will be, and not that of a chain of ours.
    #[error("its alloc has an account at {0}, where this node's registry will stand")]
    Registry(Address),
    /// It is of a chain of ours that has engines from the start.
    #[error(
        "its alloc has this node's registry with engines mounted, which no genesis file can hold: such a chain moves by its block log (`caldera replay`)"
    )]
    Engines,
    /// Block 0 is not block 0.
    #[error("its number is {0}: a chain begins at 0")]
    Number(u64),
    /// A base fee that no header can hold.
    #[error("its baseFeePerGas {0} is over 2^64 - 1")]
    BaseFee(u128),
}

/// The genesis of a chain that another client began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EthereumGenesis {
    file: Genesis,
    base_fee: u64,
    pub(super) schedule: Schedule,
}

impl EthereumGenesis {
    /// Reads a file, JSON.
    pub fn parse(json: &[u8]) -> Result<Self, GenesisError> {
        let genesis = Self::of(serde_json::from_slice(json)?)?;
        genesis.check()?;
        Ok(genesis)
    }

    pub(super) fn of(file: Genesis) -> Result<Self, GenesisError> {
        let schedule = Schedule::of(&file.config)?;
        if let Some(number) = file.number.filter(|number| *number != 0) {
            return Err(GenesisError::Number(number));
        }
        let base_fee = file.base_fee_per_gas.unwrap_or(u128::from(INITIAL_BASE_FEE));
        let base_fee = u64::try_from(base_fee).map_err(|_| GenesisError::BaseFee(base_fee))?;
        Ok(Self { file, base_fee, schedule })
    }

    /// Whether this node can execute on it.
    pub fn check(&self) -> Result<(), GenesisError> {
        check_registry(&self.file)
    }

    /// The file, JSON.
    pub fn to_json(&self) -> Result<String, GenesisError> {
        Ok(serde_json::to_string_pretty(&self.file)?)
    }

    /// EIP-155 chain id.
    pub fn chain_id(&self) -> u64 {
        self.file.config.chain_id
    }

    /// The accounts of block 0.
    pub fn accounts(&self) -> BTreeMap<Address, GenesisAccount> {
        let accounts = self.file.alloc.iter().map(|(address, account)| (*address, account_of(account)));
        accounts.collect()
    }

    /// The header of block 0 over a state.
    pub fn header(&self, state_root: B256) -> Header {
        let (file, fork) = (&self.file, self.genesis_fork());
        let from = |first: Fork| fork >= first;
        Header {
            parent_hash: file.parent_hash.unwrap_or_default(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: file.coinbase,
            state_root,
            transactions_root: alloy_consensus::constants::EMPTY_TRANSACTIONS,
            receipts_root: alloy_consensus::constants::EMPTY_RECEIPTS,
            difficulty: file.difficulty,
            gas_limit: file.gas_limit,
            timestamp: file.timestamp,
            extra_data: file.extra_data.clone(),
            mix_hash: file.mix_hash,
            nonce: file.nonce.to_be_bytes().into(),
            base_fee_per_gas: from(Fork::London).then_some(self.base_fee),
            withdrawals_root: from(Fork::Shanghai).then_some(EMPTY_WITHDRAWALS),
            parent_beacon_block_root: from(Fork::Cancun).then_some(B256::ZERO),
            blob_gas_used: from(Fork::Cancun).then(|| file.blob_gas_used.unwrap_or_default()),
            excess_blob_gas: from(Fork::Cancun).then(|| file.excess_blob_gas.unwrap_or_default()),
            requests_hash: from(Fork::Prague).then_some(EMPTY_REQUESTS_HASH),
            ..Default::default()
        }
    }

    /// The rest of block 0.
    pub fn body(&self) -> EthereumBody {
        let withdrawals = (self.genesis_fork() >= Fork::Shanghai).then(Default::default);
        EthereumBody { ommers: Vec::new(), withdrawals }
    }

    /// Whether proof of work is over after a block of this total difficulty.
    pub fn merged(&self, total_difficulty: U256) -> bool {
        let config = &self.file.config;
        match config.terminal_total_difficulty {
            Some(terminal) => total_difficulty >= terminal,
            // Work was never asked for, or a newer file does not say any more when it ended.
            None => config.terminal_total_difficulty_passed || self.file.difficulty.is_zero(),
        }
    }

    /// What a block's blobs cost, in wei per gas, and the most blob gas it may use; none before Cancun.
    pub fn blobs(&self, header: &Header) -> Option<(u128, u64)> {
        let params = self.schedule.blobs(header.timestamp);
        header.excess_blob_gas.map(|excess| (params.calc_blob_fee(excess), params.max_blob_gas_per_block()))
    }

    /// Where deposits are logged (EIP-6110).
    pub(super) fn deposit_contract(&self) -> Address {
        self.file.config.deposit_contract_address.unwrap_or(DEPOSIT_CONTRACT)
    }

    /// The rules of a block, by its height, its time and whether proof of work was over before it.
    pub fn fork(&self, number: u64, timestamp: u64, merged: bool) -> Fork {
        self.schedule.fork(number, timestamp, merged)
    }

    /// The fork that says which fields block 0 has: geth looks at the times alone.
    fn genesis_fork(&self) -> Fork {
        self.schedule.fork(0, self.file.timestamp, self.london_at_genesis())
    }

    fn london_at_genesis(&self) -> bool {
        self.schedule.fork(0, 0, false) >= Fork::London
    }
}

fn account_of(account: &alloy_genesis::GenesisAccount) -> GenesisAccount {
    let slots = account.storage.iter().flatten().filter(|(_, value)| !value.is_zero());
    GenesisAccount {
        balance: account.balance,
        nonce: account.nonce.unwrap_or_default(),
        code: account.code.clone().unwrap_or_default(),
        storage: slots.map(|(slot, value)| ((*slot).into(), (*value).into())).collect(),
    }
}

/// A chain of ours that was exported brings its registry along: it may stay where it is if it holds no engines, whose bytes
/// no genesis file has.
fn check_registry(file: &Genesis) -> Result<(), GenesisError> {
    let Some(account) = file.alloc.get(&registry::ADDRESS).map(account_of) else { return Ok(()) };
    let taken = GenesisError::Registry(registry::ADDRESS);
    if account.code != registry::CODE {
        return Err(taken);
    }
    let (mut diff, mut view) = (StateDiff::default(), MemoryView::default());
    put(&mut diff, registry::ADDRESS, account);
    view.apply(&diff);
    match (registry::mounts(&view), registry::staged(&view)) {
        (Ok(mounts), Ok(staged)) if mounts.is_empty() && staged.is_empty() => Ok(()),
        (Ok(_), Ok(_)) => Err(GenesisError::Engines),
        _ => Err(taken),
    }
}
