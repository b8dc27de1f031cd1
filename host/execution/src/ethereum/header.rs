//! What the header of a block must be, given its parent.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip1559::{BaseFeeParams, INITIAL_BASE_FEE};
use alloy_primitives::{B64, U256};
use caldera_types::Fork;

use super::{
    difficulty,
    error::{Mismatch, bound, same},
    genesis::EthereumGenesis,
};

/// The least gas limit that a block may have.
const MIN_GAS_LIMIT: u64 = 5_000;
/// A gas limit moves by less than this part of its parent's.
const GAS_LIMIT_BOUND: u64 = 1_024;
/// Bytes of extra data.
const EXTRA_DATA_BYTES: usize = 32;

/// Checks all that can be said of a header without its body. `merged`: whether proof of work had ended with the parent.
pub(super) fn check(
    genesis: &EthereumGenesis,
    header: &Header,
    parent: &Header,
    merged: bool,
) -> Result<Fork, Mismatch> {
    let number = header.number;
    let fork = genesis.fork(number, header.timestamp, merged);
    same(number, "number", &header.number, &(parent.number + 1))?;
    let later = header.timestamp > parent.timestamp;
    bound(number, "timestamp", later, header.timestamp, || format!("over its parent's {}", parent.timestamp))?;
    let fits = header.extra_data.len() <= EXTRA_DATA_BYTES;
    bound(number, "length of extra data", fits, header.extra_data.len(), || format!("{EXTRA_DATA_BYTES} at most"))?;
    let fits = header.gas_used <= header.gas_limit;
    bound(number, "gas used", fits, header.gas_used, || format!("its gas limit {} at most", header.gas_limit))?;
    gas_limit(header, parent, fork)?;
    base_fee(header, parent, fork)?;
    if merged {
        same(number, "difficulty", &header.difficulty, &U256::ZERO)?;
        same(number, "nonce", &header.nonce, &B64::ZERO)?;
        same(number, "ommers hash", &header.ommers_hash, &EMPTY_OMMER_ROOT_HASH)?;
    } else {
        let expected = difficulty::after(&genesis.schedule, parent, fork, header.timestamp);
        same(number, "difficulty", &header.difficulty, &expected)?;
    }
    fields(header, fork)?;
    blobs(genesis, header, parent, fork)?;
    Ok(fork)
}

/// EIP-1559 doubles what it counts from in its first block.
fn gas_limit(header: &Header, parent: &Header, fork: Fork) -> Result<(), Mismatch> {
    let first = fork >= Fork::London && parent.base_fee_per_gas.is_none();
    let from = if first { parent.gas_limit.saturating_mul(2) } else { parent.gas_limit };
    let room = from / GAS_LIMIT_BOUND;
    let holds = header.gas_limit.abs_diff(from) < room && header.gas_limit >= MIN_GAS_LIMIT;
    let expected = || format!("{MIN_GAS_LIMIT} at least and less than {room} from {from}");
    bound(header.number, "gas limit", holds, header.gas_limit, expected)
}

fn base_fee(header: &Header, parent: &Header, fork: Fork) -> Result<(), Mismatch> {
    let expected = (fork >= Fork::London)
        .then(|| parent.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or(INITIAL_BASE_FEE));
    same(header.number, "base fee", &header.base_fee_per_gas, &expected)
}

/// Fields that a fork brings must be there, and not before.
fn fields(header: &Header, fork: Fork) -> Result<(), Mismatch> {
    for (field, is_there, since) in [
        ("withdrawals root", header.withdrawals_root.is_some(), Fork::Shanghai),
        ("blob gas used", header.blob_gas_used.is_some(), Fork::Cancun),
        ("excess blob gas", header.excess_blob_gas.is_some(), Fork::Cancun),
        ("parent beacon block root", header.parent_beacon_block_root.is_some(), Fork::Cancun),
        ("requests hash", header.requests_hash.is_some(), Fork::Prague),
    ] {
        let words = |is_there| if is_there { "there" } else { "absent" };
        let must = fork >= since;
        bound(header.number, field, is_there == must, words(is_there), || words(must).to_owned())?;
    }
    let newer = header.block_access_list_hash.is_some() || header.slot_number.is_some();
    bound(header.number, "a field of a fork after Osaka", !newer, "there", || "absent".to_owned())
}

/// EIP-4844 with the parameters of EIP-7691, EIP-7892 and EIP-7918.
fn blobs(genesis: &EthereumGenesis, header: &Header, parent: &Header, fork: Fork) -> Result<(), Mismatch> {
    if fork < Fork::Cancun {
        return Ok(());
    }
    let params = genesis.schedule.blobs(header.timestamp);
    let most = params.max_blob_gas_per_block();
    let used = header.blob_gas_used.unwrap_or_default();
    bound(header.number, "blob gas used", used <= most, used, || format!("{most} at most"))?;
    let parent = Header {
        excess_blob_gas: parent.excess_blob_gas.or(Some(0)),
        blob_gas_used: parent.blob_gas_used.or(Some(0)),
        ..parent.clone()
    };
    same(header.number, "excess blob gas", &header.excess_blob_gas, &parent.next_block_excess_blob_gas(params))
}
