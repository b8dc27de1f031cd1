//! `txpool_`: what waits for a block, as geth shows it.

use std::collections::BTreeMap;

use alloy_consensus::Transaction as _;
use alloy_primitives::U64;
use caldera_chain::PooledTx;
use jsonrpsee_core::RegisterMethodError;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    context::ChainApi,
    convert::{self, Waiting},
    methods::param::ADDRESS,
    module::Module,
};

/// Transactions by the decimal digits of their nonce.
type ByNonce<T> = BTreeMap<String, T>;

/// What geth calls pending and queued.
#[derive(Clone, Debug, Serialize)]
struct Content<T> {
    pending: T,
    queued: T,
}

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "How many transactions a next block can take, and how many wait behind a gap of nonces.";
    module.quick("txpool_status", about, &[], "TxpoolStatus", |api, _| Ok(status(api)))?;
    let about = "The transactions that wait, by sender and nonce.";
    module.blocking("txpool_content", about, &[], "TxpoolContent", |api, _| Ok(by_sender(api, convert::waiting)))?;
    let about = "The transactions that wait, by sender and nonce, each in a line of text.";
    module.blocking("txpool_inspect", about, &[], "TxpoolInspection", |api, _| Ok(by_sender(api, line)))?;
    let about = "The transactions of one sender that wait, by nonce.";
    module.blocking("txpool_contentFrom", about, &[ADDRESS], "TxpoolContentFrom", |api, args| {
        let content = api.chain.pool_content(Some(args.next()?));
        Ok(Content { pending: by_nonce(&content.pending), queued: by_nonce(&content.queued) })
    })
}

fn status(api: &ChainApi) -> Value {
    let pool = api.chain.pool_status();
    json!({ "pending": U64::from(pool.pending), "queued": U64::from(pool.queued) })
}

fn by_sender<T>(api: &ChainApi, show: fn(&PooledTx) -> T) -> Content<BTreeMap<String, ByNonce<T>>> {
    let content = api.chain.pool_content(None);
    let group = |waiting: &[std::sync::Arc<PooledTx>]| {
        let mut senders: BTreeMap<String, ByNonce<T>> = BTreeMap::new();
        for pooled in waiting {
            // With EIP-55's checksum, as geth has it.
            let sender = pooled.sender.to_checksum(None);
            senders.entry(sender).or_default().insert(pooled.tx.nonce().to_string(), show(pooled));
        }
        senders
    };
    Content { pending: group(&content.pending), queued: group(&content.queued) }
}

fn by_nonce(waiting: &[std::sync::Arc<PooledTx>]) -> ByNonce<Waiting> {
    waiting.iter().map(|pooled| (pooled.tx.nonce().to_string(), convert::waiting(pooled))).collect()
}

/// As geth words it.
fn line(pooled: &PooledTx) -> String {
    let tx = &pooled.tx;
    let to = tx.to().map_or_else(|| "contract creation".to_owned(), |to| to.to_string());
    format!("{to}: {} wei + {} gas × {} wei", tx.value(), tx.gas_limit(), tx.max_fee_per_gas())
}
