//! What gas costs: EIP-1559 history and suggestions.

use alloy_consensus::Transaction as _;
use alloy_eips::{BlockNumberOrTag, eip4844::BLOB_TX_MIN_BLOB_GASPRICE};
use alloy_primitives::{U64, U128};
use alloy_rpc_types_eth::FeeHistory;
use caldera_chain::ExecutedBlock;
use caldera_types::is_system_transaction;
use jsonrpsee_core::RegisterMethodError;

use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    methods::Param,
    module::Module,
};

/// Most percentiles of one `eth_feeHistory`.
const MAX_PERCENTILES: usize = 100;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Wei per gas that a legacy transaction should offer.";
    module.quick("eth_gasPrice", about, &[], "Quantity", |api, _| {
        Ok(U128::from(api.chain.suggest_tip().saturating_add(api.chain.next_base_fee().into())))
    })?;
    let about = "Wei per gas that a transaction should offer on top of the base fee.";
    module
        .quick("eth_maxPriorityFeePerGas", about, &[], "Quantity", |api, _| Ok(U128::from(api.chain.suggest_tip())))?;
    let about = "Wei per gas that the next block takes from each transaction (EIP-1559).";
    module.quick("eth_baseFee", about, &[], "Quantity", |api, _| Ok(U128::from(api.chain.next_base_fee())))?;
    // Blob transactions are refused, so blobs always cost the least they can.
    let about = "Wei per blob gas: one, since there are no blobs.";
    module.quick("eth_blobBaseFee", about, &[], "Quantity", |_, _| Ok(U128::from(BLOB_TX_MIN_BLOB_GASPRICE)))?;
    let about = "Base fees, fullness and tips of the blocks up to one.";
    let params = const {
        &[
            Param::new("block count", "Quantity"),
            Param::new("newest block", "BlockNumberOrTag"),
            Param::optional("reward percentiles", "Percentiles"),
        ]
    };
    module.blocking("eth_feeHistory", about, params, "FeeHistory", history)
}

fn history(api: &ChainApi, args: &mut Args<'_>) -> Reply<FeeHistory> {
    let count = args.next::<U64>()?.to::<u64>();
    let newest = api.existing(Some(args.next::<BlockNumberOrTag>()?.into()))?;
    let percentiles: Vec<f64> = args.next::<Option<_>>()?.unwrap_or_default();
    check_percentiles(&percentiles)?;
    let count = count.min(api.limits.fee_history_blocks).min(newest + 1);
    if count == 0 {
        return Ok(FeeHistory::default());
    }
    let oldest = newest + 1 - count;
    let mut fees = FeeHistory { oldest_block: oldest, ..Default::default() };
    for number in oldest..=newest {
        let block = api.chain.block(number)?.ok_or_else(|| RpcError::NoBlock(number.to_string()))?;
        let header = &block.block.header;
        fees.base_fee_per_gas.push(header.base_fee_per_gas.unwrap_or_default().into());
        fees.gas_used_ratio.push(header.gas_used as f64 / header.gas_limit.max(1) as f64);
        let blobs = api.chain.blob_market(header);
        fees.base_fee_per_blob_gas.push(blobs.fee);
        fees.blob_gas_used_ratio.push(blobs.used as f64 / blobs.most.max(1) as f64);
        // None asked for, none given, as in geth.
        if !percentiles.is_empty() {
            fees.reward.get_or_insert_default().push(rewards(&block, &percentiles));
        }
        if number == newest {
            let (base, blob) = after(api, number)?;
            fees.base_fee_per_gas.push(base);
            fees.base_fee_per_blob_gas.push(blob);
        }
    }
    Ok(fees)
}

/// Base fee and blob fee of the block after `number`, which need not be there yet.
fn after(api: &ChainApi, number: u64) -> Reply<(u128, u128)> {
    Ok(match api.chain.header(number + 1)? {
        Some((_, next)) => (next.base_fee_per_gas.unwrap_or_default().into(), api.chain.blob_market(&next).fee),
        None => (api.chain.next_base_fee().into(), BLOB_TX_MIN_BLOB_GASPRICE),
    })
}

fn check_percentiles(percentiles: &[f64]) -> Reply<()> {
    let in_range = percentiles.iter().all(|percentile| (0.0..=100.0).contains(percentile));
    if percentiles.len() > MAX_PERCENTILES || !in_range || !percentiles.is_sorted() {
        let why = format!("reward percentiles: at most {MAX_PERCENTILES}, each from 0 to 100, in rising order");
        return Err(RpcError::InvalidParams(why));
    }
    Ok(())
}

/// The tips that were paid in a block, at the given percentiles of its gas.
fn rewards(block: &ExecutedBlock, percentiles: &[f64]) -> Vec<u128> {
    let base_fee = block.block.header.base_fee_per_gas.unwrap_or_default();
    let mut paid: Vec<(u128, u64)> = block
        .block
        .transactions
        .iter()
        .zip(&block.receipts)
        .filter(|(tx, _)| !is_system_transaction(tx))
        .map(|(tx, receipt)| (tx.effective_tip_per_gas(base_fee).unwrap_or_default(), receipt.gas_used))
        .collect();
    paid.sort_unstable();
    at_percentiles(&paid, percentiles)
}

/// For each percentile, the tip of the transaction with which that share of all gas is reached. `paid` is (tip, gas) by
/// rising tip.
fn at_percentiles(paid: &[(u128, u64)], percentiles: &[f64]) -> Vec<u128> {
    let total: u64 = paid.iter().map(|(_, gas)| gas).sum();
    let mut spent = 0;
    let mut next = paid.iter();
    let mut tip = 0;
    let mut at = |percentile: &f64| {
        let wanted = (total as f64 * percentile / 100.0) as u64;
        while spent < wanted || spent == 0 {
            let Some((paid, gas)) = next.next() else { break };
            (tip, spent) = (*paid, spent + gas);
        }
        tip
    };
    percentiles.iter().map(&mut at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paid: &[(u128, u64)], percentiles: &[f64], tips: &[u128]) {
        assert_eq!(at_percentiles(paid, percentiles), tips, "{paid:?} at {percentiles:?}");
    }

    #[test]
    fn percentiles_go_by_gas() {
        check(&[], &[0.0, 50.0, 100.0], &[0, 0, 0]);
        check(&[(7, 21_000)], &[0.0, 50.0, 100.0], &[7, 7, 7]);
        check(&[(1, 90), (2, 5), (9, 5)], &[0.0, 50.0, 90.0, 91.0, 95.0, 96.0, 100.0], &[1, 1, 1, 2, 2, 9, 9]);
        check(&[(1, 50), (2, 50)], &[25.0, 75.0], &[1, 2]);
    }

    #[test]
    fn bad_percentiles_are_refused() {
        for bad in [vec![-0.1], vec![100.1], vec![50.0, 10.0], vec![f64::NAN], vec![1.0; MAX_PERCENTILES + 1]] {
            assert!(matches!(check_percentiles(&bad), Err(RpcError::InvalidParams(_))), "{bad:?}");
        }
        assert!(check_percentiles(&[0.0, 0.0, 100.0]).is_ok());
    }
}
