//! A node that follows another, as two processes: live, over restarts of either, and with a leader that does not do what its
//! blocks say.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod support;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{B256, Bytes, U64, U256};
use alloy_rlp::Decodable;
use caldera_node::{
    dev,
    rpc::{Endpoint, Rpc, Sender, Watch},
};
use caldera_types::Block;
use jsonrpsee_core::rpc_params;
use jsonrpsee_server::{RpcModule, Server, ServerHandle};
use serde_json::{Value, json};
use support::{Dev, caldera, plugins, run};

const WITHIN: Duration = Duration::from_secs(40);

fn leader(port: u16, data: &Path) -> Dev {
    let mut command = caldera();
    command.args(["dev", "--json", "--block-interval-ms", "100", "--admin-port", "0", "--port", &port.to_string()]);
    command.arg("--plugins").arg(plugins()).arg("--data").arg(data);
    Dev::spawn(command)
}

fn follower(leader: &str, data: &Path) -> Dev {
    following(&["--rpc", leader], data)
}

/// A follower of the chain `alliance` alone.
fn follower_of_alliance(url: &str, data: &Path) -> Dev {
    following(&["--rpc", url, "--chain", "alliance"], data)
}

fn following(whom: &[&str], data: &Path) -> Dev {
    let mut command = caldera();
    command.args(["follow", "--dev", "--json", "--port", "0", "--admin-port", "0"]).args(whom);
    command.arg("--plugins").arg(plugins()).arg("--data").arg(data);
    Dev::spawn(command)
}

fn client(node: &Dev, chain: &str) -> Rpc {
    Rpc::new(Endpoint::of(node.url(), chain)).expect("a client")
}

async fn header(rpc: &Rpc, number: u64) -> Option<B256> {
    rpc.block(number).await.expect("the node answers").map(|block| block.header.hash)
}

async fn status(rpc: &Rpc) -> Value {
    rpc.request("caldera_status", rpc_params![]).await.expect("the node answers")
}

/// Waits until a thing is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < WITHIN, "{what} within {WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the second has all blocks that the first has now, and compares them.
async fn same(first: &Rpc, second: &Rpc) -> u64 {
    let height = first.block_number().await.expect("the node answers");
    until("all blocks", async || second.block_number().await.is_ok_and(|second| second >= height)).await;
    for number in [0, 1, height / 2, height] {
        assert_eq!(header(first, number).await, header(second, number).await, "block {number}");
    }
    height
}

async fn pay(rpc: &Rpc) -> B256 {
    let mut sender =
        Sender::ask(rpc, dev::accounts().expect("keys")[5].signer.clone()).await.expect("the node answers");
    let mut watch = Watch::from_head(rpc).await.expect("the node answers");
    let tx = sender.pay(alloy_primitives::Address::repeat_byte(7), U256::ONE).expect("it can be signed");
    watch.settle(std::slice::from_ref(&tx), WITHIN).await.expect("it is in a block");
    tx.hash
}

#[tokio::test]
async fn it_has_the_leaders_blocks_and_sends_on_what_only_the_leader_takes() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let leads = leader(0, first.path());
    let follows = follower(leads.url(), second.path());
    let (ahead, behind) = (client(&leads, "finance"), client(&follows, "finance"));
    until("blocks", async || behind.block_number().await.unwrap() > 3).await;
    same(&ahead, &behind).await;

    // A swap: the component travels in the block.
    let finance = leads.chain_url("finance");
    let engine = |args: &[&str]| {
        let (code, out, err) = run(&[&["--json", "engine"], args, &["--rpc", &finance]].concat());
        assert_eq!(code, 0, "{args:?}: {err}");
        serde_json::from_str::<Value>(&out).expect("one line of JSON")
    };
    let component = plugins().join("clearing-v2.wasm");
    let staged = engine(&["stage", component.to_str().unwrap()]);
    let armed = engine(&["arm", "--digest", staged["digest"].as_str().unwrap(), "--in", "8"]);
    let height = armed["height"].as_u64().unwrap();
    until("the swap", async || behind.block_number().await.unwrap() > height).await;
    same(&ahead, &behind).await;
    let engines: Value = behind.request("caldera_engines", rpc_params![]).await.unwrap();
    assert_eq!(engines["mounts"][0]["digest"], staged["digest"]);

    // Transactions by way of the follower, which knows them at once; its refusals are the leader's.
    let hash = pay(&behind).await;
    assert!(ahead.receipts(&[hash]).await.unwrap()[0].is_some());
    let mut sender = Sender::ask(&behind, dev::accounts().unwrap()[6].signer.clone()).await.unwrap();
    let payment = sender.sign(alloy_primitives::Address::repeat_byte(7), U256::ONE, Bytes::new(), 21_000).unwrap();
    let receipt: Value = behind.request("eth_sendRawTransactionSync", rpc_params![&payment.raw]).await.unwrap();
    assert_eq!((&receipt["transactionHash"], &receipt["status"]), (&json!(payment.hash), &json!("0x1")));
    let [again, once_more] = [&ahead, &behind].map(|rpc| rpc.clone());
    let refused = again.send_raw(&payment.raw).await.unwrap_err().to_string();
    assert_eq!(once_more.send_raw(&payment.raw).await.unwrap_err().to_string(), refused);
    let next = sender.sign(alloy_primitives::Address::repeat_byte(7), U256::ONE, Bytes::new(), 21_000).unwrap();
    behind.send_raw(&next.raw).await.unwrap();
    assert_eq!(behind.nonces(&[sender.address()], "pending").await.unwrap(), [sender.nonce()]);

    // What a development chain is told, its leader is told.
    let refused = behind.request::<Value>("evm_mine", rpc_params![]).await.unwrap_err().to_string();
    assert!(refused.contains("follows") && refused.contains(leads.url()), "{refused}");

    let stands = status(&behind).await["follows"].clone();
    assert_eq!((&stands["leader"], &stands["alarm"]), (&json!(finance), &Value::Null));
    assert_eq!(status(&ahead).await["follows"], Value::Null);
    assert_eq!(follows.signal("TERM").0.code(), Some(0));
    assert_eq!(leads.signal("TERM").0.code(), Some(0));
}

#[tokio::test]
async fn either_may_be_gone_for_a_while() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let leads = leader(0, first.path());
    let port = leads.url().parse::<http::Uri>().unwrap().port_u16().unwrap();
    let url = leads.url().to_owned();
    let ahead = client(&leads, "arena");
    let follows = follower(&url, second.path());
    until("blocks", async || client(&follows, "arena").block_number().await.unwrap() > 3).await;

    // The follower: it goes on where it was.
    follows.kill();
    pay(&ahead).await;
    let height = ahead.block_number().await.unwrap();
    until("blocks", async || ahead.block_number().await.unwrap() > height + 150).await;
    let follows = follower(&url, second.path());
    let behind = client(&follows, "arena");
    same(&ahead, &behind).await;

    // The leader: the follower answers meanwhile, and says what it waits for.
    leads.kill();
    until("it waits", async || !status(&behind).await["follows"]["waits"].is_null()).await;
    let last = behind.block_number().await.unwrap();
    assert!(header(&behind, last).await.is_some());
    let raw = Bytes::from_static(&[1]);
    assert!(behind.send_raw(&raw).await.is_err());
    let leads = leader(port, first.path());
    let ahead = client(&leads, "arena");
    until("blocks", async || behind.block_number().await.unwrap() > last + 3).await;
    let height = same(&ahead, &behind).await;
    assert!(height > last);
    until("it waits no more", async || status(&behind).await["follows"]["waits"].is_null()).await;
    // Started again with nobody there, it serves what it has.
    leads.kill();
    let last = behind.block_number().await.unwrap();
    assert_eq!(follows.signal("TERM").0.code(), Some(0));
    let follows = follower(&url, second.path());
    assert_eq!(client(&follows, "arena").block_number().await.unwrap(), last);
}

/// The first block that the false leader forges.
const FORGED: u64 = 6;
const FALSE_ROOT: B256 = B256::repeat_byte(0xbd);

/// A leader in front of another whose blocks from [`FORGED`] on say another state root than their execution gives.
async fn false_leader(honest: &Dev) -> (SocketAddr, ServerHandle) {
    let server = Server::builder().build("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    let mut module = RpcModule::new(client(honest, "alliance"));
    module
        .register_async_method("eth_getBlockByNumber", |params, rpc, _| async move {
            let (number, full): (String, bool) = params.parse().unwrap();
            rpc.request::<Value>("eth_getBlockByNumber", rpc_params![number, full]).await.unwrap()
        })
        .unwrap();
    module
        .register_async_method("caldera_getLoggedBlocks", |params, rpc, _| async move {
            let (from, count, wait): (U64, U64, U64) = params.parse().unwrap();
            let params = rpc_params![from, count, wait];
            let mut answer: Value = rpc.request("caldera_getLoggedBlocks", params).await.unwrap();
            for told in answer["blocks"].as_array_mut().unwrap() {
                let bytes: Bytes = serde_json::from_value(told.clone()).unwrap();
                let mut block = Block::decode(&mut bytes.as_ref()).unwrap();
                if block.header.number >= FORGED {
                    block.header.state_root = FALSE_ROOT;
                }
                *told = json!(Bytes::from(alloy_rlp::encode(&block)));
            }
            answer
        })
        .unwrap();
    (addr, server.start(module))
}

#[tokio::test]
async fn a_root_that_differs_is_an_alarm_with_both() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let honest = leader(0, first.path());
    let alliance = client(&honest, "alliance");
    until("blocks", async || alliance.block_number().await.unwrap() > FORGED + 3).await;
    let (addr, server) = false_leader(&honest).await;
    let follows = follower_of_alliance(&format!("http://{addr}/chains/alliance"), second.path());
    let rpc = client(&follows, "alliance");
    until("the alarm", async || !status(&rpc).await["follows"]["alarm"].is_null()).await;

    let alarm = status(&rpc).await["follows"]["alarm"].clone();
    let root = alliance.block(FORGED).await.unwrap().unwrap().header.inner.state_root;
    assert_eq!(alarm["number"], json!(U64::from(FORGED)));
    assert_eq!((&alarm["leaderStateRoot"], &alarm["ownStateRoot"]), (&json!(FALSE_ROOT), &json!(root)));
    assert!(alarm["why"].as_str().unwrap().contains("state root"), "{alarm}");

    // It stays there, and answers.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(rpc.block_number().await.unwrap(), FORGED - 1);
    assert_eq!(header(&rpc, FORGED - 1).await, header(&alliance, FORGED - 1).await);
    let health = support::get(follows.admin(), "/health", None);
    assert!(health.starts_with("HTTP/1.1 503") && health.contains("alliance"), "{health}");
    assert!(health.contains(&FALSE_ROOT.to_string()) && health.contains(&root.to_string()), "{health}");
    let token = std::fs::read_to_string(follows.ready["adminTokenFile"].as_str().unwrap()).unwrap();
    let metrics = support::get(follows.admin(), "/metrics", Some(token.trim()));
    assert!(metrics.contains("caldera_follower_root_mismatch{chain=\"alliance\"} 1"), "{metrics}");
    assert_eq!(follows.signal("TERM").0.code(), Some(0));
    server.stop().unwrap();
    let health = support::get(honest.admin(), "/health", None);
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
}

/// A leader that says it is at the greatest height there is and gives no block, until it is told to be honest.
async fn empty_leader(honest: &Dev) -> (SocketAddr, ServerHandle, Arc<Answers>) {
    let server = Server::builder().build("127.0.0.1:0").await.unwrap();
    let (addr, answers) = (server.local_addr().unwrap(), Arc::new(Answers::default()));
    let mut module = RpcModule::new((client(honest, "alliance"), answers.clone()));
    module
        .register_async_method("caldera_getLoggedBlocks", |params, context, _| async move {
            let (rpc, answers) = &*context;
            answers.empty.fetch_add(1, Ordering::Relaxed);
            let (from, count, wait): (U64, U64, U64) = params.parse().unwrap();
            match answers.honest.load(Ordering::Relaxed) {
                true => rpc.request("caldera_getLoggedBlocks", rpc_params![from, count, wait]).await.unwrap(),
                // One that is level with the follower, and does not wait for its next block.
                false if answers.level.load(Ordering::Relaxed) => json!({ "head": from - U64::from(1), "blocks": [] }),
                false => json!({ "head": "0xffffffffffffffff", "blocks": [] }),
            }
        })
        .unwrap();
    (addr, server.start(module), answers)
}

#[derive(Default)]
struct Answers {
    honest: AtomicBool,
    level: AtomicBool,
    empty: AtomicU64,
}

#[tokio::test]
async fn a_leader_without_the_blocks_that_it_names_is_waited_for() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let honest = leader(0, first.path());
    let (addr, server, answers) = empty_leader(&honest).await;
    let follows = follower_of_alliance(&format!("http://{addr}/chains/alliance"), second.path());
    let rpc = client(&follows, "alliance");
    until("it waits", async || {
        status(&rpc).await["follows"]["waits"].as_str().is_some_and(|why| why.contains("gave no block 1"))
    })
    .await;
    // It asks ever more seldom, and of one that is level with it not without a rest either.
    for level in [false, true] {
        answers.level.store(level, Ordering::Relaxed);
        let before = answers.empty.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let asked = answers.empty.load(Ordering::Relaxed) - before;
        assert!(asked < 15, "{asked} times in 2 s");
    }
    answers.honest.store(true, Ordering::Relaxed);
    until("blocks", async || rpc.block_number().await.unwrap() > 3).await;
    until("it waits no more", async || status(&rpc).await["follows"]["waits"].is_null()).await;
    assert_eq!(follows.signal("TERM").0.code(), Some(0));
    server.stop().unwrap();
}

#[tokio::test]
async fn a_leader_of_another_chain_is_an_alarm() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let other = leader(0, first.path());
    let follows = follower_of_alliance(&false_name(&other).await, second.path());
    let rpc = client(&follows, "alliance");
    until("the alarm", async || !status(&rpc).await["follows"]["alarm"].is_null()).await;
    let alarm = status(&rpc).await["follows"]["alarm"].clone();
    let (theirs, ours) = (client(&other, "finance").block(0).await.unwrap().unwrap(), rpc.block(0).await.unwrap());
    assert_eq!((&alarm["number"], &alarm["leaderHash"]), (&json!("0x0"), &json!(theirs.header.hash)));
    assert_eq!(alarm["leaderStateRoot"], json!(theirs.header.inner.state_root));
    assert_eq!(alarm["ownStateRoot"], json!(ours.unwrap().header.inner.state_root));
    assert!(alarm["why"].as_str().unwrap().contains("the configurations differ"), "{alarm}");
}

/// Another chain under the name of the one that is followed.
async fn false_name(node: &Dev) -> String {
    let server = Server::builder().build("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    let mut module = RpcModule::new(client(node, "finance"));
    for method in ["eth_getBlockByNumber", "caldera_getLoggedBlocks"] {
        module
            .register_async_method(method, move |params, rpc, _| async move {
                let mut given = jsonrpsee_core::params::ArrayParams::new();
                for value in params.parse::<Vec<Value>>().unwrap() {
                    given.insert(value).unwrap();
                }
                rpc.request::<Value>(method, given).await.unwrap()
            })
            .unwrap();
    }
    tokio::spawn(server.start(module).stopped());
    format!("http://{addr}/chains/alliance")
}
