//! Validators of a live node: certificates as another program reads them, a crash, and blocks verified from two files.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::{path::Path, time::Duration};

use alloy_primitives::{B256, Bytes, U64};
use caldera_node::rpc::{Endpoint, Rpc};
use caldera_types::{Certificate, Committee, Member};
use caldera_validation::check_certificate;
use jsonrpsee_core::rpc_params;
use serde_json::Value;
use support::{Dev, get, run};

fn client(dev: &Dev, chain: &str) -> Rpc {
    Rpc::new(Endpoint::of(dev.url(), chain)).expect("the node answers")
}

/// The certificate of a block, once it is there.
async fn certificate(rpc: &Rpc, block: &str) -> Value {
    for _ in 0..400 {
        // A block that is not there yet is an error.
        match rpc.request::<Value>("caldera_getCertificate", rpc_params![block]).await {
            Ok(found) if !found.is_null() => return found,
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("block {block} is not certified");
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

/// Checks it with nothing of the node's word but the committee.
fn check(found: &Value) -> (Committee, Certificate) {
    let members = found["committee"]["members"].as_array().unwrap().iter().map(|member| Member {
        key: read(&member["key"]),
        weight: read::<U64>(&member["weight"]).to(),
        owner: read(&member["owner"]),
    });
    let epoch = read::<U64>(&found["committee"]["epoch"]).to();
    let committee = Committee::new(epoch, members.collect()).unwrap();
    let certificate = Certificate::decode(&read::<Bytes>(&found["encoded"])).unwrap();
    check_certificate(&committee, &certificate).unwrap();
    (committee, certificate)
}

async fn height(rpc: &Rpc, tag: &str) -> u64 {
    let block: Value = rpc.request("eth_getBlockByNumber", rpc_params![tag, false]).await.expect("the node answers");
    read::<U64>(&block["number"]).to()
}

#[tokio::test]
async fn every_block_is_certified_and_a_crash_certifies_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let node = Dev::start(Some(data.path()));
    let mut before = Vec::new();
    for chain in ["finance", "arena", "alliance"] {
        let rpc = client(&node, chain);
        let newest = read::<U64>(&certificate(&rpc, "0x3").await["statement"]["height"]);
        assert_eq!(newest.to::<u64>(), 3);
        for number in 1..=3u64 {
            let found = certificate(&rpc, &format!("{number:#x}")).await;
            let (committee, certificate) = check(&found);
            assert_eq!(committee.members().len(), 4);
            let block = rpc.block(number).await.unwrap().unwrap().header;
            let statement = &certificate.statement;
            assert_eq!((statement.chain_id, statement.height), (rpc.chain_id().await.unwrap(), number));
            assert_eq!((statement.block_hash, statement.state_root), (block.hash, block.inner.state_root));
            before.push((chain, number, certificate.statement, committee));
        }
        let safe = height(&rpc, "safe").await;
        assert!(safe >= 3 && safe <= height(&rpc, "latest").await);
    }
    let genesis: Value = client(&node, "arena").request("caldera_getCertificate", rpc_params!["0x0"]).await.unwrap();
    assert!(genesis.is_null());
    let token = std::fs::read_to_string(data.path().join("admin-token")).unwrap();
    let page = get(node.admin(), "/metrics", Some(token.trim()));
    let metric = |name: &str| page.lines().find(|line| line.starts_with(name)).map(str::to_owned).unwrap_or_default();
    let certified = metric("caldera_certified_height{chain=\"finance\"}");
    assert!(certified.rsplit(' ').next().unwrap().parse::<f64>().unwrap() >= 3.0, "{certified}");
    for kind in ["equivocation", "wrong-root"] {
        let evidence = metric(&format!("caldera_validator_evidence{{chain=\"finance\",kind=\"{kind}\"}}"));
        assert!(evidence.ends_with(" 0") || evidence.ends_with(" 0.0"), "{evidence}");
    }
    node.kill();

    let node = Dev::start(Some(data.path()));
    for (chain, number, statement, committee) in before {
        let (again, certificate) = check(&certificate(&client(&node, chain), &format!("{number:#x}")).await);
        assert_eq!((again, certificate.statement), (committee, statement));
    }
    let rpc = client(&node, "finance");
    let next = rpc.block_number().await.unwrap() + 2;
    check(&certificate(&rpc, &format!("{next:#x}")).await);
    let evidence = data.path().join("finance/validation/evidence");
    assert_eq!(std::fs::read_dir(evidence).unwrap().count(), 0, "an honest validator is accused");
}

#[tokio::test]
async fn a_block_is_verified_from_two_files_and_nothing_else() {
    let node = Dev::start(None);
    let (rpc, out) = (client(&node, "finance"), tempfile::tempdir().unwrap());
    certificate(&rpc, "0x2").await;
    let folder = out.path().to_str().unwrap();
    let (code, said, error) =
        run(&["--json", "witness", "--rpc", &node.chain_url("finance"), "--block", "2", "--out", folder]);
    assert_eq!(code, 0, "{error}");
    let written: Value = serde_json::from_str(&said).unwrap();
    let hash = rpc.block(2).await.unwrap().unwrap().header.hash;
    assert_eq!(read::<B256>(&written["hash"]), hash);
    node.kill();

    let (block, witness) = (out.path().join("2.block"), out.path().join("2.witness"));
    let verify = |block: &Path, witness: &Path, more: &[&str]| {
        let files = ["--json", "verify", "--block", block.to_str().unwrap(), "--witness", witness.to_str().unwrap()];
        run(&[&files, more].concat())
    };
    let (code, said, error) = verify(&block, &witness, &["--chain-id", "4201"]);
    assert_eq!(code, 0, "{error}");
    let verified: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((read::<B256>(&verified["hash"]), &verified["number"]), (hash, &2.into()));
    assert_eq!(verify(&block, &witness, &["--chain-id", "1"]).0, 1);
    assert_eq!(verify(&witness, &block, &[]).0, 1);
    // A bit in the middle of the nodes.
    let mut bytes = std::fs::read(&witness).unwrap();
    bytes[2_000] ^= 1;
    let tampered = out.path().join("tampered");
    std::fs::write(&tampered, bytes).unwrap();
    let (code, said, _) = verify(&block, &tampered, &[]);
    assert_eq!((code, said.as_str()), (1, ""));
}
