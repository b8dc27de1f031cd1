//! Headers: what a child block's must be, and whether a given one is that.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, constants::EMPTY_WITHDRAWALS};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B256};
use caldera_types::{Block, BlockEnv, FeeRule};

use crate::executor::BlockOutcome;

/// The environment of the block after `parent`, which is of ours. The timestamp never goes back, and the rule of the base fee
/// stays.
pub fn child_env(
    chain_id: u64,
    parent: &Header,
    parent_hash: B256,
    timestamp_s: u64,
    beneficiary: Address,
    gas_limit: u64,
) -> BlockEnv {
    let fees = FeeRule::of(parent);
    BlockEnv {
        chain_id,
        number: parent.number + 1,
        timestamp_s: timestamp_s.max(parent.timestamp),
        // Predictable, as the contract says: with one builder nothing better can be had.
        prev_randao: parent_hash,
        beneficiary,
        gas_limit,
        base_fee: fees.next_base_fee(parent),
        fees,
        rules: Default::default(),
    }
}

/// The header of a block that did `outcome`. Osaka fields; what a rollup has no use for is empty.
pub fn seal(env: &BlockEnv, parent_hash: B256, outcome: &BlockOutcome, state_root: B256) -> Header {
    Header {
        parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: env.beneficiary,
        state_root,
        transactions_root: Block::transactions_root(&outcome.transactions),
        receipts_root: outcome.receipts_root(),
        logs_bloom: outcome.logs_bloom(),
        number: env.number,
        gas_limit: env.gas_limit,
        gas_used: outcome.gas_used,
        timestamp: env.timestamp_s,
        mix_hash: env.prev_randao,
        base_fee_per_gas: Some(env.base_fee),
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        extra_data: env.fees.extra_data(),
        ..Default::default()
    }
}

/// A block's header is not what its execution gives.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("block {number}: {field} is {given} in the header, but execution gives {executed}")]
pub struct HeaderMismatch {
    /// The block.
    pub number: u64,
    /// The first field that differs.
    pub field: &'static str,
    /// What the header says.
    pub given: String,
    /// What execution says.
    pub executed: String,
}

/// Compares a header with the one that execution gives, field by field.
pub fn verify_header(given: &Header, executed: &Header) -> Result<(), HeaderMismatch> {
    let fields: [(&'static str, String, String); 10] = [
        ("parent hash", given.parent_hash.to_string(), executed.parent_hash.to_string()),
        ("timestamp", given.timestamp.to_string(), executed.timestamp.to_string()),
        ("gas limit", given.gas_limit.to_string(), executed.gas_limit.to_string()),
        ("base fee", format!("{:?}", given.base_fee_per_gas), format!("{:?}", executed.base_fee_per_gas)),
        ("extra data", given.extra_data.to_string(), executed.extra_data.to_string()),
        ("gas used", given.gas_used.to_string(), executed.gas_used.to_string()),
        ("transactions root", given.transactions_root.to_string(), executed.transactions_root.to_string()),
        ("receipts root", given.receipts_root.to_string(), executed.receipts_root.to_string()),
        ("state root", given.state_root.to_string(), executed.state_root.to_string()),
        ("hash", given.hash_slow().to_string(), executed.hash_slow().to_string()),
    ];
    match fields.into_iter().find(|(_, given, executed)| given != executed) {
        None => Ok(()),
        Some((field, given_value, executed)) => {
            Err(HeaderMismatch { number: given.number, field, given: given_value, executed })
        }
    }
}
