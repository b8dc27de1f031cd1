//! Blocks that another client made: Ethereum's forks, and what such blocks carry that ours do not.

use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256, U256};
use alloy_rlp::{RlpDecodable, RlpEncodable};

/// A hard fork of Ethereum that changes what a transaction does, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fork {
    /// The beginning.
    Frontier,
    /// EIP-606.
    Homestead,
    /// EIP-608 (EIP-150).
    Tangerine,
    /// EIP-607: EIP-155, EIP-161.
    SpuriousDragon,
    /// EIP-609.
    Byzantium,
    /// EIP-1013 with EIP-1716.
    Petersburg,
    /// EIP-1679.
    Istanbul,
    /// EIP-2070.
    Berlin,
    /// EIP-1559 and others.
    London,
    /// EIP-3675: no more proof of work.
    Merge,
    /// Withdrawals.
    Shanghai,
    /// Blobs.
    Cancun,
    /// EIP-7600.
    Prague,
    /// EIP-7607.
    Osaka,
}

/// What an Ethereum block's environment has beside that of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthereumEnv {
    /// The rules in force.
    pub fork: Fork,
    /// Difficulty: zero after the merge.
    pub difficulty: U256,
    /// The parent's hash, for EIP-2935.
    pub parent_hash: B256,
    /// EIP-4788, from Cancun on.
    pub parent_beacon_root: Option<B256>,
    /// EIP-4844, from Cancun on.
    pub excess_blob_gas: Option<u64>,
    /// The divisor of the blob fee's exponent.
    pub blob_fee_fraction: u64,
    /// Most blobs in one transaction (EIP-7594).
    pub max_blobs_per_tx: u64,
}

/// Whose rules a block follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rules {
    /// This node's own: engines, the registry, the newest fork.
    #[default]
    Caldera,
    /// The same, in the first such block of a chain that was brought in: the registry comes to be.
    Handover {
        /// Who may stage and arm from then on; zero is nobody.
        governor: Address,
        /// Whether it is a development chain from then on.
        development: bool,
    },
    /// Ethereum's, in the history that another client made.
    Ethereum(EthereumEnv),
}

impl Rules {
    /// The Ethereum part, in a block of another client.
    pub fn ethereum(&self) -> Option<&EthereumEnv> {
        match self {
            Self::Ethereum(env) => Some(env),
            Self::Caldera | Self::Handover { .. } => None,
        }
    }
}

/// What a block of another client carries beside its transactions. A stored block that has this follows Ethereum's rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
#[rlp(trailing)]
pub struct EthereumBody {
    /// Headers of uncles.
    pub ommers: Vec<Header>,
    /// EIP-4895, from Shanghai on.
    pub withdrawals: Option<Withdrawals>,
}
