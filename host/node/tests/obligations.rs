//! `caldera obligations load` against a live engine.

mod support;

use std::{fs, path::Path, time::Duration};

use alloy_primitives::{Address, U256};
use caldera_node::{
    dev,
    rpc::{Endpoint, Rpc, Sender, Watch},
};
use clearing_rules::abi::Clearing;
use serde_json::Value;
use support::{Dev, run};

/// Makes two of the ten accounts participants.
async fn register(rpc: &Rpc) -> [Address; 2] {
    let mut watch = Watch::from_head(rpc).await.expect("the node answers");
    let mut addresses = Vec::new();
    for account in dev::accounts().expect("the mnemonic gives keys").into_iter().skip(6).take(2) {
        let mut sender = Sender::ask(rpc, account.signer).await.expect("the node answers");
        let tx = sender.call(dev::CLEARING, &Clearing::registerCall {}, 1_000_000).expect("it signs");
        watch.settle(&[tx], Duration::from_secs(20)).await.expect("it registers");
        addresses.push(sender.address());
    }
    [addresses[0], addresses[1]]
}

fn load(node: &Dev, file: &Path, more: &[&str]) -> (i32, String, String) {
    let (url, clearing) = (node.chain_url("finance"), dev::CLEARING.to_string());
    let args = [
        "--json",
        "obligations",
        "load",
        file.to_str().expect("the path is text"),
        "--clearing",
        &clearing,
        "--rpc",
        &url,
    ];
    run(&[&args[..], more].concat())
}

#[tokio::test]
async fn a_file_is_loaded_once() {
    let node = Dev::start(None);
    let rpc = Rpc::new(Endpoint::of(node.url(), "finance")).unwrap();
    let [a, b] = register(&rpc).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.csv");
    let usd = dev::TOKENS[0].address;
    let lines = format!("{a},{b},{usd},1500000,0,INV-1\n{b},{a},tUSD,500000,,INV-2\n{a},{b},{usd},7,0,INV-3\n");
    fs::write(&file, format!("debtor,creditor,asset,amount,due,reference\n{lines}")).unwrap();

    let (code, out, err) = load(&node, &file, &[]);
    assert_eq!(code, 0, "{err}");
    let loaded: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((loaded["event"].as_str(), loaded["obligations"].as_u64()), (Some("loaded"), Some(3)));
    let cycle = rpc.call(dev::CLEARING, Clearing::cycleCall { id: 1 }).await.unwrap();
    assert_eq!((cycle.obligations, cycle.gross), (3, U256::from(2_000_007)));

    let (code, _, err) = load(&node, &file, &[]);
    assert_eq!(code, 1);
    assert!(err.contains("was this loaded already?"), "{err}");
    assert_eq!(rpc.call(dev::CLEARING, Clearing::cycleCall { id: 1 }).await.unwrap().obligations, 3);

    let key = dir.path().join("key");
    fs::write(&key, node.ready["accounts"][5]["privateKey"].as_str().unwrap()).unwrap();
    let (code, _, err) = load(&node, &file, &["--key-file", key.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(err.contains("only that account submits batches"), "{err}");

    fs::write(&file, format!("debtor,creditor,asset,amount,due,reference\n{a},{b},{usd},1.5,0,INV-9\n")).unwrap();
    let (code, _, err) = load(&node, &file, &[]);
    assert_eq!(code, 1);
    assert!(err.contains("mine.csv:2: amount '1.5'"), "{err}");
}
