//! `eth_subscribe`: heads, logs and pending transactions; what each tells is in [`super::feeds`].

use std::sync::Arc;

use alloy_rpc_types_eth::{Filter, pubsub::SubscriptionKind};
use jsonrpsee_core::RegisterMethodError;
use jsonrpsee_server::{PendingSubscriptionSink, SubscriptionCloseResponse};
use jsonrpsee_types::Params;

use super::{
    feeds::{BlockFeed, End, PendingFeed, Subscriber},
    logs,
};
use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    methods::{Method, Param},
    module::Module,
};

/// One subscription at work.
enum Feed {
    Blocks(BlockFeed),
    Pending(PendingFeed),
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
    let patience = api.limits.slow_subscriber;
    // Before the answer, so that nothing that follows the answer is missed.
    let mut feed = match begin(&params, table, api) {
        Ok(feed) => feed,
        Err(error) => {
            pending.reject(error).await;
            return SubscriptionCloseResponse::None;
        }
    };
    let Ok(sink) = pending.accept().await else { return SubscriptionCloseResponse::None };
    let subscriber = Subscriber { sink, patience };
    loop {
        let told = match &mut feed {
            Feed::Blocks(feed) => feed.advance(&subscriber).await,
            Feed::Pending(feed) => feed.advance(&subscriber).await,
        };
        match told {
            Ok(()) => {}
            Err(End::Gone) => return SubscriptionCloseResponse::None,
            Err(End::Dropped(why)) => return SubscriptionCloseResponse::NotifErr(why.into()),
        }
    }
}

/// Begins to listen for what the parameters ask for.
fn begin(params: &Params<'static>, table: &'static [Param], api: Arc<ChainApi>) -> Reply<Feed> {
    let mut args = Args::new(params, table)?;
    match args.next()? {
        SubscriptionKind::NewHeads => Ok(Feed::Blocks(BlockFeed::of_heads(api))),
        SubscriptionKind::Logs => {
            let filter: Box<Filter> = args.next::<Option<_>>()?.unwrap_or_default();
            logs::check_values(&filter, &api.limits)?;
            if filter.get_block_hash().is_some() {
                return Err(RpcError::InvalidParams("a log subscription cannot name a block hash".into()));
            }
            Ok(Feed::Blocks(BlockFeed::of_logs(api, filter)))
        }
        SubscriptionKind::NewPendingTransactions => {
            Ok(Feed::Pending(PendingFeed::new(&api, args.next::<Option<bool>>()?.unwrap_or(false))))
        }
        other => Err(RpcError::InvalidParams(format!(
            "no subscription to {other}; there are newHeads, logs and newPendingTransactions"
        ))),
    }
}
