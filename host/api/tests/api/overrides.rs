//! State and block overrides of calls.

use alloy_primitives::{Address, B256, Bytes, U64, U256, address};
use serde_json::{Value, json};

use crate::support::{ENGINE, Rig};

const CONTRACT: Address = address!("00000000000000000000000000000000000c0de1");
/// Returns the word in slot 0.
const READ_SLOT: &str = "0x60005460005260206000f3";

/// Code that returns what one opcode pushes.
fn returns(opcode: &str) -> String {
    format!("0x{opcode}60005260206000f3")
}

async fn word(rig: &Rig, params: Value) -> U256 {
    let data: Bytes = rig.rpc("eth_call", params).await;
    U256::from_be_slice(&data)
}

#[tokio::test]
async fn accounts_are_changed_for_one_call() {
    let rig = Rig::new();
    let slot = B256::ZERO.to_string();
    let value = B256::with_last_byte(9).to_string();
    for storage in ["state", "stateDiff"] {
        let changes = json!({ (CONTRACT.to_string()): { "code": READ_SLOT, (storage): { (&slot): &value } } });
        let answer = word(&rig, json!([{ "to": CONTRACT }, "latest", changes])).await;
        assert_eq!(answer, U256::from(9), "{storage}");
    }
    // SELFBALANCE.
    let changes = json!({ (CONTRACT.to_string()): { "code": returns("47"), "balance": "0x7b" } });
    assert_eq!(word(&rig, json!([{ "to": CONTRACT }, "latest", changes])).await, U256::from(123));
    assert_eq!(rig.rpc::<Bytes>("eth_getCode", json!([CONTRACT])).await, Bytes::new(), "nothing stays");
    let both = json!({ (CONTRACT.to_string()): { "state": {}, "stateDiff": {} } });
    let error = rig.refused("eth_call", json!([{ "to": CONTRACT }, "latest", both])).await;
    assert!(error.code() == -32602 && error.message().contains("both 'state' and 'stateDiff'"), "{}", error.message());
}

#[tokio::test]
async fn the_block_is_changed_for_one_call() {
    let rig = Rig::new();
    let coinbase = Address::repeat_byte(0xcb);
    for (opcode, change, expected) in [
        ("43", json!({ "number": "0x400" }), U256::from(0x400)),
        ("42", json!({ "time": "0x6fffffff" }), U256::from(0x6fff_ffffu64)),
        ("45", json!({ "gasLimit": "0x1234" }), U256::from(0x1234)),
        ("4a", json!({ "blobBaseFee": "0x5" }), U256::from(5)),
        ("41", json!({ "feeRecipient": coinbase }), U256::from_be_slice(coinbase.as_slice())),
        ("44", json!({ "prevRandao": B256::repeat_byte(3) }), U256::from_be_bytes([3; 32])),
        // BLOCKHASH of 16, which does not exist.
        (
            "601040",
            json!({ "number": "0x11", "blockHash": { "16": B256::repeat_byte(8) } }),
            U256::from_be_bytes([8; 32]),
        ),
        ("601040", json!({ "number": "0x11" }), U256::ZERO),
    ] {
        let code = json!({ (CONTRACT.to_string()): { "code": returns(opcode) } });
        let answer = word(&rig, json!([{ "to": CONTRACT }, "latest", code, change])).await;
        assert_eq!(answer, expected, "{opcode} {change}");
    }
}

/// As in geth: who names no price sees no base fee, and who names one must offer at least the block's.
#[tokio::test]
async fn the_base_fee_is_that_of_the_price() {
    let rig = Rig::new();
    let base_fee = rig.chain.head().block.header.base_fee_per_gas.unwrap();
    let code = json!({ (CONTRACT.to_string()): { "code": returns("48") } });
    let request = |more: Value| {
        let mut request = json!({ "to": CONTRACT });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let price = format!("{base_fee:#x}");
    for (priced, change, expected) in [
        (json!({}), json!({}), 0),
        (json!({ "gasPrice": "0x0" }), json!({}), 0),
        (json!({ "maxFeePerGas": "0x0" }), json!({ "baseFeePerGas": "0x7" }), 0),
        (json!({ "gasPrice": price }), json!({}), base_fee),
        (json!({ "maxFeePerGas": price }), json!({}), base_fee),
        (json!({ "gasPrice": "0x8" }), json!({ "baseFeePerGas": "0x7" }), 7),
    ] {
        let answer = word(&rig, json!([request(priced.clone()), "latest", code, change])).await;
        assert_eq!(answer, U256::from(expected), "{priced} {change}");
    }
    // The base fee may have risen since a client asked for a price.
    for method in ["eth_call", "eth_estimateGas", "eth_createAccessList", "debug_traceCall"] {
        for priced in [json!({}), json!({ "maxFeePerGas": "0x1" })] {
            rig.rpc::<Value>(method, json!([request(priced), "latest"])).await;
        }
    }
}

#[tokio::test]
async fn precompiles_move_and_engines_do_not() {
    let rig = Rig::new();
    let (sha256, elsewhere) = (Address::with_last_byte(2), Address::repeat_byte(0x5a));
    let plain: Bytes = rig.rpc("eth_call", json!([{ "to": sha256, "data": "0x01" }])).await;
    let moved = json!({ (sha256.to_string()): { "code": READ_SLOT, "movePrecompileToAddress": elsewhere } });
    let there: Bytes = rig.rpc("eth_call", json!([{ "to": elsewhere, "data": "0x01" }, "latest", moved])).await;
    assert_eq!(there, plain);
    assert_eq!(word(&rig, json!([{ "to": sha256, "data": "0x01" }, "latest", moved])).await, U256::ZERO);
    for (from, to, words) in [
        (ENGINE, elsewhere, "cannot be moved"),
        (CONTRACT, elsewhere, "is not a precompile"),
        (sha256, sha256, "its own address"),
    ] {
        let changes = json!({ (from.to_string()): { "movePrecompileToAddress": to } });
        let error = rig.refused("eth_call", json!([{ "to": to }, "latest", changes])).await;
        assert!(error.code() == -32602 && error.message().contains(words), "{}", error.message());
    }
    // Any change takes a precompile away.
    for change in [json!({ "balance": "0x5" }), json!({ "nonce": "0x1" }), json!({})] {
        let changes = json!({ (sha256.to_string()): change });
        let gone: Bytes = rig.rpc("eth_call", json!([{ "to": sha256, "data": "0x01" }, "latest", changes])).await;
        assert_eq!(gone, Bytes::new());
    }
    // Code at an engine's address runs in its place; any other change leaves the engine there.
    let coded = json!({ (ENGINE.to_string()): { "code": returns("43") } });
    assert_eq!(word(&rig, json!([{ "to": ENGINE, "data": "0x0a" }, "0x0", coded])).await, U256::ZERO);
    let rich = json!({ (ENGINE.to_string()): { "balance": "0x5" } });
    let echoed: Bytes = rig.rpc("eth_call", json!([{ "to": ENGINE, "data": "0x0a" }, "latest", rich])).await;
    assert_eq!(echoed, Bytes::from_static(&[0x0a]));
}

#[tokio::test]
async fn estimates_see_overrides_and_wei() {
    let rig = Rig::new();
    let poor = Address::repeat_byte(0x99);
    let request = json!({ "from": poor, "to": CONTRACT, "value": "0x1" });
    for method in ["eth_call", "eth_estimateGas"] {
        let error = rig.refused(method, json!([request, "latest"])).await;
        assert_eq!(error.code(), -32000);
        assert!(error.message().starts_with("insufficient funds for gas * price + value"), "{}", error.message());
    }
    let rich = json!({ (poor.to_string()): { "balance": "0xffffffffffffff" } });
    assert_eq!(rig.rpc::<U64>("eth_estimateGas", json!([request, "latest", rich])).await, U64::from(21_000));
    // Gas that pays for no transaction is no bound.
    for gas in ["0x1", "0x5207"] {
        let request = json!({ "to": CONTRACT, "gas": gas });
        assert_eq!(rig.rpc::<U64>("eth_estimateGas", json!([request])).await, U64::from(21_000));
    }
    // With a price, the sender's wei bound the gas.
    let priced = json!({ "from": poor, "to": CONTRACT, "gasPrice": "0x3b9aca00" });
    let few = json!({ (poor.to_string()): { "balance": "0x1" } });
    assert!(rig.refused("eth_estimateGas", json!([priced, "latest", few])).await.code() == -32000);
}

#[tokio::test]
async fn an_access_list_names_what_engines_and_contracts_read() {
    let rig = Rig::new();
    let token = rig.deploy_token(5).await;
    let balance_of = format!("0x70a08231{:0>64}", format!("{:x}", rig.signer.address()));
    let listed: Value = rig.rpc("eth_createAccessList", json!([{ "to": token, "data": balance_of }])).await;
    assert_eq!(listed["accessList"][0]["address"], json!(token));
    assert_eq!(listed["accessList"][0]["storageKeys"].as_array().unwrap().len(), 1, "{listed}");
    assert!(listed.get("error").is_none());
    let stored: Value = rig.rpc("eth_createAccessList", json!([{ "to": ENGINE, "data": "0x0401" }])).await;
    assert_eq!(stored["accessList"][0]["address"], json!(ENGINE), "{stored}");
    assert!(!stored["accessList"][0]["storageKeys"].as_array().unwrap().is_empty());
    let reverted: Value = rig.rpc("eth_createAccessList", json!([{ "to": ENGINE, "data": "0x03" }])).await;
    assert_eq!(reverted["error"], json!("execution reverted"));
    let uncreated: Value = rig.rpc("eth_createAccessList", json!([{ "input": "0x60006000fd" }])).await;
    assert_eq!(uncreated["accessList"], json!([]), "the address of what is created is warm, also if that fails");
}

#[tokio::test]
async fn storage_is_read_in_bulk() {
    let rig = Rig::new();
    let token = rig.deploy_token(5).await;
    let asked = json!({ (token.to_string()): ["0x0", B256::with_last_byte(2)], (ENGINE.to_string()): ["0x1"] });
    let values: Value = rig.rpc("eth_getStorageValues", json!([asked, "latest"])).await;
    let of_token = &values[token.to_string().to_lowercase()];
    for (place, slot) in ["0x0", "0x2"].into_iter().enumerate() {
        assert_eq!(of_token[place], rig.rpc::<Value>("eth_getStorageAt", json!([token, slot])).await);
    }
    assert_eq!(rig.refused("eth_getStorageValues", json!([{}])).await.code(), -32602);
    let many = json!({ (token.to_string()): vec!["0x0"; 1_025] });
    assert_eq!(rig.refused("eth_getStorageValues", json!([many])).await.code(), -32005);
}
