//! Submits obligations in batches, as the engine's operator.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, Bytes, U64, U256};
use alloy_sol_types::{SolCall, sol};
use caldera_types::limits::TX_GAS;
use clearing_rules::abi::Clearing::{self, Obligation};
use jsonrpsee_core::rpc_params;
use serde::Serialize;
use serde_json::json;

use super::{FileError, file, file::Asset};
use crate::{
    dev,
    output::{self, Align, Report, Table},
    rpc::{Key, KeyError, Rpc, RpcError, RpcReceipt, Sender, Watch},
};

sol! {
    /// What is asked of a token beside EIP-20's core.
    interface Metadata {
        function symbol() external view returns (string);
    }
}

/// Obligations that are estimated to learn what one costs.
const SAMPLE: usize = 20;
/// Obligations in one batch at most.
const MOST: usize = 200;
/// Gas of one batch: a quarter of a block, so that others find room.
const BATCH_GAS: u64 = 12_000_000;
/// What is added to an estimate, in percent: a cold slot more here, a longer amount there.
const HEADROOM_PERCENT: u64 = 20;
const WITHIN: Duration = Duration::from_secs(120);

/// Why obligations were not loaded.
#[derive(Debug, thiserror::Error)]
pub enum ObligationsError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The chain.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key is not the operator's.
    #[error(
        "the key is that of {key}, but {operator} operates the engine at {clearing}: only that account submits batches"
    )]
    NotOperator {
        /// Whose key was given.
        key: Address,
        /// Whose key is needed.
        operator: Address,
        /// Which engine.
        clearing: Address,
    },
    /// The well-known keys cannot be derived.
    #[error("keys of the test mnemonic: {0}")]
    Keys(#[from] alloy_signer_local::LocalSignerError),
}

/// Obligations are on the chain.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loaded {
    event: &'static str,
    /// How many.
    pub obligations: usize,
    /// Their sum, in the smallest unit.
    pub gross: U256,
    /// Transactions that carried them.
    pub transactions: usize,
    /// Blocks that carried those.
    pub blocks: u64,
    /// Gas that it took.
    pub gas_used: u64,
    /// How long it took.
    pub seconds: f64,
    /// Decimals of the sums.
    #[serde(skip)]
    pub asset: Asset,
}

/// Batches of obligations, each small enough for one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// Obligations in each.
    pub size: usize,
    /// Gas limit of each.
    pub gas: u64,
}

/// Loads a file, signed by the operator's key, which on a development chain is the published account 0.
pub async fn load_file(
    rpc: &Rpc,
    clearing: Address,
    path: &Path,
    key_file: Option<&Path>,
) -> Result<Loaded, ObligationsError> {
    let (asset, operator) = asset(rpc, clearing).await?;
    let obligations = file::read(path, &asset)?;
    let key = match Key::find(key_file)? {
        Some(key) => key,
        None => Key::new(dev::governor()?),
    };
    if key.address() != operator {
        return Err(ObligationsError::NotOperator { key: key.address(), operator, clearing });
    }
    let mut sender = Sender::ask(rpc, key.signer().clone()).await?;
    let (loaded, _) = load(rpc, clearing, &asset, &obligations, &mut sender).await?;
    Ok(loaded)
}

/// The asset that an engine clears, and who operates it.
pub async fn asset(rpc: &Rpc, clearing: Address) -> Result<(Asset, Address), RpcError> {
    let config = rpc.call(clearing, Clearing::configCall {}).await?;
    let symbol = rpc.call(config.settlementAsset, Metadata::symbolCall {}).await?;
    let asset = Asset { address: config.settlementAsset, symbol, decimals: config.settlementDecimals };
    Ok((asset, config.operator))
}

/// Submits obligations in batches, all under way at once, and waits until the last is in a block.
pub async fn load(
    rpc: &Rpc,
    clearing: Address,
    asset: &Asset,
    obligations: &[Obligation],
    sender: &mut Sender,
) -> Result<(Loaded, Vec<RpcReceipt>), ObligationsError> {
    let began = Instant::now();
    let batches = Batches::measure(rpc, clearing, obligations, sender.address()).await?;
    let mut watch = Watch::from_head(rpc).await?;
    let mut txs = Vec::new();
    for batch in obligations.chunks(batches.size) {
        let call = Clearing::submitBatchCall { obligations: batch.to_vec() };
        txs.push(sender.call(clearing, &call, batches.gas)?);
    }
    let receipts = watch.settle(&txs, WITHIN).await?;
    let numbers = || receipts.iter().filter_map(|receipt| receipt.block_number);
    let blocks = numbers().max().unwrap_or_default() + 1 - numbers().min().unwrap_or_default();
    let loaded = Loaded {
        event: "loaded",
        obligations: obligations.len(),
        gross: obligations.iter().map(|obligation| obligation.amount).sum(),
        transactions: receipts.len(),
        blocks,
        gas_used: receipts.iter().map(|receipt| receipt.gas_used).sum(),
        seconds: began.elapsed().as_secs_f64(),
        asset: asset.clone(),
    };
    Ok((loaded, receipts))
}

impl Batches {
    /// Learns from a sample what an obligation costs.
    async fn measure(
        rpc: &Rpc,
        clearing: Address,
        obligations: &[Obligation],
        operator: Address,
    ) -> Result<Self, RpcError> {
        let sample = obligations[..obligations.len().min(SAMPLE)].to_vec();
        let count = sample.len().max(1) as u64;
        let input = Bytes::from(Clearing::submitBatchCall { obligations: sample }.abi_encode());
        let request = json!({ "from": operator, "to": clearing, "data": input });
        let estimate: U64 = rpc
            .request("eth_estimateGas", rpc_params![request])
            .await
            .map_err(|error: RpcError| error.about(Clearing::submitBatchCall::SIGNATURE))?;
        Ok(Self::of(estimate.to::<u64>(), count))
    }

    /// Batches when `count` obligations cost `gas`.
    fn of(gas: u64, count: u64) -> Self {
        let each = (gas / count * (100 + HEADROOM_PERCENT) / 100).max(1);
        let size = (BATCH_GAS / each).clamp(1, MOST as u64);
        Self { size: size as usize, gas: (each * size.max(count)).min(TX_GAS) }
    }
}

impl Report for Loaded {
    fn text(&self) -> String {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        let gross = format!("{} {}", output::decimal(self.gross, self.asset.decimals), self.asset.symbol);
        for (name, value) in [
            ("obligations", output::count(self.obligations)),
            ("gross", gross),
            ("transactions", output::count(self.transactions)),
            ("blocks", output::count(self.blocks)),
            ("gas", output::count(self.gas_used)),
            ("time", output::duration(Duration::from_secs_f64(self.seconds))),
        ] {
            table.row([name.to_owned(), value]);
        }
        format!("Loaded\n{table}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_fit_a_transaction() {
        for (gas, count) in [(20_000, 20), (2_000_000, 20), (16_000_000, 20), (90_000, 1), (16_000_000, 1)] {
            let batches = Batches::of(gas, count);
            assert!((1..=MOST).contains(&batches.size), "{gas} {count}: {batches:?}");
            assert!(batches.gas <= TX_GAS, "{gas} {count}: {batches:?}");
            assert!(
                batches.gas >= (gas / count) * batches.size as u64 || batches.gas == TX_GAS,
                "{gas} {count}: {batches:?}"
            );
        }
        assert_eq!(Batches::of(2_000_000, 20), Batches { size: 100, gas: 12_000_000 });
    }
}
