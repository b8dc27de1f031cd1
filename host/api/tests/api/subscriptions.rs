//! Subscriptions over a WebSocket.

use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::{Header, Log, Transaction};
use alloy_sol_types::SolCall;
use jsonrpsee_core::{
    ClientError,
    client::{ClientT, Subscription, SubscriptionClientT},
};
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::{Rig, Token, call, positional, tx};

async fn socket(rig: &Rig) -> WsClient {
    WsClientBuilder::default().build(format!("ws://{}/chains/finance", rig.server.addr())).await.unwrap()
}

async fn subscribe<T: DeserializeOwned>(socket: &WsClient, params: Value) -> Result<Subscription<T>, ClientError> {
    socket.subscribe("eth_subscribe", positional(params), "eth_unsubscribe").await
}

async fn next<T: DeserializeOwned>(subscription: &mut Subscription<T>) -> T {
    let next = tokio::time::timeout(Duration::from_secs(10), subscription.next());
    next.await.expect("a message comes").expect("the subscription is open").expect("the message decodes")
}

#[tokio::test]
async fn heads_logs_and_pending_come_as_they_happen() {
    let rig = Rig::new();
    let token = rig.deploy_token(1_000).await;
    let socket = socket(&rig).await;
    let mut heads: Subscription<Header> = subscribe(&socket, json!(["newHeads"])).await.unwrap();
    let mut logs: Subscription<Log> = subscribe(&socket, json!(["logs", { "address": token }])).await.unwrap();
    let mut hashes: Subscription<B256> = subscribe(&socket, json!(["newPendingTransactions"])).await.unwrap();
    let mut whole: Subscription<Transaction> =
        subscribe(&socket, json!(["newPendingTransactions", true])).await.unwrap();

    for nonce in 1..=3u64 {
        let transfer = Token::transferCall { to: Address::repeat_byte(1), amount: U256::from(nonce) };
        let hash = rig.send(call(nonce, token, transfer.abi_encode())).await;
        let sealed = rig.mine();
        assert_eq!(next(&mut hashes).await, hash);
        assert_eq!(*next(&mut whole).await.inner.tx_hash(), hash);
        let head = next(&mut heads).await;
        assert_eq!((head.hash, head.inner.hash_slow()), (sealed.block.hash(), sealed.block.hash()));
        let log = next(&mut logs).await;
        assert_eq!((log.transaction_hash, log.block_hash), (Some(hash), Some(sealed.block.hash())));
    }
    // A transfer of wei leaves no log of the token.
    rig.send(tx(4)).await;
    rig.mine();
    next(&mut heads).await;
    assert!(tokio::time::timeout(Duration::from_millis(100), logs.next()).await.is_err());
}

#[tokio::test]
async fn ids_are_ethereum_quantities_and_can_be_given_back() {
    let rig = Rig::new();
    let socket = socket(&rig).await;
    let heads: Subscription<Header> = subscribe(&socket, json!(["newHeads"])).await.unwrap();
    let jsonrpsee_core::client::SubscriptionKind::Subscription(id) = heads.kind() else { panic!("a subscription") };
    let id = serde_json::to_value(id).unwrap();
    assert!(id.as_str().unwrap().starts_with("0x"), "{id}");
    assert!(socket.request::<bool, _>("eth_unsubscribe", positional(json!([id]))).await.unwrap());
    assert!(!socket.request::<bool, _>("eth_unsubscribe", positional(json!([id]))).await.unwrap());
}

#[tokio::test]
async fn unknown_subscriptions_are_refused() {
    let rig = Rig::new();
    let socket = socket(&rig).await;
    for params in [json!(["syncing"]), json!(["weather"]), json!([]), json!(["logs", { "blockHash": B256::ZERO }])] {
        match subscribe::<Value>(&socket, params.clone()).await {
            Err(ClientError::Call(error)) => assert_eq!(error.code(), -32602, "{params}: {}", error.message()),
            other => panic!("{params}: {other:?}"),
        }
    }
    // Over plain HTTP there is nobody to tell.
    assert!(rig.try_rpc::<Value>("eth_subscribe", json!(["newHeads"])).await.is_err());
}

/// Blocks are made faster than the subscriber's events are kept: it is dropped, and the server goes on.
#[tokio::test]
async fn subscriptions_are_bounded_per_connection() {
    let limits = caldera_api::ApiLimits { subscriptions_per_connection: 2, ..caldera_api::ApiLimits::recommended() };
    let rig = Rig::with_limits(limits);
    let socket = socket(&rig).await;
    let first: Subscription<Header> = subscribe(&socket, json!(["newHeads"])).await.unwrap();
    let second: Subscription<Header> = subscribe(&socket, json!(["newHeads"])).await.unwrap();
    assert!(subscribe::<Header>(&socket, json!(["newHeads"])).await.is_err());
    drop((first, second));
}
