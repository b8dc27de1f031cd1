//! The chains of this node and how they are.

use std::sync::Arc;

use axum::{Json, extract::State};
use caldera_chain::Chain;

use super::{
    error::Reply,
    routes::{App, PathOf},
    view::{ChainView, NodeView},
};
use crate::node::CLIENT_VERSION;

/// All of them, in the order of the configuration.
pub(super) async fn all(State(app): State<Arc<App>>) -> Reply<NodeView> {
    let chains = app.chains.iter().map(|chain| view(&chain.chain)).collect();
    Ok(Json(NodeView { client: CLIENT_VERSION.to_owned(), chains }))
}

/// One of them.
pub(super) async fn one(State(app): State<Arc<App>>, PathOf(name): PathOf<String>) -> Reply<ChainView> {
    Ok(Json(view(&app.chain(&name)?.chain)))
}

fn view(chain: &Chain) -> ChainView {
    let (head, pool) = (chain.head(), chain.pool_status());
    ChainView {
        name: chain.name().to_owned(),
        chain_id: chain.chain_id(),
        head: head.number(),
        hash: head.block.hash(),
        state_root: head.block.header.state_root,
        timestamp_s: head.block.header.timestamp,
        block_interval_ms: u64::try_from(chain.spec().block_interval.as_millis()).unwrap_or(u64::MAX),
        pending: pool.pending,
        queued: pool.queued,
        first_state: chain.first_state(),
        halted: chain.halted(),
    }
}
