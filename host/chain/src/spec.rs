//! What makes a chain this chain.

use std::time::Duration;

use alloy_primitives::Address;
use caldera_execution::Genesis;
use caldera_types::{Block, Rules};

use crate::pool::PoolOptions;

/// A chain's name, first state and pace. All nodes of a chain agree on the genesis; the rest is local.
#[derive(Clone, Debug)]
pub struct ChainSpec {
    /// Short name: the path of its endpoint and the name of its folder.
    pub name: String,
    /// The first state, and with it chain id, gas limit and beneficiary.
    pub genesis: Genesis,
    /// Time between two blocks.
    pub block_interval: Duration,
    /// How its waiting transactions are kept.
    pub pool: PoolOptions,
}

impl ChainSpec {
    /// EIP-155 chain id.
    pub fn chain_id(&self) -> u64 {
        self.genesis.env.chain_id
    }

    /// Gas limit of each block.
    pub fn gas_limit(&self) -> u64 {
        self.genesis.env.gas_limit
    }

    /// The rules of the first block of ours, in a chain that was brought in.
    pub(crate) fn handover(&self) -> Rules {
        Rules::Handover { governor: self.genesis.governor, development: self.genesis.development }
    }

    /// Whose rules the block of ours on top of `parent` follows.
    pub(crate) fn rules_after(&self, parent: &Block) -> Rules {
        match parent.ethereum {
            Some(_) => self.handover(),
            None => Rules::Caldera,
        }
    }

    /// Who earns the priority fees.
    pub fn beneficiary(&self) -> Address {
        self.genesis.env.beneficiary
    }
}
