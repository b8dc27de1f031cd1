//! The environment of another client's block, in our words and in revm's.

use alloy_consensus::Header;
use caldera_types::{BlockEnv, EthereumEnv, FeeRule, Fork, Rules};
use revm::{context::BlockEnv as RevmBlockEnv, primitives::hardfork::SpecId};

use super::genesis::EthereumGenesis;

/// What revm calls a fork.
pub(crate) fn spec_id(fork: Fork) -> SpecId {
    match fork {
        Fork::Frontier => SpecId::FRONTIER,
        Fork::Homestead => SpecId::HOMESTEAD,
        Fork::Tangerine => SpecId::TANGERINE,
        Fork::SpuriousDragon => SpecId::SPURIOUS_DRAGON,
        Fork::Byzantium => SpecId::BYZANTIUM,
        Fork::Petersburg => SpecId::PETERSBURG,
        Fork::Istanbul => SpecId::ISTANBUL,
        Fork::Berlin => SpecId::BERLIN,
        Fork::London => SpecId::LONDON,
        Fork::Merge => SpecId::MERGE,
        Fork::Shanghai => SpecId::SHANGHAI,
        Fork::Cancun => SpecId::CANCUN,
        Fork::Prague => SpecId::PRAGUE,
        Fork::Osaka => SpecId::OSAKA,
    }
}

/// The environment of a block that another client made.
pub fn ethereum_env(genesis: &EthereumGenesis, header: &Header) -> BlockEnv {
    // A block without difficulty was never made by work, and one with it never after the merge.
    let merged = header.difficulty.is_zero();
    let blobs = genesis.schedule.blobs(header.timestamp);
    let ethereum = EthereumEnv {
        fork: genesis.fork(header.number, header.timestamp, merged),
        difficulty: header.difficulty,
        parent_hash: header.parent_hash,
        parent_beacon_root: header.parent_beacon_block_root,
        excess_blob_gas: header.excess_blob_gas,
        // Files state it as a small number; one that is not asks for a fee that never rises.
        blob_fee_fraction: u64::try_from(blobs.update_fraction).unwrap_or(u64::MAX).max(1),
        max_blobs_per_tx: blobs.max_blobs_per_tx,
    };
    BlockEnv {
        chain_id: genesis.chain_id(),
        number: header.number,
        timestamp_s: header.timestamp,
        prev_randao: header.mix_hash,
        beneficiary: header.beneficiary,
        gas_limit: header.gas_limit,
        base_fee: header.base_fee_per_gas.unwrap_or_default(),
        fees: FeeRule::ETHEREUM,
        rules: Rules::Ethereum(ethereum),
    }
}

/// Puts into revm's environment what only such blocks have.
pub(crate) fn put_env(block: &mut RevmBlockEnv, env: &EthereumEnv) {
    block.difficulty = env.difficulty;
    match env.excess_blob_gas {
        Some(excess) => block.set_blob_excess_gas_and_price(excess, env.blob_fee_fraction),
        None => block.blob_excess_gas_and_price = None,
    }
}
