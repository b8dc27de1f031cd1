//! `eth_subscribe`: heads, logs and pending transactions, as they happen.
//!
//! Heads and logs are complete and in order: when the chain's events overtake a subscriber, the blocks in between are read
//! back; when a development chain goes back, they go on with the blocks that it then makes. Who does not keep up is dropped, with a last message that says so: when its connection's buffer stays full for
//! [`crate::ApiLimits::slow_subscriber`], or when it has missed pending transactions, which nobody can read back.

use std::sync::Arc;

use alloy_rpc_types_eth::{Filter, pubsub::SubscriptionKind};
use caldera_chain::{ChainEvent, ExecutedBlock, PooledTx};
use jsonrpsee_core::{RegisterMethodError, server::SubscriptionMessage};
use jsonrpsee_server::{PendingSubscriptionSink, SendTimeoutError, SubscriptionCloseResponse, SubscriptionSink};
use jsonrpsee_types::Params;
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::logs;
use crate::{
    args::Args,
    context::ChainApi,
    convert,
    errors::{Reply, RpcError},
    limits::ApiLimits,
    methods::{Method, Param},
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
    let begin = Method {
        name: "eth_subscribe",
        summary: "Tells of newHeads, logs or newPendingTransactions as they happen; over a WebSocket only.",
        params: const {
            &[
                Param::new("subscription", "SubscriptionKind"),
                Param::optional("filter, or whether whole transactions", "SubscriptionOptions"),
            ]
        },
        result: "Quantity",
        development: false,
    };
    let end = Method {
        name: "eth_unsubscribe",
        summary: "Ends a subscription; whether it was there.",
        params: const { &[Param::new("subscription id", "Quantity")] },
        result: "Flag",
        development: false,
    };
    module.subscription([begin, end], "eth_subscription", subscribe)
}

async fn subscribe(
    params: Params<'static>,
    table: &'static [Param],
    pending: PendingSubscriptionSink,
    api: Arc<ChainApi>,
) -> SubscriptionCloseResponse {
    let wanted = match wanted(&params, table, &api.limits) {
        Ok(wanted) => wanted,
        Err(error) => {
            pending.reject(error).await;
            return SubscriptionCloseResponse::None;
        }
    };
    // Before the answer, so that nothing that follows the answer is missed.
    let feed = Feed { events: api.chain.events(), told: api.head_number(), wanted, api };
    let Ok(sink) = pending.accept().await else { return SubscriptionCloseResponse::None };
    match feed.run(&sink).await {
        End::Gone => SubscriptionCloseResponse::None,
        End::Dropped(why) => SubscriptionCloseResponse::NotifErr(why.into()),
    }
}

fn wanted(params: &Params<'static>, table: &'static [Param], limits: &ApiLimits) -> Reply<Wanted> {
    let mut args = Args::new(params, table)?;
    match args.next()? {
        SubscriptionKind::NewHeads => Ok(Wanted::Heads),
        SubscriptionKind::Logs => {
            let filter: Box<Filter> = args.next::<Option<_>>()?.unwrap_or_default();
            logs::check_values(&filter, limits)?;
            if filter.get_block_hash().is_some() {
                return Err(RpcError::InvalidParams("a log subscription cannot name a block hash".into()));
            }
            Ok(Wanted::Logs(filter))
        }
        SubscriptionKind::NewPendingTransactions => {
            Ok(Wanted::Pending { full: args.next::<Option<bool>>()?.unwrap_or(false) })
        }
        other => Err(RpcError::InvalidParams(format!(
            "no subscription to {other}; there are newHeads, logs and newPendingTransactions"
        ))),
    }
}

/// Why a subscription is over.
enum End {
    /// The subscriber left.
    Gone,
    /// This side ends it.
    Dropped(String),
}

/// One subscription at work.
struct Feed {
    api: Arc<ChainApi>,
    wanted: Wanted,
    events: Receiver<ChainEvent>,
    /// Height of the last block that the subscriber was told of.
    told: u64,
}

impl Feed {
    /// Sends until it is over.
    async fn run(mut self, sink: &SubscriptionSink) -> End {
        loop {
            let event = tokio::select! {
                () = sink.closed() => return End::Gone,
                event = self.events.recv() => event,
            };
            let sent = match event {
                Ok(ChainEvent::Pending(tx)) => self.send(sink, self.on_pending(&tx)).await,
                Ok(ChainEvent::Block(block)) if block.number() == self.told + 1 => self.tell(sink, &block).await,
                Ok(ChainEvent::Block(_)) => self.catch_up(sink).await,
                Ok(ChainEvent::WentBack(height)) => {
                    self.told = self.told.min(height);
                    Ok(())
                }
                Err(RecvError::Lagged(missed)) if matches!(self.wanted, Wanted::Pending { .. }) => {
                    Err(End::Dropped(format!("too slow: {missed} events were missed")))
                }
                Err(RecvError::Lagged(_)) => self.catch_up(sink).await,
                Err(RecvError::Closed) => Err(End::Dropped("the chain has stopped".into())),
            };
            if let Err(end) = sent {
                return end;
            }
        }
    }

    /// Tells of the blocks up to the head of which the subscriber was not told.
    async fn catch_up(&mut self, sink: &SubscriptionSink) -> Result<(), End> {
        // That the chain went back may be among what was missed.
        self.told = self.told.min(self.api.head_number());
        while self.told < self.api.head_number() {
            let (api, number) = (self.api.clone(), self.told + 1);
            let block = tokio::task::spawn_blocking(move || api.chain.block(number)).await;
            let Ok(Ok(Some(block))) = block else {
                return Err(End::Dropped(format!("block {number} cannot be read")));
            };
            self.tell(sink, &block).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, sink: &SubscriptionSink, block: &ExecutedBlock) -> Result<(), End> {
        self.told = block.number();
        self.send(sink, self.on_block(block)).await
    }

    async fn send(&self, sink: &SubscriptionSink, messages: Vec<SubscriptionMessage>) -> Result<(), End> {
        for message in messages {
            sink.send_timeout(message, self.api.limits.slow_subscriber).await.map_err(|error| match error {
                SendTimeoutError::Timeout(_) => End::Dropped("too slow: messages are not read".into()),
                SendTimeoutError::Closed(_) => End::Gone,
            })?;
        }
        Ok(())
    }

    /// What a block means to the subscriber.
    fn on_block(&self, block: &ExecutedBlock) -> Vec<SubscriptionMessage> {
        match &self.wanted {
            Wanted::Heads => message(&convert::header(block)).into_iter().collect(),
            Wanted::Logs(filter) => convert::logs(block, filter).iter().filter_map(message).collect(),
            Wanted::Pending { .. } => Vec::new(),
        }
    }

    /// What a transaction that came into the pool means to the subscriber.
    fn on_pending(&self, tx: &PooledTx) -> Vec<SubscriptionMessage> {
        let message = match self.wanted {
            Wanted::Heads | Wanted::Logs(_) => None,
            Wanted::Pending { full: false } => message(&tx.hash),
            Wanted::Pending { full: true } => message(&convert::pending(tx)),
        };
        message.into_iter().collect()
    }
}

fn message(item: &impl Serialize) -> Option<SubscriptionMessage> {
    // The execution-apis' types serialise whatever they hold; should one not, it is left out and said.
    let json = serde_json::value::to_raw_value(item);
    json.inspect_err(|error| tracing::error!(%error, "a subscription's message does not serialise"))
        .ok()
        .map(Into::into)
}
