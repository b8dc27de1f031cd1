//! `caldera db` on the folder of a chain whose node was stopped: what it says, what it mends, and how it exits.

#[path = "rig/mod.rs"]
mod rig;
mod support;

use std::{fs, path::Path};

use alloy_primitives::U64;
use alloy_rlp::Encodable as _;
use caldera_node::rpc::RpcError;
use caldera_state::{Batch, FRAME_HEAD_BYTES, FrameHead, SledStore, Store as _};
use caldera_testkit::account;
use caldera_types::{Component, Digest};
use jsonrpsee_core::rpc_params;
use rig::{Load, Rig, USER, Works};
use serde_json::Value;
use support::run;
use tokio::task::block_in_place;

const CHAIN: &str = "books";

/// A chain with some blocks, stopped.
async fn stopped(store: &str, history: &str) -> Rig {
    let mut rig = Rig::new(&[(CHAIN, "probe-v1")]);
    rig.store(store);
    rig.set("history", history);
    block_in_place(|| rig.start());
    let client = rig::Client::new(rig.rpc(CHAIN), Default::default());
    let load = Load::start(client.rpc.clone(), client.ledger.clone(), Works::PaysAndWrites);
    client.reached(60).await;
    load.stop().await;
    block_in_place(|| rig.stop());
    rig
}

/// Runs `caldera --json db …` on the chain's folder: the exit code, and what it said.
fn db(rig: &Rig, what: &str) -> (i32, Value, String) {
    let (folder, config) = (rig.data(CHAIN), rig.folder().join("caldera.toml"));
    let (folder, config) = (folder.to_str().expect("text"), config.to_str().expect("text"));
    let place: &[&str] = match what {
        "repair" => &["--config", config, "--chain", CHAIN, "--remove-old"],
        "stats" => &["--config", config, "--chain", CHAIN],
        _ => &["--folder", folder],
    };
    let (code, out, err) = run(&[&["--json", "db", what], place].concat());
    (code, serde_json::from_str(&out).unwrap_or_default(), err)
}

fn kind(stats: &Value, kind: &str) -> u64 {
    let kinds = stats["entries"].as_array().expect("a list");
    let found = kinds.iter().find(|entry| entry["kind"] == kind).unwrap_or_else(|| panic!("{kind}: {stats}"));
    found["entries"].as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_folder_is_told_checked_compacted_and_rebuilt() {
    for store in ["sled", "fjall"] {
        let rig = stopped(store, "\"all\"").await;
        let last = rig.log(CHAIN).pop().expect("there is block 0");
        let transactions: usize = rig.log(CHAIN).iter().map(|block| block.transactions.len()).sum();
        let (code, before, err) = db(&rig, "stats");
        assert_eq!(code, 0, "{err}");
        assert_eq!((&before["store"], &before["head"]), (&store.into(), &last.header.number.into()));
        let blocks = last.header.number + 1;
        assert_eq!((&before["blocks"], &before["transactions"]), (&blocks.into(), &transactions.into()));
        assert_eq!(before["logBytes"], fs::metadata(rig.data(CHAIN).join("blocks.log")).expect("it is there").len());
        assert_eq!((kind(&before, "block headers"), kind(&before, "block hashes")), (blocks, blocks));
        for what in ["verify", "compact", "verify", "repair", "verify"] {
            let (code, said, err) = db(&rig, what);
            assert_eq!(code, 0, "{what}: {err}");
            match what {
                "verify" => {
                    assert_eq!(said["findings"].as_array().map(Vec::len), Some(0), "{said}");
                    assert_eq!((&said["blocks"], &said["states"]), (&blocks.into(), &blocks.into()), "{said}");
                    assert_eq!(said["strayNodes"], 0, "{said}");
                }
                "repair" => {
                    assert_eq!((&said["blocks"], &said["head"]), (&(blocks - 1).into(), &last.header.number.into()));
                    assert_eq!(said["hash"], last.hash().to_string());
                }
                _ => {
                    let kinds = before["entries"].as_array().expect("a list");
                    let all: u64 = kinds.iter().filter_map(|kind| kind["entries"].as_u64()).sum();
                    assert_eq!(said["entries"], all, "{said}");
                }
            }
            let (_, after, err) = db(&rig, "stats");
            assert_eq!(after["entries"], before["entries"], "after {what}: {err}");
        }
        let (_, text, _) = run(&["db", "stats", "--folder", rig.data(CHAIN).to_str().expect("text")]);
        assert!(text.contains("log and store for a million transactions"), "{text}");
        let names = fs::read_dir(rig.data(CHAIN)).expect("a folder").flatten().map(|entry| entry.file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("store")).collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}

/// Takes the first entry of a kind out of the store.
fn miss(folder: &Path, prefix: &[u8]) {
    let store = SledStore::open(&folder.join("store"), 1 << 20).expect("it is free");
    let (key, _) = store.scan(prefix).next().expect("there is one").expect("it is sound");
    let mut batch = Batch::default();
    batch.remove(key);
    store.commit(batch).and_then(|()| store.flush()).expect("it takes it");
}

fn damage(folder: &Path, file: &str, at: impl Fn(usize) -> usize) {
    let path = folder.join(file);
    let mut bytes = fs::read(&path).expect("it is there");
    let at = at(bytes.len());
    bytes[at..].iter_mut().take(4096).for_each(|byte| *byte = 0x5a);
    fs::write(path, bytes).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_by_its_kind_and_mended_where_it_can_be() {
    let mut rig = stopped("sled", "\"all\"").await;
    let folder = rig.data(CHAIN);
    let log = fs::read(folder.join("blocks.log")).expect("it is there");
    // The store, an entry of each kind: found, then rebuilt.
    for (prefix, said_of) in [(&b"T"[..], "trie node"), (b"r", "receipts"), (b"n", "its hash"), (b"c", "code")] {
        miss(&folder, prefix);
        let (code, said, err) = db(&rig, "verify");
        assert_eq!(code, 4, "{said} {err}");
        assert!(said["findings"][0].as_str().is_some_and(|finding| finding.contains(said_of)), "{said_of}: {said}");
        assert!(err.contains("caldera db repair"), "{err}");
        let (code, _, err) = db(&rig, "compact");
        assert_eq!(code, 1, "a damaged store is not copied: {err}");
        assert_eq!(db(&rig, "repair").0, 0);
        assert_eq!(db(&rig, "verify").0, 0);
    }
    // A torn end of the log: told, and left for the node, which cuts it.
    fs::write(folder.join("blocks.log"), [&log[..], &[7; 100]].concat()).expect("it is ours");
    let (code, said, err) = db(&rig, "verify");
    assert_eq!((code, &said["tornBytes"]), (0, &100.into()), "{err}");
    assert_eq!(fs::metadata(folder.join("blocks.log")).expect("it is there").len(), log.len() as u64 + 100);
    // The log lost blocks that the store has: found; rebuilding goes on from what is left.
    let half = rig.log(CHAIN).len() as u64 / 2;
    fs::write(folder.join("blocks.log"), &log[..log.len() / 2]).expect("it is ours");
    let (code, said, _) = db(&rig, "verify");
    assert_eq!(code, 4);
    assert!(said["findings"][0].as_str().is_some_and(|finding| finding.contains("lost blocks")), "{said}");
    let (code, said, err) = db(&rig, "repair");
    assert_eq!(code, 0, "{err}");
    assert!((half / 2..half * 2).contains(&said["head"].as_u64().expect("a number")), "{said}");
    assert_eq!(db(&rig, "verify").0, 0);
    // Damage within the log: found; nothing is set aside for it.
    fs::write(folder.join("blocks.log"), &log).expect("it is ours");
    damage(&folder, "blocks.log", |len| len / 4);
    let (code, said, _) = db(&rig, "verify");
    assert_eq!(code, 4);
    assert!(said["findings"][0].as_str().is_some_and(|finding| finding.contains("is damaged at byte")), "{said}");
    let (code, _, err) = db(&rig, "repair");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("restore it from a copy") && folder.join("store").is_dir(), "{err}");
    // With the copy it is what it was; a node that runs keeps everybody else out.
    fs::write(folder.join("blocks.log"), &log).expect("it is ours");
    assert_eq!(db(&rig, "repair").0, 0);
    block_in_place(|| rig.start());
    for what in ["stats", "verify", "compact", "repair"] {
        let (code, _, err) = db(&rig, what);
        assert_eq!(code, 1, "{what}");
        assert!(err.contains("in use by another process"), "{what}: {err}");
    }
    block_in_place(|| rig.stop());
    let (code, _, err) = run(&["db", "stats", "--folder", "/nowhere/at/all"]);
    assert_eq!(code, 1);
    assert!(err.contains("cannot look into /nowhere/at/all"), "{err}");
}

/// What the node answers of states that are not kept, and what is left of them.
#[tokio::test(flavor = "multi_thread")]
async fn states_that_are_not_kept_have_their_error() {
    let mut rig = stopped("sled", "128").await;
    block_in_place(|| rig.start());
    let rpc = rig.rpc(CHAIN);
    let client = rig::Client::new(rpc.clone(), Default::default());
    let load = Load::start(rpc.clone(), client.ledger.clone(), Works::PaysAndWrites);
    let first = || async {
        let status: Value = rpc.request("caldera_status", rpc_params![]).await.expect("it answers");
        u64::from_str_radix(&status["firstState"].as_str().expect("a quantity")[2..], 16).expect("a number")
    };
    let began = std::time::Instant::now();
    while first().await == 0 {
        assert!(began.elapsed() < 4 * rig::WITHIN, "nothing is let go");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    load.stop().await;
    let first = first().await;
    let user = account(USER).address();
    let ask = async |method: &'static str, number: u64| {
        let number = U64::from(number);
        let params = match method {
            "eth_getProof" => rpc_params![user, [(); 0], number],
            "eth_call" => rpc_params![serde_json::json!({ "to": user }), number],
            "eth_getBlockByNumber" => rpc_params![number, false],
            _ => rpc_params![user, number],
        };
        rpc.request::<Value>(method, params).await
    };
    for method in ["eth_getBalance", "eth_getTransactionCount", "eth_getCode", "eth_getProof", "eth_call"] {
        ask(method, client.head().await - 1).await.unwrap_or_else(|error| panic!("{method}: {error}"));
        match ask(method, 1).await.expect_err(method) {
            RpcError::Refused { code: 4444, message, .. } => {
                assert!(message.starts_with("the state of block 1 is not kept: states are kept from block "));
                assert!(message.contains("`history` of the chain"), "{message}");
            }
            other => panic!("{method}: {other}"),
        }
    }
    assert!(first > 1);
    assert_eq!(ask("eth_getBlockByNumber", 1).await.expect("blocks are kept")["number"], "0x1");
    block_in_place(|| rig.stop());
    let (code, said, err) = db(&rig, "verify");
    assert_eq!(code, 0, "{err}");
    assert!(said["firstState"].as_u64() >= Some(first), "{said}");
}

/// A second node begins from the first one's snapshot, and goes on by itself: its engine is called, its folder is sound.
#[tokio::test(flavor = "multi_thread")]
async fn another_node_goes_on_from_a_snapshot() {
    let first = stopped("sled", "\"all\"").await;
    let file = first.folder().join("file");
    let file = file.to_str().expect("text");
    let folder = first.data(CHAIN);
    let export = ["--json", "snapshot", "export", file, "--folder", folder.to_str().expect("text")];
    let (code, out, err) = run(&export);
    assert_eq!(code, 0, "{err}");
    let wrote: Value = serde_json::from_str(&out).expect("one line of JSON");
    let last = first.log(CHAIN).pop().expect("there is block 0");
    assert_eq!((&wrote["block"], &wrote["hash"]), (&last.header.number.into(), &last.hash().to_string().into()));
    assert_eq!(run(&export).0, 1, "the file is there");

    let mut second = Rig::new(&[(CHAIN, "probe-v1")]);
    second.store("fjall");
    let config = second.folder().join("caldera.toml");
    let config = config.to_str().expect("text").to_owned();
    let import = |config: &str, hash: &str| {
        run(&["--json", "snapshot", "import", file, "--config", config, "--chain", CHAIN, "--block-hash", hash])
    };
    let (code, _, err) = import(&config, &format!("0x{}", "11".repeat(32)));
    assert!(code == 1 && err.contains("is of block"), "{err}");
    // The configuration of another chain.
    let foreign = second.folder().join("foreign.toml");
    let text = fs::read_to_string(&config)
        .expect("it is there")
        .replace("block-interval-ms", "gas-limit = 50000000\nblock-interval-ms");
    fs::write(&foreign, text).expect("the folder takes files");
    let (code, _, err) = import(foreign.to_str().expect("text"), &last.hash().to_string());
    assert!(code == 1 && err.contains("whose genesis is"), "{err}");
    assert!(!second.data(CHAIN).exists());
    let (code, out, err) = import(&config, &last.hash().to_string());
    assert_eq!(code, 0, "{err}");
    let read: Value = serde_json::from_str(&out).expect("one line of JSON");
    assert_eq!((&read["nodes"], &read["stateRoot"]), (&wrote["nodes"], &last.header.state_root.to_string().into()));
    assert_eq!(read["components"], 1);

    block_in_place(|| second.start());
    let client = rig::Client::new(second.rpc(CHAIN), Default::default());
    client.set(&[("after", "snapshot")]).await;
    assert_eq!(client.get("after").await, "snapshot");
    assert_eq!(client.get("load").await.parse::<u64>().ok().map(|nonce| nonce > 1), Some(true), "what the first wrote");
    client.reached(last.header.number + 20).await;
    for (method, params) in [
        ("eth_getBlockByNumber", rpc_params![U64::from(last.header.number - 1), false]),
        ("eth_getBlockByNumber", rpc_params!["earliest", false]),
        ("eth_getBalance", rpc_params![account(USER).address(), U64::from(1)]),
    ] {
        match client.rpc.request::<Value>(method, params).await.expect_err(method) {
            RpcError::Refused { code: 4444, message, .. } => assert!(message.contains("not kept"), "{message}"),
            other => panic!("{method}: {other}"),
        }
    }
    block_in_place(|| second.stop());
    // Killed and with its store gone it comes back from the snapshot and its log.
    block_in_place(|| {
        second.start();
        second.kill();
    });
    fs::remove_dir_all(second.data(CHAIN).join("store-fjall")).expect("it is there");
    block_in_place(|| second.start());
    let client = rig::Client::new(second.rpc(CHAIN), Default::default());
    assert_eq!(client.get("after").await, "snapshot");
    block_in_place(|| second.stop());
    let folder = second.data(CHAIN);
    let (code, out, err) = run(&["--json", "db", "verify", "--folder", folder.to_str().expect("text")]);
    assert_eq!(code, 0, "{err} {out}");
}

/// A snapshot as it is without one of its components, its checksums and counts as they should be.
fn without_component(snapshot: &[u8], digest: Digest) -> Vec<u8> {
    const COMPONENTS: u8 = 4;
    const END: u8 = 5;
    let (file_header, mut rest) = snapshot.split_at(12);
    let mut changed = file_header.to_vec();
    while let Some((head, after)) = rest.split_first_chunk::<FRAME_HEAD_BYTES>() {
        let head = FrameHead::decode(*head).expect("a record's head");
        let (payload, after) = after.split_at(head.length as usize);
        rest = after;
        let (kind, mut items) = (payload[0], &payload[1..]);
        let mut payload = vec![kind];
        for number in 0.. {
            if items.is_empty() {
                break;
            }
            let item = alloy_rlp::Header::decode_bytes(&mut items, false).expect("an item").to_vec();
            match kind {
                COMPONENTS if Component::new(item.clone()).is_ok_and(|component| component.digest() == digest) => {}
                // Nodes, codes, components.
                END if number == 2 => {
                    let count = u64::from_be_bytes(item.try_into().expect("a count"));
                    (count - 1).to_be_bytes()[..].encode(&mut payload);
                }
                _ => item[..].encode(&mut payload),
            }
        }
        if payload.len() > 1 {
            changed.extend(FrameHead::of(&payload).expect("it is not longer").encode());
            changed.extend(payload);
        }
    }
    changed
}

/// Armed, it would stop the chain at the height of its activation.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_lacks_a_staged_component_begins_nothing() {
    let mut first = Rig::new(&[(CHAIN, "probe-v1")]);
    block_in_place(|| first.start());
    let client = rig::Client::new(first.rpc(CHAIN), Default::default());
    let staged = rig::variant("probe-v2", "staged");
    let height = client.stage(&staged).await;
    // Its own block holds it too, and is in the snapshot whole.
    client.reached(height + 2).await;
    block_in_place(|| first.stop());
    let (whole, lacks, folder) = (first.folder().join("whole"), first.folder().join("lacks"), first.data(CHAIN));
    let (whole, lacks, folder) =
        (whole.to_str().expect("text"), lacks.to_str().expect("text"), folder.to_str().expect("text"));
    let (code, _, err) = run(&["--json", "snapshot", "export", whole, "--folder", folder]);
    assert_eq!(code, 0, "{err}");
    let changed = without_component(&fs::read(whole).expect("it is there"), staged.digest());
    fs::write(lacks, changed).expect("the folder takes files");

    let second = Rig::new(&[(CHAIN, "probe-v1")]);
    let config = second.folder().join("caldera.toml");
    let config = config.to_str().expect("text");
    let import = |file: &str| run(&["--json", "snapshot", "import", file, "--config", config, "--chain", CHAIN]);
    let (code, _, err) = import(lacks);
    assert!(code != 0 && err.contains(&staged.digest().to_string()) && err.contains("registry names"), "{code} {err}");
    assert!(!second.data(CHAIN).exists() && !second.data(CHAIN).with_extension("snapshot").exists());
    let (code, _, err) = import(whole);
    assert_eq!(code, 0, "{err}");
}

/// Nodes that begin from a snapshot follow, and are followed, though none of them has block 0.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_from_a_snapshot_follow_each_other() {
    let mut first = stopped("fjall", "\"all\"").await;
    let (file, folder) = (first.folder().join("file"), first.data(CHAIN));
    let (file, folder) = (file.to_str().expect("text"), folder.to_str().expect("text"));
    let (code, _, err) = run(&["--json", "snapshot", "export", file, "--folder", folder]);
    assert_eq!(code, 0, "{err}");
    let last = first.log(CHAIN).pop().expect("there is block 0");
    let begun = |leader: &Rig| {
        let rig = Rig::new(&[(CHAIN, "probe-v1")]);
        rig.set("follow", &format!("\"{}/chains/{CHAIN}\"", leader.url()));
        let (config, hash) = (rig.folder().join("caldera.toml"), last.hash().to_string());
        let config = config.to_str().expect("text");
        let import =
            ["--json", "snapshot", "import", file, "--config", config, "--chain", CHAIN, "--block-hash", &hash];
        let (code, _, err) = run(&import);
        assert_eq!(code, 0, "{err}");
        rig
    };
    block_in_place(|| first.start());
    let mut second = begun(&first);
    block_in_place(|| second.start());
    // Its leader does not have block 0 either.
    let mut third = begun(&second);
    block_in_place(|| third.start());
    for follower in [&second, &third] {
        let client = rig::Client::new(follower.rpc(CHAIN), Default::default());
        client.reached(last.header.number + 20).await;
        let status: Value = client.rpc.request("caldera_status", rpc_params![]).await.expect("it answers");
        assert_eq!((&status["follows"]["waits"], &status["follows"]["alarm"]), (&Value::Null, &Value::Null));
        let number = last.header.number + 20;
        let hash =
            async |rpc: &caldera_node::rpc::Rpc| rpc.block(number).await.expect("it answers").map(|b| b.header.hash);
        assert_eq!(hash(&client.rpc).await, hash(&first.rpc(CHAIN)).await);
    }
    block_in_place(|| {
        third.stop();
        second.stop();
        first.stop();
    });
}
