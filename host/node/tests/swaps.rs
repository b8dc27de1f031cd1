//! Every kind of update on the real node: two chains at once, one after another, one during another, a missing digest, a
//! configuration alone, a downgrade. Each case has chains of its own on one node, all at work at the same time.

#[path = "rig/mod.rs"]
mod rig;
mod support;

use std::{sync::Arc, time::Instant};

use alloy_primitives::B256;
use alloy_sol_types::SolError;
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_node::rpc::RpcError;
use caldera_state::{Batch, SledStore, Store};
use caldera_testkit::{PROBE, component};
use caldera_types::ProbationRule;
use jsonrpsee_core::rpc_params;
use parking_lot::Mutex;
use probe_engine::IProbe;
use rig::{Client, GOVERNOR, Ledger, Load, Rig, USER, WITHIN, Works, story, variant};
use serde_json::Value;

const NONE: ProbationRule = ProbationRule::NONE;

/// The chains and what each mounts from block 0 on.
const CHAINS: [(&str, &str); 7] = [
    ("left", "probe-v1"),
    ("right", "probe-v2"),
    ("second", "probe-v1"),
    ("during", "probe-v1"),
    ("missing", "probe-v1"),
    ("configured", "probe-v1"),
    ("down", "probe-v2"),
];

/// A case and what came of it.
type Ended = (&'static str, String);

fn digest(name: &str) -> B256 {
    component(name).digest().0
}

fn client(rig: &Rig, chain: &str) -> Client {
    Client::new(rig.rpc(chain), Arc::new(Mutex::new(Ledger::default())))
}

/// Waits for a height and checks all that the registry told since another one.
async fn tells(client: &Client, since: u64, until: u64, told: &[(&'static str, u64)]) {
    client.reached(until).await;
    assert_eq!(client.story(since).await, told);
}

/// The mount after a block: digest, generation, state version.
async fn stands(client: &Client, at: u64, name: &str, generation: u32) {
    let at = client.at(at).await;
    assert_eq!((at.mount.digest, at.mount.generation, at.phase()), (digest(name), generation, "active"));
}

/// One goes up while the other goes down, over the same blocks; what was written before is there after.
async fn two_chains(left: Client, right: Client) -> Ended {
    let (up, down) = ("probe-v2", "probe-v1");
    left.stage(&component(up)).await;
    right.stage(&component(down)).await;
    let mut loads = Vec::new();
    for client in [&left, &right] {
        client.set(&[("old", "kept"), ("migrate-steps", "40")]).await;
        loads.push(Load::start(client.rpc.clone(), client.ledger.clone(), Works::PaysAndWrites));
    }
    let since = [left.head().await, right.head().await];
    let ((armed_left, up_at), (armed_right, down_at)) =
        tokio::join!(left.arm(digest(up), 10, b"", NONE), right.arm(digest(down), 10, b"", NONE));
    let began = Instant::now();
    loop {
        let (left, right) = (left.at(left.head().await).await, right.at(right.head().await).await);
        if (left.phase(), right.phase()) == ("migrating", "migrating") {
            break;
        }
        assert!(began.elapsed() < WITHIN, "they never migrate at the same time");
    }
    let ends = [up_at + 39, down_at + 39];
    tells(&left, since[0], ends[0], &story(&[("armed", armed_left)], up_at, 39, &[("activated", ends[0])])).await;
    tells(&right, since[1], ends[1], &story(&[("armed", armed_right)], down_at, 39, &[("activated", ends[1])])).await;
    stands(&left, ends[0], up, 2).await;
    stands(&right, ends[1], down, 2).await;
    for client in [&left, &right] {
        assert_eq!((client.get("old").await.as_str(), client.get("counter").await.as_str()), ("kept", "step 40"));
        loads.pop().expect("one each").stop().await;
    }
    ("two chains at once", format!("up over blocks {up_at} to {}, down over {down_at} to {}", ends[0], ends[1]))
}

/// Version 2, then the same engine under another digest, then version 1 again.
async fn second_update(client: Client) -> Ended {
    let other = variant("probe-v2", "another build");
    client.stage(&component("probe-v2")).await;
    client.stage(&other).await;
    client.set(&[("old", "kept")]).await;
    let since = client.head().await;
    let mut told = Vec::new();
    for (place, to) in [digest("probe-v2"), other.digest().0, digest("probe-v1")].into_iter().enumerate() {
        let (armed, height) = client.arm(to, 6, b"", NONE).await;
        told.extend([("armed", armed), ("activated", height)]);
        tells(&client, since, height, &told).await;
        let at = client.at(height).await;
        assert_eq!((at.mount.digest, at.mount.generation as usize), (to, place + 2));
    }
    assert_eq!(client.get("old").await, "kept");
    ("a second and a third update", "2, another build of 2, 1: each at its height".into())
}

/// While it migrates the registry refuses; in probation the newer makes the older final.
async fn during_another(client: Client) -> Ended {
    let other = variant("probe-v2", "during another");
    client.stage(&component("probe-v2")).await;
    client.stage(&other).await;
    client.set(&[("migrate-steps", "60")]).await;
    let since = client.head().await;
    let rule = ProbationRule { blocks: 100_000, window: 0, min_calls: 1, faults_per_thousand: 1 };
    let (armed, height) = client.arm(digest("probe-v2"), 6, b"", rule).await;
    client.reached(height).await;
    let call = client.arm_call(other.digest().0, 10_000, b"", NONE).await;
    let refused = client.refusal(&call).await.expect("it is refused");
    assert_eq!(abi::Busy::abi_decode(&refused).expect("a typed error").phase, "migrating");
    let receipt = client.send(GOVERNOR, registry::ADDRESS, &call).await;
    assert!(!receipt.status() && receipt.block_number < Some(height + 59), "refused in a block, too");
    let end = height + 59;
    let mut told = story(&[("armed", armed)], height, 59, &[("activated", end)]);
    tells(&client, since, end, &told).await;
    assert_eq!(client.at(end).await.phase(), "probation");

    let (armed, height) = client.arm(other.digest().0, 6, b"", NONE).await;
    told.extend([("armed", armed), ("final", height), ("activated", height)]);
    tells(&client, since, height, &told).await;
    let at = client.at(height).await;
    assert_eq!((at.mount.digest, at.mount.generation, at.phase()), (other.digest().0, 3, "active"));
    ("an update during an update", format!("Busy while migrating; in probation the older is final at {height}"))
}

/// What was never staged cannot be armed; nothing changes.
async fn missing_digest(client: Client) -> Ended {
    let since = client.head().await;
    let before = client.at(since).await;
    let call = client.arm_call(digest("probe-v2"), 10_000, b"", NONE).await;
    let refused = client.refusal(&call).await.expect("it is refused");
    assert_eq!(abi::NotStaged::abi_decode(&refused).expect("a typed error").digest, digest("probe-v2"));
    let receipt = client.send(GOVERNOR, registry::ADDRESS, &call).await;
    assert!(!receipt.status());
    let block = receipt.block_number.expect("it is in a block");
    tells(&client, since, block, &[]).await;
    assert_eq!(client.at(block).await.storage, before.storage);
    ("a missing digest", "NotStaged; not a slot changed".into())
}

/// The same road with the same component; what the engine refuses leaves the old configuration.
async fn configuration_only(client: Client) -> Ended {
    let (v1, since) = (digest("probe-v1"), client.head().await);
    let (armed, height) = client.arm(v1, 6, b"first", NONE).await;
    let mut told = vec![("armed", armed), ("activated", height)];
    tells(&client, since, height, &told).await;
    assert_eq!(
        (client.entry("config", height - 1).await, client.entry("config", height).await),
        ("".into(), "first".into())
    );
    let call = client.arm_call(v1, 10_000, b"first", NONE).await;
    let refused = client.refusal(&call).await.expect("it is refused");
    assert_eq!(abi::NothingToChange::abi_decode(&refused).expect("a typed error").mount, PROBE);

    client.set(&[("configure", "refuse")]).await;
    let (armed, failed) = client.arm(v1, 6, b"second", NONE).await;
    told.extend([("armed", armed), ("failed", failed)]);
    tells(&client, since, failed, &told).await;
    assert_eq!(client.get("config").await, "first");
    let at = client.at(failed).await;
    assert_eq!((&at.mount.config[..], at.mount.generation), (b"first".as_slice(), 2));
    ("a configuration alone", format!("live at {height}; one that is refused leaves it, at {failed}"))
}

/// The newer code takes the state down; if it refuses, it stays.
async fn downgrade(client: Client) -> Ended {
    client.stage(&component("probe-v1")).await;
    client.set(&[("old", "kept"), ("migrate-down", "refuse")]).await;
    let since = client.head().await;
    let (armed, failed) = client.arm(digest("probe-v1"), 6, b"", NONE).await;
    let mut told = vec![("armed", armed), ("failed", failed)];
    tells(&client, since, failed, &told).await;
    stands(&client, failed, "probe-v2", 1).await;
    client.set(&[("migrate-down", "")]).await;
    let (armed, height) = client.arm(digest("probe-v1"), 6, b"", NONE).await;
    told.extend([("armed", armed), ("activated", height)]);
    tells(&client, since, height, &told).await;
    stands(&client, height, "probe-v1", 2).await;
    assert_eq!(client.get("old").await, "kept");
    ("a downgrade", format!("refused by the engine at {failed}; done at {height}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_kind_of_update_goes_as_defined() {
    let mut rig = Rig::new(&CHAINS);
    rig.start();
    let at = |chain| client(&rig, chain);
    let clients = CHAINS.map(|(chain, _)| at(chain));
    let [left, right, second, during, missing, configured, down] = clients.clone();
    let ended = tokio::join!(
        two_chains(left, right),
        second_update(second),
        during_another(during),
        missing_digest(missing),
        configuration_only(configured),
        downgrade(down),
    );
    let ended: [Ended; 6] = ended.into();
    let width = ended.iter().map(|(case, _)| case.len()).max().unwrap_or(0);
    ended.iter().for_each(|(case, end)| println!("{case:width$}  {end}"));
    rig.stop();
    for ((chain, _), client) in CHAINS.iter().zip(&clients) {
        client.ledger.lock().check(&rig.log(chain));
        rig.replay(chain);
    }
}

/// A node that has lost a component halts that chain before the height, says so, and goes on once it is mended. `to`
/// needs its code to run at the height (another layout) or only when it is called.
async fn check_gone(to: &caldera_types::Component) {
    let mut rig = Rig::new(&[("gone", "probe-v1"), ("other", "probe-v1")]);
    rig.start();
    let [gone, other] = ["gone", "other"].map(|chain| client(&rig, chain));
    for client in [&gone, &other] {
        client.stage(&component("probe-v2")).await;
        client.stage(to).await;
    }
    let since = gone.head().await;
    let (armed, height) = gone.arm(to.digest().0, 60, b"", NONE).await;
    rig.stop();
    assert!(rig.log("gone").len() as u64 <= height, "it was stopped before the height");
    let store = SledStore::open(&rig.data("gone").join("store"), 1 << 20).expect("nobody has it open");
    let mut batch = Batch::default();
    batch.remove([b"d".as_slice(), to.digest().0.as_slice()].concat());
    store.commit(batch).expect("it is written");
    store.flush().expect("it is on disk");
    drop(store);

    rig.start();
    let gone = Client::new(rig.rpc("gone"), gone.ledger);
    let other = Client::new(rig.rpc("other"), other.ledger);
    let began = Instant::now();
    let reason = loop {
        let status: Value = gone.rpc.request("caldera_status", rpc_params![]).await.expect("the node answers");
        if let Some(reason) = status["halted"].as_str() {
            break reason.to_owned();
        }
        assert!(began.elapsed() < WITHIN, "it does not halt: {status}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(reason.contains(&to.digest().to_string()) && reason.contains("replay"), "{reason}");
    assert_eq!(gone.head().await, height - 1, "halted before the height: {reason}");
    assert_eq!(gone.at(height - 1).await.mount.digest, digest("probe-v1"), "reading goes on");
    let call = IProbe::setCall { key: b"a".into(), value: b"b".into() };
    let tx = gone.sign(USER, PROBE, &call).await;
    match gone.rpc.send_raw(&tx.raw).await {
        Err(RpcError::Refused { message, .. }) => assert!(message.contains("halted"), "{message}"),
        taken => panic!("{taken:?}"),
    }
    let (_, there) = other.arm(to.digest().0, 6, b"", NONE).await;
    other.reached(there).await;
    assert_eq!(other.at(there).await.mount.digest, to.digest().0, "the other chain goes on");

    // What is mended: the store is rebuilt from the block log, which has everything.
    rig.kill();
    std::fs::remove_dir_all(rig.data("gone").join("store")).expect("nobody has it open");
    rig.start();
    let gone = Client::new(rig.rpc("gone"), gone.ledger);
    tells(&gone, since, height, &[("armed", armed), ("activated", height)]).await;
    assert_eq!(gone.at(height).await.mount.digest, to.digest().0);
    gone.set(&[("after", "all")]).await;
    rig.stop();
    for (chain, client) in [("gone", &gone), ("other", &other)] {
        client.ledger.lock().check(&rig.log(chain));
        rig.replay(chain);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_is_gone_halts_its_chain_and_no_other() {
    check_gone(&variant("probe-v2", "its code runs at the height")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_does_one_that_moves_only_the_pointer() {
    check_gone(&variant("probe-v1", "only the pointer moves")).await;
}
