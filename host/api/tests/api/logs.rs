//! Logs by filter, asked once or again and again.

use alloy_primitives::{Address, B256, U64, U256};
use alloy_rpc_types_eth::{Filter, FilterChanges, Log};
use alloy_sol_types::{SolCall, SolEvent};
use caldera_api::ApiLimits;
use jsonrpsee_core::{ClientError, client::SubscriptionClientT};
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json};

use crate::support::{Rig, Token, call, positional, tx};

/// A token and three blocks (2 to 4) with one transfer each, of 1, 2 and 3 units to the accounts 0x01…, 0x02…, 0x03….
async fn transfers(rig: &Rig) -> Address {
    let token = rig.deploy_token(1_000).await;
    for n in 1..=3u8 {
        let transfer = Token::transferCall { to: Address::repeat_byte(n), amount: U256::from(n) };
        rig.send(call(n.into(), token, transfer.abi_encode())).await;
        rig.mine();
    }
    token
}

async fn amounts(rig: &Rig, filter: &Filter) -> Vec<u64> {
    let logs: Vec<Log> = rig.rpc("eth_getLogs", json!([filter])).await;
    logs.iter().map(|log| log.log_decode::<Token::Transfer>().unwrap().inner.value.to()).collect()
}

#[tokio::test]
async fn logs_are_found_by_place_address_and_topic() {
    let rig = Rig::new();
    let token = transfers(&rig).await;
    let all = Filter::new().address(token).from_block(0);
    assert_eq!(amounts(&rig, &all).await, [1_000, 1, 2, 3]);
    assert_eq!(amounts(&rig, &all.clone().from_block(2).to_block(3)).await, [1, 2]);
    let to_two = B256::left_padding_from(Address::repeat_byte(2).as_slice());
    let topics = all.clone().event_signature(Token::Transfer::SIGNATURE_HASH).topic2(to_two);
    assert_eq!(amounts(&rig, &topics).await, [2]);
    let either = all.clone().topic2(vec![to_two, B256::left_padding_from(Address::repeat_byte(3).as_slice())]);
    assert_eq!(amounts(&rig, &either).await, [2, 3]);
    let block = rig.chain.header(3).unwrap().unwrap().0;
    assert_eq!(amounts(&rig, &Filter::new().address(token).at_block_hash(block)).await, [2]);
    assert_eq!(amounts(&rig, &Filter::new().address(token)).await, [3], "no range means the head");
    assert!(amounts(&rig, &Filter::new().address(Address::repeat_byte(8)).from_block(0)).await.is_empty());
}

#[tokio::test]
async fn wide_and_wrong_ranges_are_refused() {
    let rig = Rig::with_limits(ApiLimits { log_blocks: 3, log_results: 2, ..ApiLimits::recommended() });
    let token = transfers(&rig).await;
    let error = rig.refused("eth_getLogs", json!([{ "fromBlock": "0x0", "toBlock": "latest" }])).await;
    assert_eq!((error.code(), error.message().contains("at most 3")), (-32005, true), "{}", error.message());
    let error = rig.refused("eth_getLogs", json!([{ "address": token, "fromBlock": "0x2" }])).await;
    assert!(error.message().contains("more than 2 results"), "{}", error.message());
    let backwards = rig.refused("eth_getLogs", json!([{ "fromBlock": "0x3", "toBlock": "0x2" }])).await;
    assert_eq!(backwards.code(), -32602);
    // As the execution-apis' tests have it, wherever the range begins.
    for from in ["0x2", "0x38"] {
        let beyond = rig.refused("eth_getLogs", json!([{ "fromBlock": from, "toBlock": "0x3a" }])).await;
        assert_eq!(beyond.code(), -32602);
        let why = "block range extends beyond current head block: it ends at 58, the head is 4";
        assert!(beyond.message().contains(why), "{}", beyond.message());
    }
    let open = rig.refused("eth_getLogs", json!([{ "fromBlock": "0x38" }])).await;
    assert_eq!((open.code(), open.message().contains("it begins at 56")), (-32602, true), "{}", open.message());
    let to_latest = rig.refused("eth_getLogs", json!([{ "fromBlock": "0x38", "toBlock": "latest" }])).await;
    assert_eq!(to_latest.code(), -32602);
    let unknown = rig.refused("eth_getLogs", json!([{ "blockHash": B256::ZERO }])).await;
    assert_eq!(unknown.code(), -32000);
}

/// However it is installed: each value costs work in every block.
#[tokio::test]
async fn what_a_filter_names_is_bounded() {
    let rig = Rig::with_limits(ApiLimits { log_values: 2, ..ApiLimits::recommended() });
    let socket = WsClientBuilder::default().build(format!("ws://{}/", rig.server.addr())).await.unwrap();
    let subscribe = async |filter: &Value| {
        let params = positional(json!(["logs", filter]));
        socket.subscribe::<Value, _>("eth_subscribe", params, "eth_unsubscribe").await
    };
    let (addresses, topics) = (|n: u8| (0..n).map(Address::repeat_byte), |n: u8| (0..n).map(B256::repeat_byte));
    let values =
        |n| json!({ "address": addresses(n).collect::<Vec<_>>(), "topics": [null, topics(n).collect::<Vec<_>>()] });
    for method in ["eth_getLogs", "eth_newFilter"] {
        rig.rpc::<Value>(method, json!([values(2)])).await;
    }
    subscribe(&values(2)).await.unwrap();
    let one = B256::ZERO;
    for (filter, why) in [
        (json!({ "address": addresses(3).collect::<Vec<_>>() }), "3 addresses, at most 2"),
        (json!({ "topics": [one, null, one, topics(3).collect::<Vec<_>>()] }), "3 topics at position 3, at most 2"),
    ] {
        for method in ["eth_getLogs", "eth_newFilter"] {
            let error = rig.refused(method, json!([filter])).await;
            assert_eq!((error.code(), error.message().contains(why)), (-32005, true), "{}", error.message());
        }
        let Err(ClientError::Call(error)) = subscribe(&filter).await else { panic!("{filter} is refused") };
        assert_eq!((error.code(), error.message().contains(why)), (-32005, true), "{}", error.message());
    }
}

#[tokio::test]
async fn filters_tell_each_change_once() {
    let rig = Rig::new();
    let token = rig.deploy_token(1_000).await;
    let logs: String = rig.rpc("eth_newFilter", json!([{ "address": token }])).await;
    let blocks: String = rig.rpc("eth_newBlockFilter", json!([])).await;
    let pending: String = rig.rpc("eth_newPendingTransactionFilter", json!([])).await;
    assert!(logs.starts_with("0x") && logs != blocks);

    let transfer = Token::transferCall { to: Address::repeat_byte(1), amount: U256::ONE };
    let hash = rig.send(call(1, token, transfer.abi_encode())).await;
    let sealed = rig.mine();
    for (id, expected) in [(&blocks, sealed.block.hash()), (&pending, hash)] {
        assert_eq!(changes(&rig, id).await.as_hashes().unwrap(), [expected]);
    }
    assert_eq!(changes(&rig, &logs).await.as_logs().unwrap()[0].transaction_hash, Some(hash));
    for id in [&logs, &blocks, &pending] {
        assert!(changes(&rig, id).await.is_empty());
    }
    let backwards = rig.refused("eth_newFilter", json!([{ "fromBlock": "0x9", "toBlock": "0x8" }])).await;
    assert_eq!(backwards.code(), -32602);
    let other = rig.refused("eth_getFilterLogs", json!([blocks])).await;
    assert_eq!((other.code(), other.message().starts_with("filter not found")), (-32000, true), "{}", other.message());
    let every: Vec<Log> = rig.rpc("eth_getFilterLogs", json!([logs])).await;
    assert_eq!(every.len(), 1);
    assert!(rig.rpc::<bool>("eth_uninstallFilter", json!([logs])).await);
    assert!(!rig.rpc::<bool>("eth_uninstallFilter", json!([logs])).await);
    let gone = rig.refused("eth_getFilterChanges", json!([logs])).await;
    assert!(gone.message().starts_with("filter not found"), "{}", gone.message());
}

/// What one answer has no room for comes with the next.
#[tokio::test]
async fn filters_lose_nothing_that_does_not_fit() {
    let rig = Rig::with_limits(ApiLimits { log_results: 2, ..ApiLimits::recommended() });
    let token = rig.deploy_token(1_000).await;
    let filter: String = rig.rpc("eth_newFilter", json!([{ "address": token }])).await;
    let send = async |nonce: u64| {
        let transfer = Token::transferCall { to: Address::repeat_byte(1), amount: U256::from(nonce) };
        rig.send(call(nonce, token, transfer.abi_encode())).await;
    };
    // Such a filter may end above the head, where eth_getLogs may not.
    let ends: String = rig.rpc("eth_newFilter", json!([{ "address": token, "toBlock": "0x2" }])).await;
    for nonce in 1..=3 {
        send(nonce).await;
        rig.mine();
    }
    assert_eq!(changes(&rig, &ends).await.as_logs().unwrap().len(), 1);
    let told = async || {
        let changes = changes(&rig, &filter).await;
        let amount = |log: &Log| log.log_decode::<Token::Transfer>().unwrap().inner.value.to::<u64>();
        changes.as_logs().unwrap_or_default().iter().map(amount).collect::<Vec<_>>()
    };
    assert_eq!(told().await, [1, 2]);
    assert_eq!(told().await, [3]);
    assert!(told().await.is_empty());
    // A block with more than one answer may have is an error, which stays until the filter is given up.
    for nonce in 4..=6 {
        send(nonce).await;
    }
    rig.mine();
    for _ in 0..2 {
        let error = rig.refused("eth_getFilterChanges", json!([filter])).await;
        assert!(error.message().contains("more than 2 results; up to block 5 there are 3"), "{}", error.message());
    }
}

#[tokio::test]
async fn filters_run_out() {
    let rig = Rig::with_limits(ApiLimits { filters: 1, ..ApiLimits::recommended() });
    rig.rpc::<Value>("eth_newBlockFilter", json!([])).await;
    assert_eq!(rig.refused("eth_newBlockFilter", json!([])).await.code(), -32005);
    rig.send(tx(0)).await;
    assert_eq!(rig.rpc::<U64>("eth_chainId", json!([])).await, U64::from(4201));
}

async fn changes(rig: &Rig, id: &str) -> FilterChanges {
    rig.rpc("eth_getFilterChanges", json!([id])).await
}
