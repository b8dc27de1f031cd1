//! The weave engine's events over any number of blocks, in questions that a node answers.

use alloy_rpc_types_eth::Filter;

use crate::rpc::{Rpc, RpcError, RpcLog};

/// Blocks of one question, at first.
const PAGE: u64 = 5_000;
/// JSON-RPC's code for a limit of the node (EIP-1474).
const OVER_LIMIT: i32 = -32005;

/// The events that fit a filter from one height to another, oldest first. A node that finds a question too long gets shorter ones.
pub(super) async fn events(rpc: &Rpc, filter: &Filter, from: u64, to: u64) -> Result<Vec<RpcLog>, RpcError> {
    let (mut found, mut next, mut page) = (Vec::new(), from, PAGE);
    while next <= to {
        let last = to.min(next.saturating_add(page - 1));
        match rpc.logs(&filter.clone().from_block(next).to_block(last)).await {
            Ok(more) => {
                found.extend(more);
                next = last + 1;
            }
            Err(RpcError::Refused { code: OVER_LIMIT, .. }) if page > 1 => page /= 2,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The newest events that fit a filter, newest first, and at most `most` of them.
pub(super) async fn newest(rpc: &Rpc, filter: &Filter, head: u64, most: usize) -> Result<Vec<RpcLog>, RpcError> {
    let mut found: Vec<RpcLog> = Vec::new();
    let mut next = Some(head);
    while let Some(last) = next.filter(|_| found.len() < most) {
        let first = last.saturating_sub(PAGE - 1);
        let mut page = events(rpc, filter, first, last).await?;
        page.reverse();
        found.extend(page);
        next = first.checked_sub(1);
    }
    found.truncate(most);
    Ok(found)
}
