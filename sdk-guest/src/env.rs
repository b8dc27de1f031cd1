//! What an engine is told about a call and its block. The same on every node.

use alloy_primitives::{Address, B256, U256};

/// One call of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEnv {
    /// Who called: an account, a Solidity contract or another engine.
    pub caller: Address,
    /// Who signed the transaction. Rules about permission look at `caller`; this is for fees and statistics.
    pub origin: Address,
    /// The engine's own address.
    pub this: Address,
    /// Wei sent with the call, already on the engine's account.
    pub value: U256,
    /// True below a STATICCALL: a write, an event or a call with value then halts the engine.
    pub is_static: bool,
    /// Gas left when the call began.
    pub gas_left: u64,
    /// The block that is being executed.
    pub block: BlockEnv,
}

/// The block that is being executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockEnv {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Height; the genesis block is 0.
    pub number: u64,
    /// Unix time in seconds, chosen by the builder; never decreases, may repeat.
    pub timestamp_s: u64,
    /// EIP-4399 PREVRANDAO: predictable on a chain with one builder, so no source of randomness.
    pub prev_randao: B256,
}

/// What a block's transactions did in sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockSummary {
    /// Transactions, the system's own left out.
    pub transactions: u32,
    /// Gas used by them.
    pub gas_used: u64,
}
