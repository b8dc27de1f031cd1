//! `caldera dev` as an operator meets it: ready, stopped in order, killed, started again, and refused a second time.

mod support;

use alloy_primitives::{Address, U256, address};
use caldera_node::{
    dev,
    rpc::{Endpoint, Rpc, Sender, Watch},
};
use jsonrpsee_core::rpc_params;
use serde_json::Value;
use std::time::Duration;
use support::{Dev, caldera, plugins, run};

const SOMEBODY: Address = address!("00000000000000000000000000000000000A11CE");
const WITHIN: Duration = Duration::from_secs(20);

fn client(dev: &Dev, chain: &str) -> Rpc {
    Rpc::new(Endpoint::of(dev.url(), chain)).expect("the node answers")
}

async fn balance(rpc: &Rpc, of: Address) -> U256 {
    rpc.request("eth_getBalance", rpc_params![of, "latest"]).await.expect("the node answers")
}

/// Pays a wei and waits until the node acknowledges it in a block.
async fn pay(rpc: &Rpc) -> alloy_primitives::TxHash {
    let mut sender = Sender::ask(rpc, dev::governor().expect("the node answers")).await.expect("the node answers");
    let mut watch = Watch::from_head(rpc).await.expect("the node answers");
    let tx = sender.pay(SOMEBODY, U256::ONE).expect("the node answers");
    watch.settle(std::slice::from_ref(&tx), WITHIN).await.expect("the node answers");
    tx.hash
}

#[tokio::test]
async fn it_says_what_it_is_and_stops_on_sigterm() {
    let node = Dev::start(None);
    assert_eq!(node.ready["event"], "ready");
    let chains = node.ready["chains"].as_array().unwrap();
    let names: Vec<_> = chains.iter().map(|c| (c["name"].as_str().unwrap(), c["chainId"].as_u64().unwrap())).collect();
    assert_eq!(names, [("finance", 4201), ("arena", 4202), ("alliance", 4203)]);
    assert_eq!(chains[0]["mounts"][0]["address"], dev::CLEARING.to_string());
    assert!(chains[0]["mounts"][0]["name"].as_str().unwrap().starts_with("clearing"), "{}", chains[0]);
    assert_eq!(chains[1]["mounts"][0]["digest"].as_str().unwrap().len(), 66);
    assert_eq!(chains[1]["url"], node.chain_url("arena"));
    assert_eq!(chains[1]["wsUrl"], node.chain_url("arena").replacen("http", "ws", 1));
    let accounts = node.ready["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 10);
    for (name, id) in names {
        let rpc = client(&node, name);
        assert_eq!(rpc.chain_id().await.unwrap(), id);
        for account in accounts {
            let account = account["address"].as_str().unwrap().parse().unwrap();
            assert_eq!(balance(&rpc, account).await, U256::from(10_000) * U256::from(10).pow(U256::from(18)));
        }
    }
    let (status, rest) = node.signal("TERM");
    assert_eq!(status.code(), Some(0));
    assert_eq!(serde_json::from_str::<Value>(&rest).unwrap()["signal"], "SIGTERM");
}

#[tokio::test]
async fn what_was_acknowledged_outlives_kill_9_and_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let node = Dev::start(Some(data.path()));
    let rpc = client(&node, "finance");
    let (mut hashes, mut head) = (Vec::new(), 0);
    for paid in 1..=5u64 {
        hashes.push(pay(&rpc).await);
        assert_eq!(balance(&rpc, SOMEBODY).await, U256::from(paid));
        head = rpc.block_number().await.unwrap();
    }
    let root = rpc.block(head).await.unwrap().unwrap().header.inner.state_root;
    let (status, _) = node.signal("KILL");
    assert_eq!(status.code(), None, "it was killed");

    let node = Dev::start(Some(data.path()));
    let rpc = client(&node, "finance");
    assert_eq!(balance(&rpc, SOMEBODY).await, U256::from(5));
    assert_eq!(rpc.block(head).await.unwrap().unwrap().header.inner.state_root, root);
    let receipts = rpc.receipts(&hashes).await.unwrap();
    assert!(receipts.iter().all(|receipt| receipt.as_ref().is_some_and(|receipt| receipt.status())));
    pay(&rpc).await;
    assert_eq!(node.signal("INT").0.code(), Some(0));

    let (code, out, err) = run(&[
        "--json",
        "replay",
        "--dev",
        "--plugins",
        plugins().to_str().unwrap(),
        "--log",
        data.path().join("finance").to_str().unwrap(),
    ]);
    assert_eq!(code, 0, "{err}");
    let replayed: Value = serde_json::from_str(&out).unwrap();
    assert!(replayed["head"].as_u64().unwrap() > head && replayed["transactions"].as_u64().unwrap() >= 6, "{out}");
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let first = Dev::start(Some(data.path()));
    let output = caldera()
        .args(["dev", "--port", "0", "--plugins"])
        .arg(plugins())
        .arg("--data")
        .arg(data.path())
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains("in use by another process") && message.contains("finance"), "{message}");
    assert_eq!(first.signal("TERM").0.code(), Some(0), "the first one is not disturbed");
}

#[tokio::test]
async fn engines_are_listed_staged_and_armed_by_command() {
    let node = Dev::start(None);
    let finance = node.chain_url("finance");
    let engine = |args: &[&str]| {
        let (code, out, err) = run(&[&["--json", "engine"], args, &["--rpc", &finance]].concat());
        assert_eq!(code, 0, "{args:?}: {err}");
        serde_json::from_str::<Value>(&out).expect("one line of JSON")
    };
    let mut watch = Watch::from_head(&client(&node, "finance")).await.unwrap();
    let listed = engine(&["ls"]);
    assert_eq!((&listed["mounts"][0]["generation"], &listed["mounts"][0]["stateVersion"]), (&1.into(), &1.into()));
    let first = listed["mounts"][0]["digest"].as_str().unwrap();

    let file = plugins().join("clearing-v2.wasm");
    let staged = engine(&["stage", file.to_str().unwrap()]);
    let second = staged["digest"].as_str().unwrap();
    let armed = engine(&["arm", "--digest", second, "--in", "10"]);
    assert_eq!(engine(&["status"])["armed"][0]["digest"], second);
    watch.height_reached(armed["height"].as_u64().unwrap()).await.unwrap();
    let mount = &engine(&["ls"])["mounts"][0];
    assert_eq!(
        (&mount["digest"], &mount["generation"], &mount["stateVersion"]),
        (&second.into(), &2.into(), &2.into())
    );

    // Back again: version 2 knows both layouts, so it brings the state down.
    let armed = engine(&["arm", "--digest", first, "--in", "5"]);
    watch.height_reached(armed["height"].as_u64().unwrap()).await.unwrap();
    let mount = &engine(&["ls"])["mounts"][0];
    assert_eq!((&mount["digest"], &mount["generation"], &mount["stateVersion"]), (&first.into(), &3.into(), &1.into()));
    let status = engine(&["status"]);
    assert_eq!(status["armed"].as_array().unwrap().len(), 0);
    let events = status["events"].as_array().unwrap();
    let names: Vec<_> = events.iter().map(|event| event["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["staged", "armed", "activated", "armed", "activated"]);
    assert!(events[4]["text"].as_str().unwrap().contains("state version 2 to 1"), "{status}");

    let (code, out, _) = run(&["engine", "status", "--rpc", &finance]);
    assert_eq!(code, 0);
    assert!(out.contains("Nothing is armed") && out.contains("activated"), "{out}");
    let (code, _, err) = run(&["engine", "arm", "--digest", first, "--height", "1", "--rpc", &finance]);
    assert_eq!(code, 1);
    assert!(err.contains("height 1 is not ahead of"), "{err}");
}

#[tokio::test]
async fn only_the_governor_changes_engines_and_keys_are_never_shown() {
    let node = Dev::start(None);
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    let secret = node.ready["accounts"][3]["privateKey"].as_str().unwrap();
    std::fs::write(&key, secret).unwrap();
    let file = plugins().join("hello-engine.wasm");
    let (code, out, err) = run(&[
        "engine",
        "stage",
        file.to_str().unwrap(),
        "--rpc",
        &node.chain_url("alliance"),
        "--key-file",
        key.to_str().unwrap(),
    ]);
    assert_eq!(code, 1);
    assert!(err.contains("only that account may do this"), "{err}");
    assert!(!(out + &err).contains(&secret[2..10]), "the key is not repeated");
}
