//! `caldera import` and `caldera export` as somebody would use them whose development chain moves here from another client.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use caldera_node::rpc::{Endpoint, Rpc};
use flate2::{Compression, write::GzEncoder};
use jsonrpsee_core::{params::ArrayParams, rpc_params};
use serde_json::{Value, json};
use support::{Dev, caldera, plugins, run};

const LAST: u64 = 41;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../chain/tests/fixtures/ethereum").join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn import(data: &Path, blocks: &Path) -> (i32, String, String) {
    let genesis = fixture("genesis.json");
    run(&["import", "--json", "--genesis", text(&genesis), "--blocks", text(blocks), "--data", text(data)])
}

fn export(data: &Path, more: &[&str]) -> (i32, String, String) {
    run(&[&["export", "--json", "--data", text(data)], more].concat())
}

#[test]
fn a_chain_comes_in_and_goes_out_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (data, chain) = (dir.path().join("data"), fs::read(fixture("chain.rlp")).unwrap());
    // A download that broke off: what was whole comes in.
    let (half, packed) = (dir.path().join("half.rlp"), dir.path().join("chain.rlp.gz"));
    fs::write(&half, &chain[..chain.len() / 2]).unwrap();
    let (code, _, err) = import(&data, &half);
    assert!(code == 1 && err.contains("it is truncated") && err.contains("another import goes on"), "{code} {err}");

    let mut file = GzEncoder::new(fs::File::create(&packed).unwrap(), Compression::fast());
    file.write_all(&chain).unwrap();
    file.finish().unwrap();
    let (code, out, err) = import(&data, &packed);
    assert_eq!(code, 0, "{err}");
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((said["head"].as_u64(), said["chainId"].as_u64()), (Some(LAST), Some(4242)), "{out}");
    assert!(said["known"].as_u64() > Some(5) && said["blocks"].as_u64() > Some(5), "{out}");

    let (blocks, genesis) = (dir.path().join("out.rlp"), dir.path().join("out.json"));
    let (code, out, err) = export(&data, &["--blocks", text(&blocks), "--genesis", text(&genesis)]);
    assert_eq!(code, 0, "{err}");
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((said["last"].as_u64(), said["unverified"].as_u64()), (Some(LAST), Some(0)), "{out}");
    assert!(fs::read(&blocks).unwrap() == chain, "the blocks differ");
    assert_eq!(fs::read(&genesis).unwrap(), fs::read(fixture("genesis.json")).unwrap());
    // Packed, and only once.
    let packed = dir.path().join("out.rlp.gz");
    assert_eq!(export(&data, &["--blocks", text(&packed)]).0, 0);
    let again = dir.path().join("again");
    assert_eq!(import(&again, &packed).0, 0);
    let (code, _, err) = export(&data, &["--blocks", text(&packed)]);
    assert!(code == 1 && err.contains("exists: name another file"), "{err}");
    // What fails leaves nothing behind.
    let long = dir.path().join("long.rlp");
    let (code, _, err) = export(&data, &["--blocks", text(&long), "--to", "42"]);
    assert!(code == 1 && err.contains("the chain has no block 42"), "{err}");
    assert!(!long.exists());
}

#[test]
fn what_does_not_fit_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (data, chain) = (dir.path().join("data"), fs::read(fixture("chain.rlp")).unwrap());
    let broken = |name: &str, bytes: &[u8]| {
        let file = dir.path().join(name);
        fs::write(&file, bytes).unwrap();
        file
    };
    let (code, _, err) = import(&data, &broken("text", b"no blocks"));
    assert!(code == 1 && err.contains("byte 0 begins no block"), "{err}");
    // A bit in the state root of the second block, which begins where the first ends.
    let second = 1 + 2 + usize::from(chain[1]) * 256 + usize::from(chain[2]);
    let mut wrong = chain.clone();
    wrong[second + 3 + 3 + 33 + 33 + 21 + 5] ^= 1;
    let (code, _, err) = import(&data, &broken("wrong", &wrong));
    assert!(code == 1 && err.contains("block 1: state root is 0x") && err.contains("but must be 0x"), "{err}");

    let text_of = fs::read_to_string(fixture("genesis.json")).unwrap();
    let other = broken("other.json", text_of.replace("\"chainId\": 4242", "\"chainId\": 4243").as_bytes());
    let chain = fixture("chain.rlp");
    let args =
        |genesis: &Path| run(&["import", "--genesis", text(genesis), "--blocks", text(&chain), "--data", text(&data)]);
    let (code, _, err) = args(&other);
    assert!(code == 1 && err.contains("holds another chain than that of the genesis file"), "{err}");
    // A folder that does not say what it holds is found out by its blocks, and is not told that it holds the other chain.
    let kept = data.join("imported").join("genesis.json");
    fs::remove_file(&kept).unwrap();
    let apart = broken("apart.json", text_of.replace("\"nonce\": \"0x42\"", "\"nonce\": \"0x43\"").as_bytes());
    let (code, _, err) = args(&apart);
    assert!(code == 1 && err.contains("genesis"), "{err}");
    assert!(!kept.exists());
    assert_eq!(args(&fixture("genesis.json")).0, 0);
    assert_eq!(fs::read(&kept).unwrap(), fs::read(fixture("genesis.json")).unwrap());
    let clique = broken("clique.json", text_of.replace("\"chainId\"", "\"clique\": {}, \"chainId\"").as_bytes());
    let (code, _, err) = args(&clique);
    assert!(code == 1 && err.contains("`clique` of its config is not supported"), "{err}");
    let config = broken("caldera.toml", config(dir.path(), 4243).as_bytes());
    let (code, _, err) = run(&["import", "--config", text(&config), "--chain", "moved", "--blocks", text(&chain)]);
    assert!(
        code == 2 && err.contains("chain-id of chain 'moved' is 4243, but") && err.contains("is of chain 4242"),
        "{err}"
    );
}

/// A configuration that serves the fixture.
fn config(dir: &Path, chain_id: u64) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\ndata = \"{}\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [[chain]]\nname = \"moved\"\nchain-id = {chain_id}\ngenesis = \"{}\"\nblock-interval-ms = 50\ngovernor = \"0x{}\"\n",
        text(&dir.join("data")),
        text(&fixture("genesis.json")),
        "11".repeat(20)
    )
}

async fn ask(rpc: &Rpc, method: &'static str, params: ArrayParams) -> Value {
    rpc.request(method, params).await.unwrap()
}

#[tokio::test]
async fn a_chain_that_moved_is_served_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("caldera.toml");
    fs::write(&file, config(dir.path(), 4242)).unwrap();
    let blocks = fixture("chain.rlp");
    let (code, _, err) = run(&["import", "--config", text(&file), "--chain", "moved", "--blocks", text(&blocks)]);
    assert_eq!(code, 0, "{err}");
    let mut command = caldera();
    command.args(["node", "--json", "--config"]).arg(&file);
    let node = Dev::spawn(command);
    let rpc = Rpc::new(Endpoint::of(node.url(), "moved")).unwrap();
    check_served(&rpc).await;
    assert_eq!(node.signal("TERM").0.code(), Some(0));
    // What this node added stays at home unless it is asked for.
    let out = dir.path().join("out.rlp");
    let (code, said, err) =
        run(&["export", "--json", "--config", text(&file), "--chain", "moved", "--blocks", text(&out)]);
    assert!(code == 0 && said.contains("\"more\":true"), "{said} {err}");
    assert!(fs::read(&out).unwrap() == fs::read(&blocks).unwrap());
    let all = dir.path().join("all.rlp");
    let args = ["export", "--config", text(&file), "--chain", "moved", "--blocks", text(&all), "--to", "42"];
    let (code, _, err) = run(&args);
    assert!(code == 1 && err.contains("after the chain was handed over") && err.contains("--to 41 writes"), "{err}");
    let (code, said, _) = run(&[&args[..], &["--unverified"]].concat());
    assert!(code == 0 && said.contains("1 BLOCKS ARE OF THIS NODE'S OWN RULES"), "{said}");
}

#[tokio::test]
async fn the_development_node_serves_it_at_its_root() {
    let (genesis, blocks) = (fixture("genesis.json"), fixture("chain.rlp"));
    let mut command = caldera();
    command.args(["dev", "--port", "0", "--json", "--block-interval-ms", "100", "--plugins"]).arg(plugins());
    command.args(["--genesis", text(&genesis), "--blocks", text(&blocks)]);
    let node = Dev::spawn(command);
    assert_eq!(node.ready["chains"][0]["name"], "imported");
    assert_eq!(node.ready["chains"].as_array().unwrap().len(), 4);
    let rpc = Rpc::new(Endpoint::of(node.url(), "imported")).unwrap();
    check_served(&rpc).await;
}

async fn check_served(rpc: &Rpc) {
    assert_eq!(rpc.chain_id().await.unwrap(), 4242);
    let began = Instant::now();
    while rpc.block_number().await.unwrap() < LAST + 2 {
        assert!(began.elapsed() < Duration::from_secs(20), "no block follows");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Before the merge: work, uncles, no later field, receipts with roots.
    let block = ask(rpc, "eth_getBlockByNumber", rpc_params!["0xe", true]).await;
    assert_ne!(block["difficulty"], "0x0");
    assert_eq!(
        (&block["miner"], &block["nonce"]),
        (&json!(format!("0x{}", "c0".repeat(20))), &json!("0x0000000000000000"))
    );
    assert_eq!(block["uncles"].as_array().unwrap().len(), 2);
    for absent in ["baseFeePerGas", "withdrawals", "withdrawalsRoot", "blobGasUsed", "requestsHash"] {
        assert!(block.get(absent).is_none(), "block 14 has {absent}");
    }
    let count = ask(rpc, "eth_getUncleCountByBlockNumber", rpc_params!["0xe"]).await;
    assert_eq!(count, "0x2");
    let uncle = ask(rpc, "eth_getUncleByBlockHashAndIndex", rpc_params![&block["hash"], "0x1"]).await;
    assert_eq!((&uncle["hash"], uncle.get("transactions")), (&block["uncles"][1], None));
    assert_eq!(ask(rpc, "eth_getUncleByBlockNumberAndIndex", rpc_params!["0xe", "0x2"]).await, Value::Null);
    let receipts = ask(rpc, "eth_getBlockReceipts", rpc_params!["0x4"]).await;
    for receipt in receipts.as_array().unwrap() {
        assert!(receipt["root"].is_string() && receipt.get("status").is_none(), "{receipt}");
    }
    let trace = json!({ "tracer": "callTracer" });
    let traced = ask(rpc, "debug_traceBlockByNumber", rpc_params!["0x4", trace]).await;
    let gas = |list: &Value, of: &str| list.as_array().unwrap().iter().map(|one| one[of].clone()).collect::<Vec<_>>();
    let traced: Value = traced.as_array().unwrap().iter().map(|one| one["result"].clone()).collect();
    assert_eq!(gas(&traced, "gasUsed"), gas(&receipts, "gasUsed"));
    // After it: withdrawals, blobs, requests.
    let block = ask(rpc, "eth_getBlockByNumber", rpc_params!["0x1f", false]).await;
    assert_eq!((&block["difficulty"], block["withdrawals"].as_array().unwrap().len()), (&json!("0x0"), 2));
    let receipts = ask(rpc, "eth_getBlockReceipts", rpc_params!["0x22"]).await;
    let blob = receipts.as_array().unwrap().iter().find(|receipt| receipt["type"] == "0x3").unwrap();
    assert_eq!((&blob["blobGasUsed"], &blob["blobGasPrice"]), (&json!("0x40000"), &json!("0x1")));
    let fees = ask(rpc, "eth_feeHistory", rpc_params!["0x2", "0x22", json!([])]).await;
    assert_eq!(fees["baseFeePerBlobGas"], json!(["0x1", "0x1", "0x1"]));
    assert!(fees["blobGasUsedRatio"][1].as_f64() > Some(0.3), "{fees}");
    // State, with proofs, at every height; the raw form is that of the file.
    let miner = format!("0x{}", "c0".repeat(20));
    let balance = ask(rpc, "eth_getBalance", rpc_params![&miner, "0x1"]).await;
    let proof = ask(rpc, "eth_getProof", rpc_params![&miner, json!([]), "0x1"]).await;
    assert!(proof["balance"] == balance && !proof["accountProof"].as_array().unwrap().is_empty());
    let raw = ask(rpc, "debug_getRawBlock", rpc_params!["0xe"]).await;
    let raw = alloy_primitives::hex::decode(raw.as_str().unwrap()).unwrap();
    let file = fs::read(fixture("chain.rlp")).unwrap();
    assert!(file.windows(raw.len()).any(|part| part == raw), "block 14 is not what the file has");
    // A call at an old block has that block's rules: before Shanghai there was no PUSH0.
    let push0 = json!({ "data": "0x5f60005260206000f3" });
    let before: Result<Value, _> = rpc.request("eth_call", rpc_params![&push0, "0x1d"]).await;
    assert!(before.is_err(), "{before:?}");
    ask(rpc, "eth_call", rpc_params![&push0, "0x1e"]).await;
    // Blocks of this node follow, with the registry in its place.
    let ours = ask(rpc, "eth_getBlockByNumber", rpc_params!["0x2a", false]).await;
    let theirs = ask(rpc, "eth_getBlockByNumber", rpc_params!["0x29", false]).await;
    assert_eq!(ours["parentHash"], theirs["hash"]);
    let registry = caldera_execution::registry::ADDRESS;
    assert_eq!(ask(rpc, "eth_getCode", rpc_params![registry, "0x2a"]).await, "0xfe");
    assert_eq!(ask(rpc, "eth_getCode", rpc_params![registry, "0x29"]).await, "0x");
}
