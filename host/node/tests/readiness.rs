//! What a node does while an engine is not compiled here: the chain that needs it waits and says so, the others go on, and
//! nothing stages or asks in a block's or a reader's time. All on the real node with its real compiler.

#[path = "rig/mod.rs"]
mod rig;
mod support;

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_node::rpc::{RpcError, Sender};
use caldera_testkit::{CHAIN_ID, PROBE, account, component, deployer, relay, sign_for};
use caldera_types::{Component, EngineLimits, Grants};
use jsonrpsee_core::rpc_params;
use parking_lot::Mutex;
use probe_engine::IProbe;
use rig::{Client, GOVERNOR, LOADER, Ledger, Rig, USER, WITHIN, variant};
use serde_json::Value;

const GAS: u64 = 16_000_000;
/// The opcode.
const CALL: u8 = 0xf1;

fn client(rig: &Rig, chain: &str) -> Client {
    Client::new(rig.rpc(chain), Arc::new(Mutex::new(Ledger::default())))
}

fn native_code(rig: &Rig, component: &Component) -> Option<PathBuf> {
    rig.native_code(&component.digest())
}

async fn halted(client: &Client) -> Option<String> {
    let status: Value = client.rpc.request("caldera_status", rpc_params![]).await.expect("the node answers");
    status["halted"].as_str().map(str::to_owned)
}

/// The chain's engine is not to be had at the start; with `behind`, the block log also has blocks that the store has not.
async fn check_waits(behind: bool) {
    let mut rig = Rig::new(&[("waits", "probe-v1"), ("other", "probe-v2")]);
    rig.start();
    let waits = client(&rig, "waits");
    waits.set(&[("before", "1")]).await;
    rig.stop();
    let (store, kept) = (rig.data("waits").join("store"), rig.data("waits-store"));
    let earlier = rig.log("waits").len() as u64 - 1;
    if behind {
        copy(&store, &kept);
        rig.start();
        let waits = Client::new(rig.rpc("waits"), waits.ledger.clone());
        waits.set(&[("after", "2")]).await;
        rig.stop();
        fs::remove_dir_all(&store).expect("nobody has it open");
        fs::rename(&kept, &store).expect("it is on the same disk");
    }
    let logged = rig.log("waits").len() as u64 - 1;
    let code = native_code(&rig, &component("probe-v1")).expect("it was compiled");
    let hidden = rig.data("hidden");
    fs::rename(&code, &hidden).expect("it is on the same disk");
    rig.compile("time-ms = 1");

    rig.start();
    let (waits, other) = (Client::new(rig.rpc("waits"), waits.ledger), client(&rig, "other"));
    let began = Instant::now();
    let reason = loop {
        match halted(&waits).await {
            Some(reason) if reason.contains("timed out") => break reason,
            reason => assert!(began.elapsed() < WITHIN, "it does not wait: {reason:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let named = component("probe-v1").digest().to_string();
    assert!(reason.contains(&named) && reason.contains("waiting until it is ready"), "{reason}");
    let height = if behind { earlier } else { logged };
    assert_eq!(waits.rpc.block_number().await.expect("the node answers"), height);
    waits.rpc.request::<Value>("eth_getBalance", rpc_params![PROBE, "latest"]).await.expect("reading goes on");
    match waits.rpc.call(PROBE, IProbe::generationCall {}).await {
        Err(RpcError::Refused { message, .. }) => assert!(message.contains("ask again"), "{message}"),
        answer => panic!("nothing can answer that: {answer:?}"),
    }
    let tx = waits.sign(USER, PROBE, &IProbe::trapCall {}).await;
    match waits.rpc.send_raw(&tx.raw).await {
        Err(RpcError::Refused { message, .. }) => assert!(message.contains("halted"), "{message}"),
        taken => panic!("{taken:?}"),
    }
    other.set(&[("the other", "goes on")]).await;

    // What it waited for is there: nobody tells it.
    fs::rename(&hidden, &code).expect("it is on the same disk");
    let began = Instant::now();
    while waits.rpc.block_number().await.expect("the node answers") <= logged {
        assert!(began.elapsed() < WITHIN, "it does not go on: {:?}", halted(&waits).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(halted(&waits).await, None);
    assert_eq!(waits.get("before").await, "1");
    assert_eq!(waits.get("after").await, if behind { "2" } else { "" });
    waits.set(&[("after", "3")]).await;
    rig.stop();
    waits.ledger.lock().check(&rig.log("waits"));
    rig.compile("");
    rig.replay("waits");
}

fn copy(from: &PathBuf, to: &PathBuf) {
    fs::create_dir_all(to).expect("the folder takes folders");
    for file in fs::read_dir(from).expect("it is a folder") {
        let path = file.expect("the folder reads").path();
        let there = to.join(path.file_name().expect("it has a name"));
        match path.is_dir() {
            true => copy(&path, &there),
            false => drop(fs::copy(&path, &there).expect("it copies")),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_whose_engine_is_not_compiled_waits_and_goes_on_by_itself() {
    check_waits(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_does_one_that_has_blocks_to_execute_first() {
    check_waits(true).await;
}

/// A transaction that stages again what an earlier block brought, and so brings no bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_component_is_staged_again_without_a_wait() {
    let mut rig = Rig::new(&[("known", "probe-v1")]);
    rig.start();
    let known = client(&rig, "known");
    let staged = variant("probe-v1", "staged again");
    known.stage(&staged).await;
    rig.stop();
    fs::remove_file(native_code(&rig, &staged).expect("it was compiled")).expect("it is ours");
    rig.start();
    let known = Client::new(rig.rpc("known"), known.ledger);
    let (since, call) = (known.head().await, stage_call(&staged));
    let mut governor = Sender::ask(&known.rpc, account(GOVERNOR)).await.expect("the node answers");
    let tx = governor.call(registry::ADDRESS, &call, GAS).expect("it signs");
    known.rpc.send_raw(&tx.raw).await.expect("the node takes it");
    assert!(known.receipt(tx.hash).await.status());
    assert!(known.head().await > since && halted(&known).await.is_none());
    assert!(!rig.last_words().contains("chain waits"), "{}", rig.last_words());
    rig.stop();
    rig.replay("known");
}

fn stage_call(component: &Component) -> abi::stageCall {
    let size = u32::try_from(component.bytes().len()).expect("components are small");
    let limits = EngineLimits::recommended().into();
    abi::stageCall { digest: component.digest().0, size, grants: Grants::ALL.bits(), limits }
}

/// A contract that passes everything on governs: whoever calls it stages, and nobody else makes the node compile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_that_governs_decides_who_makes_the_node_compile() {
    let mut rig = Rig::new(&[("governed", "probe-v1")]);
    rig.start();
    let client = client(&rig, "governed");
    let create = |nonce| {
        let code = deployer(&relay(registry::ADDRESS, CALL));
        sign_for(CHAIN_ID, &account(USER), nonce, TxKind::Create, U256::ZERO, GAS, code.into())
    };
    let tx = create(0);
    client.rpc.send_raw(&tx.encoded_2718().into()).await.expect("the node takes it");
    let contract = client.receipt(*tx.tx_hash()).await.contract_address.expect("it deploys");
    client.govern(&abi::transferGovernanceCall { to: contract }).await;

    let (staged, beside) = (variant("probe-v1", "by a contract"), variant("probe-v1", "by nobody"));
    let bring = |nonce, to, input: Bytes| sign_for(CHAIN_ID, &account(LOADER), nonce, to, U256::ZERO, GAS, input);
    // Both bring a component; only the first one's call reaches the registry through the governor.
    let through = bring(0, TxKind::Call(contract), stage_call(&staged).abi_encode().into());
    let past = bring(1, TxKind::Call(registry::ADDRESS), stage_call(&beside).abi_encode().into());
    for (tx, brought) in [(&through, &staged), (&past, &beside)] {
        client.rpc.send_with_sidecar(&tx.encoded_2718().into(), &[brought.bytes()]).await.expect("the node takes it");
    }
    assert!(client.receipt(*through.tx_hash()).await.status(), "the contract lets it through");
    assert!(!client.receipt(*past.tx_hash()).await.status(), "it does not govern");
    assert!(native_code(&rig, &staged).is_some());
    assert!(native_code(&rig, &beside).is_none(), "nobody asked for it");
    assert_eq!(halted(&client).await, None);
    assert!(!rig.last_words().contains("chain waits"), "{}", rig.last_words());
    rig.stop();
    rig.replay("governed");
}
