//! One chain of the configuration.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alloy_primitives::{Address, B256, Bytes, U256};
use caldera_chain::{ChainSpec, PoolOptions};
use caldera_execution::{EthereumGenesis, Genesis, GenesisAccount};
use caldera_state::Backend;
use caldera_types::{BlockEnv, FeeRule, limits};
use serde::Deserialize;

use super::{ConfigError, HistoryConfig, MountConfig};
use crate::{genesis_file, node::StoreSpec};

/// Base fee of block 0, in wei per gas: Ethereum's at the start of EIP-1559.
pub const GENESIS_BASE_FEE: u64 = 1_000_000_000;

/// `[[chain]]`: one chain. Once its first block is on disk, only `block-interval-ms`, `store`, `history` and `follow` may change: the rest
/// is its identity.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ChainConfig {
    /// Name in URLs, folders and logs: lower-case letters, digits and '-'.
    pub name: String,
    /// EIP-155 chain id, which wallets sign.
    pub chain_id: u64,
    /// Who may stage and arm engines.
    pub governor: Address,
    /// The genesis file of another client that began the chain; `caldera import` brings its blocks in. `chain-id` is that of
    /// the file, and what else describes block 0 stands there.
    pub genesis: Option<PathBuf>,
    /// Most gas in a block: 60M unless it is said, as Ethereum has, and up to 300M.
    #[serde(default = "recommended_gas_limit")]
    pub gas_limit: u64,
    /// Gas limit over gas target (EIP-1559), from 1, with which the base fee never rises. Ethereum's is 2.
    #[serde(default = "ethereum_elasticity")]
    pub base_fee_elasticity: u32,
    /// By how small a part the base fee moves from one block to the next, from 1. Ethereum's is 8, for blocks every 12 s: the more blocks
    /// a second a chain has, the larger it should be.
    #[serde(default = "ethereum_denominator")]
    pub base_fee_denominator: u32,
    /// Who earns the priority fees.
    #[serde(default)]
    pub beneficiary: Address,
    /// Unix time of block 0, in seconds.
    #[serde(default)]
    pub genesis_time_s: u64,
    /// Time from one block to the next, in milliseconds.
    pub block_interval_ms: Option<u64>,
    /// JSON-RPC of the same chain on another node, whose blocks this node then executes instead of making its own.
    #[serde(default)]
    pub follow: Option<String>,
    /// Whether tests may change its state by hand, impersonate accounts and turn it back, as on `caldera dev`. Never for a
    /// chain that matters: who can reach its JSON-RPC can do anything. Part of its identity.
    #[serde(default)]
    pub development: bool,
    /// The database behind its block log. A chain whose database changes is executed again from its log.
    #[serde(default)]
    pub store: StoreConfig,
    /// Which old states are kept: "all", or those of so many newest blocks.
    #[serde(default)]
    pub history: HistoryConfig,
    /// Accounts that exist from block 0.
    #[serde(default, rename = "account")]
    pub accounts: Vec<AccountConfig>,
    /// Engines that are mounted from block 0.
    #[serde(default, rename = "mount")]
    pub mounts: Vec<MountConfig>,
}

fn recommended_gas_limit() -> u64 {
    limits::BLOCK_GAS
}

fn ethereum_elasticity() -> u32 {
    FeeRule::ETHEREUM.elasticity()
}

fn ethereum_denominator() -> u32 {
    FeeRule::ETHEREUM.denominator()
}

/// A database that may keep a chain's state.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum StoreConfig {
    /// sled: a tree in one file.
    #[default]
    Sled,
    /// fjall: a log-structured tree, faster and in less memory.
    Fjall,
}

impl From<StoreConfig> for Backend {
    fn from(store: StoreConfig) -> Self {
        match store {
            StoreConfig::Sled => Self::Sled,
            StoreConfig::Fjall => Self::Fjall,
        }
    }
}

/// `[[chain.account]]`: an account of block 0.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccountConfig {
    /// Its address.
    pub address: Address,
    /// Wei, in decimal digits or 0x and hexadecimal ones, as a string: TOML's integers end at 2⁶³.
    #[serde(default)]
    pub balance: U256,
    /// Next nonce.
    #[serde(default)]
    pub nonce: u64,
    /// Code of a contract.
    #[serde(default)]
    pub code: Bytes,
    /// Storage of a contract: slot = value, 32 bytes each.
    #[serde(default)]
    pub storage: BTreeMap<B256, B256>,
}

impl ChainConfig {
    /// What the chain starts from.
    pub fn spec(&self, default_interval_ms: u64, pool: PoolOptions) -> Result<ChainSpec, ConfigError> {
        let mounts = self.mounts.iter().map(MountConfig::genesis).collect::<Result<_, _>>()?;
        let env = genesis_env(self.chain_id, self.genesis_time_s, self.gas_limit, self.beneficiary);
        let genesis = Genesis {
            // `check` refuses zeros.
            env: BlockEnv { fees: self.fees().unwrap_or_default(), ..env },
            governor: self.governor,
            accounts: self.accounts.iter().map(|account| (account.address, account.genesis())).collect(),
            mounts,
            imported: self.genesis.as_deref().map(|path| self.imported(path)).transpose()?,
            development: self.development,
        };
        let block_interval = Duration::from_millis(self.block_interval_ms.unwrap_or(default_interval_ms));
        Ok(ChainSpec { name: self.name.clone(), genesis, block_interval, pool })
    }

    fn imported(&self, path: &Path) -> Result<Arc<EthereumGenesis>, ConfigError> {
        let genesis = genesis_file::read(path)?;
        let (found, configured) = (genesis.chain_id(), self.chain_id);
        if found != configured {
            return Err(ConfigError::OtherChainId {
                name: self.name.clone(),
                path: path.to_owned(),
                found,
                configured,
            });
        }
        Ok(genesis)
    }

    fn fees(&self) -> Option<FeeRule> {
        FeeRule::new(self.base_fee_elasticity, self.base_fee_denominator)
    }

    /// How its state is kept.
    pub(super) fn state(&self) -> StoreSpec {
        StoreSpec { backend: self.store.into(), history: self.history.into() }
    }

    /// What is wrong with this chain alone.
    pub(super) fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(fits) {
            return Err(format!("chain name '{name}' is not made of lower-case letters, digits and '-'"));
        }
        if !(limits::TX_GAS..=limits::MAX_BLOCK_GAS).contains(&self.gas_limit) {
            return Err(format!(
                "gas-limit {} of chain '{name}' is not between {} (one transaction's most) and {}",
                self.gas_limit,
                limits::TX_GAS,
                limits::MAX_BLOCK_GAS
            ));
        }
        let Some(fees) = self.fees() else {
            return Err(format!(
                "base-fee-elasticity {} and base-fee-denominator {} of chain '{name}': both must be 1 at least; Ethereum's are 2 and 8",
                self.base_fee_elasticity, self.base_fee_denominator
            ));
        };
        if self.governor.is_zero() {
            return Err(format!("governor of chain '{name}' is the zero address, which nobody holds"));
        }
        let described = [
            ("genesis-time-s", self.genesis_time_s != 0),
            ("base-fee-elasticity or base-fee-denominator", fees != FeeRule::ETHEREUM),
            ("[[chain.account]]", !self.accounts.is_empty()),
            ("[[chain.mount]]", !self.mounts.is_empty()),
        ];
        if self.genesis.is_some()
            && let Some((key, _)) = described.into_iter().find(|(_, is_there)| *is_there)
        {
            return Err(format!(
                "chain '{name}' has both genesis and {key}: its block 0 is that of the genesis file; engines come later, by \
                 `caldera engine stage`"
            ));
        }
        if let Some(url) = self.follow.as_ref().filter(|url| !url.starts_with("http://")) {
            return Err(format!(
                "follow of chain '{name}' is '{url}': it must begin with http://, as in http://leader:8545/chains/{name}"
            ));
        }
        if self.block_interval_ms == Some(0) {
            return Err(format!("block-interval-ms of chain '{name}' is 0: a chain needs time between blocks"));
        }
        Ok(())
    }
}

impl AccountConfig {
    fn genesis(&self) -> GenesisAccount {
        let storage = self.storage.iter().map(|(slot, value)| ((*slot).into(), (*value).into()));
        GenesisAccount { balance: self.balance, nonce: self.nonce, code: self.code.clone(), storage: storage.collect() }
    }
}

/// Block 0 of a chain, with the base-fee rule of Ethereum.
pub fn genesis_env(chain_id: u64, timestamp_s: u64, gas_limit: u64, beneficiary: Address) -> BlockEnv {
    BlockEnv {
        chain_id,
        number: 0,
        timestamp_s,
        prev_randao: B256::ZERO,
        beneficiary,
        gas_limit,
        base_fee: GENESIS_BASE_FEE,
        fees: FeeRule::ETHEREUM,
        rules: Default::default(),
    }
}

/// A chain that another client began.
pub fn imported_spec(name: &str, genesis: Arc<EthereumGenesis>, governor: Address, development: bool) -> ChainSpec {
    let env = genesis_env(genesis.chain_id(), 0, limits::BLOCK_GAS, governor);
    let genesis =
        Genesis { env, governor, accounts: BTreeMap::new(), mounts: Vec::new(), imported: Some(genesis), development };
    let (block_interval, pool) = (Duration::from_secs(1), PoolOptions::recommended());
    ChainSpec { name: name.to_owned(), genesis, block_interval, pool }
}
