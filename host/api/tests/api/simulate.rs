//! `eth_simulateV1`.

use std::time::Duration;

use alloy_primitives::{Address, B256, U256, address};
use caldera_api::ApiLimits;
use serde_json::{Value, json};

use crate::support::{ENGINE, Rig};

const A: Address = address!("c000000000000000000000000000000000000000");
const B: Address = address!("c100000000000000000000000000000000000000");
const C: Address = address!("c200000000000000000000000000000000000000");

/// The first example of the specification.
#[tokio::test]
async fn calls_build_on_each_other() {
    let rig = Rig::new();
    let payload = json!({ "blockStateCalls": [
        { "stateOverrides": { (A.to_string()): { "balance": "0x3e8" } },
          "calls": [{ "from": A, "to": B, "value": "0x3e8" }, { "from": B, "to": C, "value": "0x3e8" }] },
        { "calls": [{ "from": C, "to": A, "value": "0x1" }] },
    ] });
    let blocks: Value = rig.rpc("eth_simulateV1", json!([payload, "latest"])).await;
    let head = rig.chain.head();
    assert_eq!(blocks[0]["number"], json!("0x1"));
    assert_eq!(blocks[0]["parentHash"], json!(head.block.hash()));
    assert_eq!(blocks[1]["parentHash"], blocks[0]["hash"]);
    assert_eq!((&blocks[0]["gasUsed"], &blocks[0]["baseFeePerGas"]), (&json!("0xa410"), &json!("0x0")));
    for call in blocks[0]["calls"].as_array().unwrap() {
        let expected =
            json!({ "returnData": "0x", "logs": [], "gasUsed": "0x5208", "maxUsedGas": "0x5208", "status": "0x1" });
        assert_eq!(*call, expected);
    }
    assert_eq!(blocks[1]["calls"][0]["status"], json!("0x1"));
    assert_ne!(blocks[0]["stateRoot"], json!(head.block.header.state_root));
    assert_eq!(blocks[0]["transactions"].as_array().unwrap().len(), 2);
    assert_eq!(rig.rpc::<U256>("eth_getBalance", json!([C])).await, U256::ZERO, "nothing stays");
}

/// The state root of a simulated block is what a real block with these changes would have.
#[tokio::test]
async fn its_roots_are_real() {
    let rig = Rig::new();
    let empty: Value = rig.rpc("eth_simulateV1", json!([{ "blockStateCalls": [{}] }])).await;
    assert_eq!(empty[0]["stateRoot"], json!(rig.chain.head().block.header.state_root), "nothing changed");
    let there = json!({ "blockStateCalls": [{ "stateOverrides": { (A.to_string()): { "balance": "0x5" } } }, {}] });
    let blocks: Value = rig.rpc("eth_simulateV1", json!([there])).await;
    assert_ne!(blocks[0]["stateRoot"], empty[0]["stateRoot"]);
    assert_eq!(blocks[0]["stateRoot"], blocks[1]["stateRoot"]);
}

#[tokio::test]
async fn failures_transfers_and_engines_are_shown() {
    let rig = Rig::new();
    let payload = json!({ "traceTransfers": true, "returnFullTransactions": true, "blockStateCalls": [
        { "stateOverrides": { (A.to_string()): { "balance": "0xffff" } },
          "calls": [
            { "from": A, "to": B, "value": "0x7" },
            { "from": A, "to": ENGINE, "input": "0x03aa" },
            { "from": A, "to": ENGINE, "input": "0x02", "gas": "0xf4240" },
            { "from": A, "to": ENGINE, "input": "0x0401" },
        ] },
    ] });
    let blocks: Value = rig.rpc("eth_simulateV1", json!([payload])).await;
    let calls = &blocks[0]["calls"];
    let transfer = &calls[0]["logs"][0];
    assert_eq!(transfer["address"], json!("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"));
    assert_eq!(transfer["data"], json!(B256::with_last_byte(7)));
    assert_eq!(transfer["blockHash"], blocks[0]["hash"]);
    assert_eq!((&calls[1]["status"], &calls[1]["error"]["code"]), (&json!("0x0"), &json!(3)));
    assert_eq!((&calls[1]["error"]["data"], &calls[1]["returnData"]), (&json!("0x03aa"), &json!("0x")));
    let left = |used: u64| json!(format!("{:#x}", ApiLimits::recommended().call_gas - used));
    assert_eq!(blocks[0]["transactions"][0]["gas"], left(0), "who says no gas has all that is left");
    assert_eq!(blocks[0]["transactions"][1]["gas"], left(21_000));
    assert_eq!(
        (&calls[2]["error"]["code"], &calls[2]["error"]["message"]),
        (&json!(-32015), &json!("engine fault: unreachable"))
    );
    assert_eq!(calls[3]["logs"][0]["address"], json!(ENGINE));
    assert_eq!(calls[3]["logs"][0]["logIndex"], json!("0x1"), "behind the transfer");
    assert_eq!(blocks[0]["transactions"][0]["from"], json!(A));
    // The transfer is no log of the chain's: the bloom has only the engine's.
    assert!(blocks[0]["logsBloom"].as_str().unwrap().contains(|c| c != '0' && c != 'x'));
}

/// Runs a call of A that sends 5 wei to B, where there is code; the transfers that it shows.
async fn transfers(rig: &Rig, code_of_b: &str, code_of_c: &str) -> Vec<(Address, Address, u64)> {
    let payload = json!({ "traceTransfers": true, "blockStateCalls": [{
        "stateOverrides": {
            (A.to_string()): { "balance": "0xffff" },
            (B.to_string()): { "code": code_of_b },
            (C.to_string()): { "code": code_of_c },
        },
        "calls": [{ "from": A, "to": B, "value": "0x5" }],
    }] });
    let blocks: Value = rig.rpc("eth_simulateV1", json!([payload])).await;
    let call = &blocks[0]["calls"][0];
    assert_eq!(call["status"], json!("0x1"), "{call}");
    let address = |topic: &Value| Address::from_word(serde_json::from_value(topic.clone()).unwrap());
    let value = |log: &Value| serde_json::from_value::<B256>(log["data"].clone()).unwrap();
    let logs = call["logs"].as_array().unwrap().iter();
    let logs = logs.filter(|log| log["address"] == json!("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"));
    logs.map(|log| {
        let topics = &log["topics"];
        assert_eq!(topics[0], json!("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"));
        (address(&topics[1]), address(&topics[2]), U256::from_be_bytes(value(log).0).to())
    })
    .collect()
}

#[tokio::test]
async fn only_transfers_that_stay_are_shown() {
    let rig = Rig::new();
    let hex = |address: Address| address.to_string()[2..].to_lowercase();
    // CALL of C with 1 wei, whatever comes of it.
    let calls_c = format!("0x5f5f5f5f600173{}5af100", hex(C));
    let (sent, passed_on) = ((A, B, 5), (B, C, 1));
    assert_eq!(transfers(&rig, &calls_c, "0x00").await, [sent, passed_on]);
    assert_eq!(transfers(&rig, &calls_c, "0x5f5ffd").await, [sent], "C reverts");
    assert_eq!(transfers(&rig, &calls_c, "0xfe").await, [sent], "C halts");
    // SELFDESTRUCT to C.
    let ends = format!("0x73{}ff", hex(C));
    assert_eq!(transfers(&rig, &ends, "0x").await, [sent, (B, C, 5)]);
    // C passes its wei on by SELFDESTRUCT, and B then calls it again in vain, with more than it has.
    let twice = format!("0x5f5f5f5f600173{0}5af15f5f5f5f60ff73{0}5af100", hex(C));
    assert_eq!(transfers(&rig, &twice, &format!("0x73{}ff", hex(A))).await, [sent, passed_on, (C, A, 1)]);
    // CREATE with 2 wei of a contract without code.
    let created = B.create(0);
    assert_eq!(transfers(&rig, "0x5f5f6002f000", "0x").await, [sent, (B, created, 2)]);
}

/// Blocks between are bounded in time like those that were asked for, and have the root of the block before.
#[tokio::test]
async fn gaps_are_cheap_and_bounded() {
    let rig = Rig::new();
    let rich = json!({ (A.to_string()): { "balance": "0x5" } });
    let asked = json!({ "blockStateCalls": [
        { "stateOverrides": rich }, { "blockOverrides": { "number": "0xf0" } }, { "calls": [{ "to": A }] },
    ] });
    let blocks: Value = rig.rpc("eth_simulateV1", json!([asked])).await;
    let blocks = blocks.as_array().unwrap();
    assert_eq!(blocks.len(), 0xf1);
    for (number, pair) in blocks.windows(2).enumerate() {
        assert_eq!(pair[1]["parentHash"], pair[0]["hash"]);
        let changes = number == blocks.len() - 2;
        assert_eq!(pair[1]["stateRoot"] != pair[0]["stateRoot"], changes, "the last has a call, and so a nonce");
    }
    let limits = ApiLimits { simulation_time: Duration::ZERO, ..ApiLimits::recommended() };
    let error = Rig::with_limits(limits).refused("eth_simulateV1", json!([asked])).await;
    assert_eq!(error.code(), -32016, "{}", error.message());
}

/// The specification's test `overflow-nonce`: who is not asked for nonces may have used all of them.
#[tokio::test]
async fn the_last_nonce_does_not_stop_calls() {
    let rig = Rig::new();
    let payload = json!({ "blockStateCalls": [{
        "stateOverrides": { (A.to_string()): { "nonce": "0xffffffffffffffff" } },
        "calls": [{ "from": A, "to": B }, { "from": A, "to": C }],
    }], "returnFullTransactions": true });
    let blocks: Value = rig.rpc("eth_simulateV1", json!([payload])).await;
    for call in blocks[0]["calls"].as_array().unwrap() {
        assert_eq!(call["status"], json!("0x1"), "{call}");
    }
    let nonces = [0, 1].map(|index: usize| blocks[0]["transactions"][index]["nonce"].clone());
    assert_eq!(nonces, [json!("0xffffffffffffffff"), json!("0x0")]);
}

#[tokio::test]
async fn what_is_wrong_has_its_code() {
    let rig = Rig::new();
    let call = |call: Value| json!([{ "calls": [call] }]);
    let block = |number: &str| json!({ "blockOverrides": { "number": number } });
    let sha256 = Address::with_last_byte(2).to_string();
    for (blocks, validation, code) in [
        (call(json!({ "from": A, "to": B, "value": "0x1" })), false, -38014),
        (
            call(json!({ "from": rig.signer.address(), "to": B, "nonce": "0x5", "maxFeePerGas": "0x77359400" })),
            true,
            -38011,
        ),
        (call(json!({ "from": A, "to": B })), true, -38012),
        (call(json!({ "from": A, "to": B, "gas": "0x1" })), false, -38013),
        (call(json!({ "from": A, "to": B, "gas": "0x0" })), false, -38013),
        (call(json!({ "from": A, "to": B, "gas": "0xfffffffffff" })), false, -38015),
        (json!([block("0x5"), block("0x5")]), false, -38020),
        (json!([{ "blockOverrides": { "time": "0x1" } }]), false, -38021),
        (json!([{ "stateOverrides": { (&sha256): { "movePrecompileToAddress": sha256 } } }]), false, -38022),
        (json!([{ "stateOverrides": { (A.to_string()): { "movePrecompileToAddress": B } } }]), true, -32000),
        (json!([block("0xfff")]), false, -38026),
        (json!([]), false, -32602),
    ] {
        let payload = json!({ "blockStateCalls": blocks, "validation": validation });
        let error = rig.refused("eth_simulateV1", json!([payload])).await;
        assert_eq!(error.code(), code, "{payload}: {}", error.message());
    }
    // Blocks in between are there, and empty.
    let gap: Value = rig.rpc("eth_simulateV1", json!([{ "blockStateCalls": [block("0x4")] }])).await;
    assert_eq!(gap.as_array().unwrap().len(), 4);
    assert_eq!(gap[2]["calls"], json!([]));
}
