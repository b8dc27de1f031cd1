//! Step 1: three chains are live, each with its own head and engines.

use alloy_primitives::U64;
use jsonrpsee_core::{
    client::{Subscription, SubscriptionClientT},
    rpc_params,
};
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json};

use crate::{
    ctl,
    dev::{ALLIANCE, ARENA, FINANCE},
    output::{Align, Table},
    rpc::{Endpoint, Rpc, RpcError},
    tour::{TourError, report::Telling, same},
};

/// Asks each chain who it is, and waits for its next block over WebSocket.
pub async fn live(telling: &mut Telling, url: &str) -> Result<(), TourError> {
    let mut step = telling.begin("live", "The node is live: three chains, each with its own engine");
    let (left, right) = (|name| (name, Align::Left), |name| (name, Align::Right));
    let mut table = Table::new([
        left("chain"),
        right("id"),
        right("next block"),
        left("engine"),
        left("mounted at"),
        left("digest"),
    ]);
    let mut rows = Vec::new();
    for (name, id) in [FINANCE, ARENA, ALLIANCE] {
        let endpoint = Endpoint::of(url, name);
        let rpc = Rpc::new(endpoint.clone())?;
        same(format!("chain id of {name}"), rpc.chain_id().await?, id)?;
        let head = next_head(&endpoint).await?;
        for mount in ctl::list(&rpc).await?.mounts {
            let engine = format!("{} {}", mount.name, mount.version);
            rows.push(json!({ "chain": name, "id": id, "block": head, "engine": engine, "digest": mount.digest }));
            let digest = mount.digest.short();
            table.row([name.to_owned(), id.to_string(), head.to_string(), engine, mount.address, digest]);
        }
    }
    step.table("chains", "Heads by WebSocket, engines by the registry:", &table, rows.into());
    telling.end(step, "finance 4201, arena 4202, alliance 4203");
    Ok(())
}

/// The next block that the chain announces.
async fn next_head(endpoint: &Endpoint) -> Result<u64, TourError> {
    let url = endpoint.ws();
    let failed = |error| RpcError::from_client(&url, "eth_subscribe", error);
    let client = WsClientBuilder::default().build(&url).await.map_err(failed)?;
    let mut heads: Subscription<Value> =
        client.subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe").await.map_err(failed)?;
    let bad = |why: String| RpcError::BadAnswer { what: "newHeads".to_owned(), why };
    let head = heads.next().await.ok_or_else(|| bad("the subscription ended".to_owned()))?;
    let head = head.map_err(|error| bad(error.to_string()))?;
    let number: U64 = serde_json::from_value(head["number"].clone()).map_err(|error| bad(error.to_string()))?;
    Ok(number.to())
}
