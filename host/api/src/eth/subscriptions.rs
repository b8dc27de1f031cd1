//! `eth_subscribe`: heads, logs and pending transactions, as they happen.
//!
//! A subscriber that does not keep up is dropped: when the chain's events overtake it, or when its connection's buffer
//! stays full for [`crate::ApiLimits::slow_subscriber`]. It gets a last message that says so.

use std::{sync::Arc, time::Duration};

use alloy_rpc_types_eth::{Filter, pubsub::SubscriptionKind};
use caldera_chain::ChainEvent;
use jsonrpsee_core::{RegisterMethodError, server::SubscriptionMessage};
use jsonrpsee_server::{PendingSubscriptionSink, SubscriptionCloseResponse, SubscriptionSink};
use jsonrpsee_types::Params;
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{
    args::Args,
    context::ChainApi,
    convert,
    errors::{Reply, RpcError},
    module::Module,
};

/// What a subscriber wants.
enum Wanted {
    Heads,
    Logs(Box<Filter>),
    /// Hashes, or whole transactions.
    Pending {
        full: bool,
    },
}

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.0.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, pending, api, _| subscribe(params, pending, api),
    )?;
    Ok(())
}

async fn subscribe(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    api: Arc<ChainApi>,
) -> SubscriptionCloseResponse {
    let wanted = match wanted(&params) {
        Ok(wanted) => wanted,
        Err(error) => {
            pending.reject(error).await;
            return SubscriptionCloseResponse::None;
        }
    };
    // Before the answer, so that nothing that follows the answer is missed.
    let events = api.chain.events();
    let Ok(sink) = pending.accept().await else { return SubscriptionCloseResponse::None };
    match forward(&wanted, events, &sink, api.limits.slow_subscriber).await {
        Some(farewell) => SubscriptionCloseResponse::NotifErr(farewell.into()),
        None => SubscriptionCloseResponse::None,
    }
}

fn wanted(params: &Params<'static>) -> Reply<Wanted> {
    let mut args = Args::new(params)?;
    match args.next("subscription")? {
        SubscriptionKind::NewHeads => Ok(Wanted::Heads),
        SubscriptionKind::Logs => {
            let filter: Box<Filter> = args.optional("filter")?.unwrap_or_default();
            if filter.get_block_hash().is_some() {
                return Err(RpcError::InvalidParams("a log subscription cannot name a block hash".into()));
            }
            Ok(Wanted::Logs(filter))
        }
        SubscriptionKind::NewPendingTransactions => {
            Ok(Wanted::Pending { full: args.optional("whole transactions")?.unwrap_or(false) })
        }
        other => Err(RpcError::InvalidParams(format!(
            "no subscription to {other}; there are newHeads, logs and newPendingTransactions"
        ))),
    }
}

/// Sends until the subscriber is gone. Gives back why, when it is this side that ends it.
async fn forward(
    wanted: &Wanted,
    mut events: Receiver<ChainEvent>,
    sink: &SubscriptionSink,
    patience: Duration,
) -> Option<String> {
    loop {
        let event = tokio::select! {
            () = sink.closed() => return None,
            event = events.recv() => event,
        };
        let messages = match event {
            Ok(event) => messages(wanted, &event),
            Err(RecvError::Lagged(missed)) => return Some(format!("too slow: {missed} events were missed")),
            Err(RecvError::Closed) => return Some("the chain has stopped".into()),
        };
        for message in messages {
            use jsonrpsee_server::SendTimeoutError::{Closed, Timeout};
            match sink.send_timeout(message, patience).await {
                Ok(()) => {}
                Err(Timeout(_)) => return Some("too slow: messages are not read".into()),
                Err(Closed(_)) => return None,
            }
        }
    }
}

/// What an event means to a subscriber.
fn messages(wanted: &Wanted, event: &ChainEvent) -> Vec<SubscriptionMessage> {
    match (wanted, event) {
        (Wanted::Heads, ChainEvent::Block(block)) => message(&convert::header(block)).into_iter().collect(),
        (Wanted::Logs(filter), ChainEvent::Block(block)) => {
            convert::logs(block, filter).iter().filter_map(message).collect()
        }
        (Wanted::Pending { full: false }, ChainEvent::Pending(tx)) => message(&tx.hash).into_iter().collect(),
        (Wanted::Pending { full: true }, ChainEvent::Pending(tx)) => {
            message(&convert::pending(tx)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn message(item: &impl Serialize) -> Option<SubscriptionMessage> {
    // The execution-apis' types serialise whatever they hold; should one not, it is left out and said.
    let json = serde_json::value::to_raw_value(item);
    json.inspect_err(|error| tracing::error!(%error, "a subscription's message does not serialise"))
        .ok()
        .map(Into::into)
}
