//! `caldera engine replay` over the folder of a node that was stopped.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::{fs, path::Path, time::Duration};

use caldera_node::{
    dev,
    rpc::{Endpoint, Rpc, Sender, Watch},
};
use clearing_rules::abi::Clearing;
use serde_json::Value;
use support::{Dev, plugins, run};

const WITHIN: Duration = Duration::from_secs(20);

/// Two participants, obligations from a file, a closed cycle.
async fn clear(node: &Dev, dir: &Path) {
    let rpc = Rpc::new(Endpoint::of(node.url(), "finance")).unwrap();
    let mut watch = Watch::from_head(&rpc).await.unwrap();
    let mut addresses = Vec::new();
    for account in dev::accounts().unwrap().into_iter().skip(6).take(2) {
        let mut sender = Sender::ask(&rpc, account.signer).await.unwrap();
        let tx = sender.call(dev::CLEARING, &Clearing::registerCall {}, 1_000_000).unwrap();
        watch.settle(&[tx], WITHIN).await.unwrap();
        addresses.push(sender.address());
    }
    let ([a, b], usd) = (<[_; 2]>::try_from(addresses).unwrap(), dev::TOKENS[0].address);
    let file = dir.join("obligations.csv");
    let lines = format!("{a},{b},{usd},1505000,0,INV-1\n{b},{a},{usd},500000,0,INV-2\n{a},{b},{usd},7,0,INV-3\n");
    fs::write(&file, format!("debtor,creditor,asset,amount,due,reference\n{lines}")).unwrap();
    let (url, clearing) = (node.chain_url("finance"), dev::CLEARING.to_string());
    let file = file.to_str().unwrap();
    let (code, _, err) = run(&["obligations", "load", file, "--clearing", &clearing, "--rpc", &url]);
    assert_eq!(code, 0, "{err}");
    let mut governor = Sender::ask(&rpc, dev::governor().unwrap()).await.unwrap();
    let close = governor.call(dev::CLEARING, &Clearing::closeCycleCall {}, 5_000_000).unwrap();
    watch.settle(&[close], WITHIN).await.unwrap();
    // Version 1 nets only now, so that is where the versions could part.
    let netted = watch.height() + 16;
    watch.height_reached(netted).await.unwrap();
}

fn replay(data: &Path, candidate: &str, more: &[&str]) -> (i32, String, String) {
    let (data, file) = (data.to_str().unwrap().to_owned(), plugins().join(format!("{candidate}.wasm")));
    let mount = dev::CLEARING.to_string();
    let args = ["engine", "replay", "--data", &data, "--mount", &mount, "--candidate", file.to_str().unwrap()];
    run(&[&args[..], more].concat())
}

#[tokio::test]
async fn a_candidate_is_compared_over_the_blocks_of_a_stopped_node() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let node = Dev::start(Some(&data));
    clear(&node, dir.path()).await;

    let (code, _, err) = replay(&data, "clearing-v1", &[]);
    assert_eq!(code, 1);
    assert!(err.contains("is in use by a running node"), "{err}");
    assert!(node.signal("TERM").0.success());

    let (code, out, err) = replay(&data, "clearing-v1", &[]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("The candidate agrees"), "{out}");

    // Version 2 nets as obligations arrive: the same answers from another layout, with other work.
    let report = dir.path().join("report.json");
    let args = ["--json", "--report", report.to_str().unwrap(), "--fuel-tolerance", "100000"];
    let (code, out, err) = replay(&data, "clearing-v2", &args);
    assert_eq!(code, 0, "{out}{err}");
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&found["event"], &found["state"]["mode"]), (&"engineReplay".into(), &"copy".into()));
    assert!(found["compared"].as_u64().unwrap() >= 4 && found["diverging"] == 0, "{out}");
    assert_eq!(serde_json::from_slice::<Value>(&fs::read(&report).unwrap()).unwrap(), found);

    // Version 3 rounds what is owed: caught by its kinds.
    let (code, out, err) = replay(&data, "clearing-v3-rounding", &["--fuel-tolerance", "100000"]);
    assert_eq!(code, 3, "{out}{err}");
    assert!(err.contains("the candidate diverged in"), "{err}");
    assert!(out.contains("divergence, call in block") || out.contains("divergence, begin-block in block"), "{out}");

    let (code, _, err) = replay(&data, "clearing-v1", &["--from", "9000", "--to", "9001"]);
    assert_eq!(code, 1);
    assert!(err.contains("blocks 9000 to 9001 are not all there"), "{err}");
    let (code, _, err) = replay(&data, "clearing-v1", &["--chain", "finanz"]);
    assert_eq!(code, 1);
    assert!(err.contains("there are: alliance, arena, finance"), "{err}");
}
