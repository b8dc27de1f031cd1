//! `eth_sendRawTransactionSync` (EIP-7966): sends, and answers with the receipt.

use std::{sync::Arc, time::Duration};

use alloy_consensus::Transaction as _;
use alloy_primitives::{B256, Bytes, U64};
use caldera_chain::{Accepted, ChainEvent, FoundTransaction, SubmitError};
use jsonrpsee_core::RegisterMethodError;
use jsonrpsee_types::Params;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::transactions::decode;
use crate::{
    args::Args,
    context::ChainApi,
    convert::{self, Receipt},
    errors::{Reply, RpcError},
    methods::{Param, param::RAW_TRANSACTION},
    module::{Module, mine_what_came},
};

/// What a leader says of a transaction that it has: it will be in a block all the same.
const ALREADY_KNOWN: &str = "already known";

const TIMEOUT: Param = Param::optional("timeout in milliseconds", "Milliseconds");

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Takes a signed transaction into the pool and answers with its receipt (EIP-7966).";
    module.waiting("eth_sendRawTransactionSync", about, &[RAW_TRANSACTION, TIMEOUT], "Receipt", send)
}

/// A quantity as Ethereum writes it, or the plain number of the EIP's examples.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Milliseconds {
    Quantity(U64),
    Number(u64),
}

async fn send(api: Arc<ChainApi>, params: Params<'static>, table: &'static [Param]) -> Reply<Receipt> {
    let (raw, timeout) = {
        let mut args = Args::new(&params, table)?;
        (args.next::<Bytes>()?, args.next::<Option<Milliseconds>>()?)
    };
    let timeout = allowed(timeout, api.limits.sync_timeout, api.limits.sync_timeout_most);
    // Before it is sent, so that no block is missed.
    let events = api.chain.events();
    let sender = api.clone();
    if let Some(leader) = &api.leader {
        let hash = *decode(&raw)?.tx_hash();
        if let Some(receipt) = found(api.clone(), hash).await? {
            return Ok(receipt);
        }
        match leader.request("eth_sendRawTransaction", vec![json!(raw)]).await {
            Err(error) if !error.message().contains(ALREADY_KNOWN) => return Err(RpcError::Leader(error)),
            _ => {}
        }
        return match tokio::time::timeout(timeout, mined(api.clone(), hash, events)).await {
            Ok(receipt) => receipt,
            // The leader has it, not this node's pool.
            Err(_) => found(api.clone(), hash).await?.ok_or(RpcError::NotInTime { hash, timeout }),
        };
    }
    let sent = tokio::task::spawn_blocking(move || submit(&sender, &raw)).await;
    let sent = sent.map_err(|error| RpcError::Node(error.to_string()))??;
    let hash = match sent {
        Sent::Mined(receipt) => return Ok(*receipt),
        Sent::Waits { hash, accepted, gap } => {
            let fresh = accepted.is_some();
            // Who waits in vain, or is told of the gap, still knows that it is kept.
            if let Some(accepted) = accepted {
                accepted.settled().await?;
            }
            if let Some(gap) = gap {
                return Err(gap);
            }
            if fresh {
                mine_what_came(api.clone()).await?;
            }
            hash
        }
    };
    match tokio::time::timeout(timeout, mined(api.clone(), hash, events)).await {
        Ok(receipt) => receipt,
        Err(_) => late(api, hash, timeout).await,
    }
}

/// How long to wait: an unfit timeout counts as none, as the EIP says.
fn allowed(asked: Option<Milliseconds>, usual: Duration, most: Duration) -> Duration {
    let asked = asked.map(|asked| match asked {
        Milliseconds::Quantity(quantity) => quantity.to::<u64>(),
        Milliseconds::Number(number) => number,
    });
    asked.map(Duration::from_millis).filter(|time| !time.is_zero() && *time <= most).unwrap_or(usual)
}

enum Sent {
    /// It is in a block already.
    Mined(Box<Receipt>),
    /// It is in the pool, perhaps since now, and perhaps behind a gap.
    Waits { hash: B256, accepted: Option<Accepted>, gap: Option<RpcError> },
}

fn submit(api: &ChainApi, raw: &[u8]) -> Reply<Sent> {
    let tx = decode(raw)?;
    let hash = *tx.tx_hash();
    if let Some(receipt) = receipt(api, hash)? {
        return Ok(Sent::Mined(Box::new(receipt)));
    }
    let nonce = tx.nonce();
    let accepted = match api.chain.accept(tx, Vec::new()) {
        Ok(accepted) => Some(accepted),
        Err(SubmitError::AlreadyKnown) => None,
        Err(error) => {
            // A block may have taken it between the two looks.
            let receipt = receipt(api, hash)?.ok_or(RpcError::from(error))?;
            return Ok(Sent::Mined(Box::new(receipt)));
        }
    };
    let mut gap = None;
    if let Some(FoundTransaction::Pending(pooled)) = api.chain.transaction(hash)? {
        // The first nonce that nothing fills; beyond it the transaction waits for another.
        let next = api.chain.next_nonce(pooled.sender)?;
        gap = (next < nonce).then_some(RpcError::NonceGap { nonce, next });
    }
    Ok(Sent::Waits { hash, accepted, gap })
}

/// What is so when the time is over: the events may have been overtaken, and the pool may have let go of the transaction.
async fn late(api: Arc<ChainApi>, hash: B256, timeout: Duration) -> Reply<Receipt> {
    let look = move || match api.chain.transaction(hash)? {
        Some(FoundTransaction::Mined { block, index }) => {
            convert::receipt(&api.chain, &block, index).ok_or(RpcError::NotInTime { hash, timeout })
        }
        Some(FoundTransaction::Pending(_)) => Err(RpcError::NotInTime { hash, timeout }),
        None => Err(RpcError::Gone { hash }),
    };
    let found = tokio::task::spawn_blocking(look).await;
    found.map_err(|error| RpcError::Node(error.to_string()))?
}

async fn found(api: Arc<ChainApi>, hash: B256) -> Reply<Option<Receipt>> {
    let found = tokio::task::spawn_blocking(move || receipt(&api, hash)).await;
    found.map_err(|error| RpcError::Node(error.to_string()))?
}

fn receipt(api: &ChainApi, hash: B256) -> Reply<Option<Receipt>> {
    Ok(match api.chain.transaction(hash)? {
        Some(FoundTransaction::Mined { block, index }) => convert::receipt(&api.chain, &block, index),
        Some(FoundTransaction::Pending(_)) | None => None,
    })
}

/// Waits for the block that has the transaction.
async fn mined(api: Arc<ChainApi>, hash: B256, mut events: Receiver<ChainEvent>) -> Reply<Receipt> {
    loop {
        match events.recv().await {
            Ok(ChainEvent::WentBack(_)) => {}
            Ok(ChainEvent::Block(block)) => {
                let index = block.block.transactions.iter().position(|tx| *tx.tx_hash() == hash);
                if let Some(receipt) = index.and_then(|index| convert::receipt(&api.chain, &block, index)) {
                    return Ok(receipt);
                }
            }
            Err(RecvError::Lagged(_)) => {
                if let Some(receipt) = found(api.clone(), hash).await? {
                    return Ok(receipt);
                }
            }
            Err(RecvError::Closed) => return Err(RpcError::Node("the chain has stopped".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfit_timeout_counts_as_none() {
        let (usual, most) = (Duration::from_secs(2), Duration::from_secs(10));
        let check = |asked: &str, expected: u64| {
            let asked: Option<Milliseconds> = serde_json::from_str(asked).unwrap();
            assert_eq!(allowed(asked, usual, most), Duration::from_millis(expected), "{asked:?}");
        };
        check("null", 2_000);
        check("\"0x1388\"", 5_000);
        check("5000", 5_000);
        check("0", 2_000);
        check("10001", 2_000);
    }
}
