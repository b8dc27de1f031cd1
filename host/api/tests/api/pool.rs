//! The pool as clients see it, and `pending`.

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use alloy_primitives::{Address, B256, U64};
use serde_json::{Value, json};

use crate::support::{Rig, raw, sign, tx};

#[tokio::test]
async fn what_waits_is_shown_by_sender_and_nonce() {
    let rig = Rig::new();
    let sender = rig.signer.address().to_checksum(None);
    let mut hashes = Vec::new();
    for nonce in [0, 1, 3] {
        hashes.push(rig.send(tx(nonce)).await);
    }
    let content: Value = rig.rpc("txpool_content", json!([])).await;
    let key = content["pending"].as_object().unwrap().keys().next().unwrap().clone();
    assert_eq!(key, sender, "with EIP-55's checksum");
    assert_eq!(content["pending"][&key]["1"]["hash"], json!(hashes[1]));
    // Fields that only a block gives are there, and null, by whichever way it is asked for.
    let found: Value = rig.rpc("eth_getTransactionByHash", json!([hashes[1]])).await;
    assert_eq!(found, content["pending"][&key]["1"]);
    for field in ["blockHash", "blockNumber", "blockTimestamp", "transactionIndex"] {
        assert_eq!(found.get(field), Some(&Value::Null), "{field}");
    }
    assert_eq!(content["queued"][&key]["3"]["hash"], json!(hashes[2]));
    assert!(content["pending"][&key].get("3").is_none());
    let own: Value = rig.rpc("txpool_contentFrom", json!([sender])).await;
    assert_eq!(own, json!({ "pending": content["pending"][&key], "queued": content["queued"][&key] }));
    let nobody: Value = rig.rpc("txpool_contentFrom", json!([Address::ZERO])).await;
    assert_eq!(nobody, json!({ "pending": {}, "queued": {} }));
    let lines: Value = rig.rpc("txpool_inspect", json!([])).await;
    assert_eq!(
        lines["pending"][&key]["0"],
        json!(format!("{}: 1 wei + 21000 gas × 10000000000 wei", Address::repeat_byte(0x77)))
    );
    assert_eq!(rig.rpc::<Value>("txpool_status", json!([])).await, json!({ "pending": "0x2", "queued": "0x1" }));
    rig.mine();
    assert_eq!(rig.rpc::<Value>("txpool_status", json!([])).await, json!({ "pending": "0x0", "queued": "0x1" }));
}

#[tokio::test]
async fn pending_filters_give_hashes_or_all() {
    let rig = Rig::new();
    let hashes: String = rig.rpc("eth_newPendingTransactionFilter", json!([])).await;
    let whole: String = rig.rpc("eth_newPendingTransactionFilter", json!([true])).await;
    let hash = rig.send(tx(0)).await;
    assert_eq!(rig.rpc::<Vec<B256>>("eth_getFilterChanges", json!([hashes])).await, [hash]);
    let txs: Value = rig.rpc("eth_getFilterChanges", json!([whole])).await;
    assert_eq!(txs[0]["hash"], json!(hash));
    assert!(rig.rpc::<Vec<Value>>("eth_getFilterChanges", json!([hashes])).await.is_empty());
}

/// Also while a block takes it: it is in the index a moment before readers see the block, and in the pool a moment longer.
#[tokio::test]
async fn what_was_taken_in_is_in_the_pool_or_in_a_block_at_any_moment() {
    let rig = Rig::new();
    let sent: Vec<_> = (0..300).map(|nonce| sign(tx(nonce), &rig.signer)).collect();
    let taken_in = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let ask = || {
            while taken_in.load(SeqCst) < sent.len() {
                if let Some(last) = taken_in.load(SeqCst).checked_sub(1) {
                    let found = rig.chain.transaction(*sent[last].tx_hash()).unwrap();
                    assert!(found.is_some(), "transaction {last} is nowhere");
                }
            }
        };
        let asking = [scope.spawn(ask), scope.spawn(ask)];
        for (nonce, tx) in sent.iter().enumerate() {
            rig.chain.submit(tx.clone(), Vec::new()).unwrap();
            taken_in.store(nonce + 1, SeqCst);
            rig.mine();
        }
        asking.into_iter().for_each(|asking| asking.join().unwrap());
    });
}

/// Who has seen a block asks for the nonce at `pending`, and is never answered as before that block.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_is_never_behind_the_newest_block() {
    let rig = std::sync::Arc::new(Rig::new());
    let sender = rig.signer.address();
    let chain = rig.chain.clone();
    let signer = rig.signer.clone();
    let work = tokio::task::spawn_blocking(move || {
        for nonce in 0..150 {
            chain.submit(sign(tx(nonce), &signer), Vec::new()).unwrap();
            let next = chain.head().block.header.timestamp + 1;
            chain.produce_block(next, Duration::from_secs(5)).unwrap();
        }
    });
    while !work.is_finished() {
        let latest = rig.rpc::<U64>("eth_getTransactionCount", json!([sender, "latest"])).await;
        let pending = rig.rpc::<U64>("eth_getTransactionCount", json!([sender, "pending"])).await;
        assert!(pending >= latest, "{pending} after {latest}");
        let number = rig.rpc::<U64>("eth_blockNumber", json!([])).await;
        let block: Value = rig.rpc("eth_getBlockByNumber", json!(["pending", false])).await;
        let shown: U64 = serde_json::from_value(block["number"].clone()).unwrap();
        assert!(shown >= number, "{shown} after {number}");
    }
    work.await.unwrap();
    assert_eq!(rig.rpc::<U64>("eth_getTransactionCount", json!([sender, "pending"])).await, U64::from(150));
}

#[tokio::test]
async fn raw_transactions_are_found_by_their_place() {
    let rig = Rig::new();
    let signed = sign(tx(0), &rig.signer);
    rig.send(tx(0)).await;
    let block = rig.mine();
    let index = block.block.transactions.iter().position(|tx| tx.tx_hash() == signed.tx_hash()).unwrap();
    let index = format!("{index:#x}");
    let (number, hash) = (format!("{:#x}", block.number()), block.block.hash());
    let expected = json!(raw(&signed));
    for (method, place) in [
        ("eth_getRawTransactionByBlockNumberAndIndex", json!(number)),
        ("eth_getRawTransactionByBlockHashAndIndex", json!(hash)),
    ] {
        assert_eq!(rig.rpc::<Value>(method, json!([place, index])).await, expected, "{method}");
        assert_eq!(rig.rpc::<Value>(method, json!([place, "0x99"])).await, Value::Null);
    }
    for (method, place) in
        [("eth_getUncleByBlockNumberAndIndex", json!(number)), ("eth_getUncleByBlockHashAndIndex", json!(hash))]
    {
        assert_eq!(rig.rpc::<Value>(method, json!([place, "0x0"])).await, Value::Null, "{method}");
    }
    // An EIP-1898 object, with requireCanonical.
    let by_object = json!({ "blockHash": hash, "requireCanonical": true });
    let balance: Value = rig.rpc("eth_getBalance", json!([rig.signer.address(), by_object])).await;
    assert_eq!(balance, rig.rpc::<Value>("eth_getBalance", json!([rig.signer.address(), number])).await);
    let unknown = json!({ "blockHash": B256::repeat_byte(1), "requireCanonical": true });
    let error = rig.refused("eth_getBalance", json!([rig.signer.address(), unknown])).await;
    assert!(error.code() == -32000 && error.message().starts_with("header not found"), "{}", error.message());
}
