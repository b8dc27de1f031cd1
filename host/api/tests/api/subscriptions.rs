//! Subscriptions over a WebSocket.

use std::{io::Read, time::Duration};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::{Header, Log, Transaction};
use alloy_sol_types::SolCall;
use caldera_api::ApiLimits;
use jsonrpsee_core::{
    ClientError,
    client::{ClientT, Subscription, SubscriptionClientT},
};
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::{Rig, Token, call, positional, raw_socket, sign, tx};

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
async fn a_chain_that_went_back_tells_of_its_new_blocks() {
    let rig = Rig::for_development();
    let token = rig.deploy_token(1_000).await;
    let socket = socket(&rig).await;
    let place: Value = rig.rpc("evm_snapshot", json!([])).await;
    let mut heads: Subscription<Header> = subscribe(&socket, json!(["newHeads"])).await.unwrap();
    let mut logs: Subscription<Log> = subscribe(&socket, json!(["logs", { "address": token }])).await.unwrap();
    let mut transfer = async |amount: u64| {
        let transfer = Token::transferCall { to: Address::repeat_byte(1), amount: U256::from(amount) };
        let hash = rig.send(call(1, token, transfer.abi_encode())).await;
        let sealed = rig.mine().block.hash();
        assert_eq!((next(&mut heads).await.hash, next(&mut logs).await.transaction_hash), (sealed, Some(hash)));
        // And blocks without it, so that the old height is higher.
        for _ in 0..3 {
            let sealed = rig.mine().block.hash();
            assert_eq!(next(&mut heads).await.hash, sealed);
        }
    };
    transfer(1).await;
    assert!(rig.rpc::<bool>("evm_revert", json!([place])).await);
    transfer(2).await;
}

/// However soon: the server enters a subscription into its table after it told the client of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_just_subscribed_can_be_given_back() {
    let rig = Rig::new();
    let socket = socket(&rig).await;
    for round in 0..500 {
        let heads: Subscription<Header> = subscribe(&socket, json!(["newHeads"])).await.unwrap();
        let jsonrpsee_core::client::SubscriptionKind::Subscription(id) = heads.kind() else { panic!("a subscription") };
        let id = serde_json::to_value(id).unwrap();
        let given_back = socket.request::<bool, _>("eth_unsubscribe", positional(json!([id]))).await.unwrap();
        assert!(given_back, "round {round}");
    }
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

#[tokio::test]
async fn subscriptions_are_bounded_per_connection() {
    let limits = ApiLimits { subscriptions_per_connection: 2, ..ApiLimits::recommended() };
    let rig = Rig::with_limits(limits);
    let socket = socket(&rig).await;
    let first: Subscription<Header> = subscribe(&socket, json!(["newHeads"])).await.unwrap();
    let second: Subscription<Header> = subscribe(&socket, json!(["newHeads"])).await.unwrap();
    assert!(subscribe::<Header>(&socket, json!(["newHeads"])).await.is_err());
    drop((first, second));
}

/// More happens than the chain keeps events for before the subscriber's task can run: no block is left out all the same.
#[tokio::test(flavor = "current_thread")]
async fn heads_are_complete_though_events_are_lost() {
    let rig = Rig::new();
    let socket = socket(&rig).await;
    let mut heads: Subscription<Header> = subscribe(&socket, json!(["newHeads"])).await.unwrap();
    let filler: Vec<_> = (0..1_500).map(|nonce| sign(tx(nonce), &rig.signer)).collect();
    rig.mine();
    for tx in filler {
        rig.chain.submit(tx, Vec::new()).unwrap();
    }
    rig.mine();
    rig.mine();
    for number in 1..=3 {
        assert_eq!(next(&mut heads).await.number, number);
    }
}

/// A subscriber that takes nothing in is told once that it was too slow, and costs nothing more.
#[tokio::test]
async fn a_slow_subscriber_is_dropped() {
    let limits =
        ApiLimits { buffered_messages: 1, slow_subscriber: Duration::from_millis(100), ..ApiLimits::recommended() };
    let rig = Rig::with_limits(limits);
    let mut lazy = raw_socket(
        &rig,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newPendingTransactions",true]}"#,
    );
    // 60 messages of 200 KB are more than the sockets' own buffers hold.
    for nonce in 0..60 {
        rig.send(TxEip1559 { input: vec![0; 100_000].into(), gas_limit: 1_500_000, ..tx(nonce) }).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut told = Vec::new();
    lazy.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut chunk = vec![0; 1 << 20];
    while let Ok(read @ 1..) = lazy.read(&mut chunk) {
        told.extend_from_slice(&chunk[..read]);
    }
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("too slow: messages are not read"), "{} bytes without a farewell", told.len());
    let messages = told.matches("eth_subscription").count();
    assert!(messages < 60, "{messages} of 60 messages were kept for it");
    assert!(!rig.rpc::<Value>("eth_chainId", json!([])).await.is_null(), "the server goes on");
}

/// A connection that takes nothing in ends, whatever waits for it: nothing is kept for it without end.
#[tokio::test]
async fn who_reads_nothing_loses_the_connection() {
    let limits = ApiLimits {
        slow_reader: Duration::from_millis(300),
        slow_subscriber: Duration::from_secs(60),
        ..ApiLimits::recommended()
    };
    let rig = Rig::with_limits(limits);
    let mut lazy = raw_socket(
        &rig,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newPendingTransactions",true]}"#,
    );
    for nonce in 0..60 {
        rig.send(TxEip1559 { input: vec![0; 100_000].into(), gas_limit: 1_500_000, ..tx(nonce) }).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    lazy.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let (mut chunk, mut read) = (vec![0; 1 << 20], 0);
    let end = loop {
        match lazy.read(&mut chunk) {
            Ok(0) => break "closed".to_owned(),
            Ok(bytes) => read += bytes,
            Err(error) => break format!("{:?}", error.kind()),
        }
    };
    assert!(["closed", "ConnectionReset"].contains(&&*end), "{end} after {read} bytes");
    assert!(read < 60 * 200_000, "{read} bytes were kept for it");
    assert!(!rig.rpc::<Value>("eth_chainId", json!([])).await.is_null(), "the server goes on");
}
