//! `eth_call` and `eth_estimateGas`: what returns, what reverts with its data, what an engine's fault is called.

use alloy_primitives::{Address, Bytes, U64, U256, hex};
use alloy_sol_types::{SolCall, SolError};
use serde_json::{Value, json};

use crate::support::{ENGINE, LOOP, REVERT, Rig, TRAP, Token, call, tx};

#[tokio::test]
async fn an_engine_answers_like_a_contract() {
    let rig = Rig::new();
    let echoed: Bytes = rig.rpc("eth_call", json!([{ "to": ENGINE, "data": "0x0a0b" }, "latest"])).await;
    assert_eq!(echoed, Bytes::from_static(&[0x0a, 0x0b]));
    // Both names of the input, in both places that clients put it.
    let echoed: Bytes = rig.rpc("eth_call", json!([{ "to": ENGINE, "input": "0x0c" }])).await;
    assert_eq!(echoed, Bytes::from_static(&[0x0c]));
}

#[tokio::test]
async fn reverts_and_faults_are_told_apart() {
    let rig = Rig::new();
    for method in ["eth_call", "eth_estimateGas"] {
        let reverted = rig.refused(method, json!([{ "to": ENGINE, "data": Bytes::from(vec![REVERT, 0xfe]) }])).await;
        assert_eq!((reverted.code(), reverted.message()), (3, "execution reverted"));
        assert_eq!(reverted.data().unwrap().get(), "\"0x03fe\"");
        for (input, message) in [(LOOP, "engine fault: out-of-fuel"), (TRAP, "engine fault: unreachable")] {
            let halted = rig.refused(method, json!([{ "to": ENGINE, "data": Bytes::from(vec![input]) }])).await;
            assert_eq!((halted.code(), halted.message()), (-32000, message), "{method}");
        }
    }
}

#[tokio::test]
async fn typed_errors_come_through() {
    let rig = Rig::new();
    let token = rig.deploy_token(5).await;
    let transfer = Token::transferCall { to: Address::repeat_byte(1), amount: U256::from(6) }.abi_encode();
    let request = json!([{ "from": rig.signer.address(), "to": token, "data": Bytes::from(transfer) }, "latest"]);
    let error = rig.refused("eth_call", request).await;
    let data: Bytes = serde_json::from_str(error.data().unwrap().get()).unwrap();
    let reason = Token::ERC20InsufficientBalance::abi_decode(&data).unwrap();
    assert_eq!((reason.balance, reason.needed), (U256::from(5), U256::from(6)));
}

#[tokio::test]
async fn calls_run_on_old_states() {
    let rig = Rig::new();
    let token = rig.deploy_token(5).await;
    let to = Address::repeat_byte(1);
    rig.send(call(1, token, Token::transferCall { to, amount: U256::from(2) }.abi_encode())).await;
    rig.mine();
    let balance = Bytes::from(Token::balanceOfCall { holder: to }.abi_encode());
    for (block, expected) in [("0x1", 0), ("0x2", 2), ("latest", 2)] {
        let answer: U256 = rig.rpc("eth_call", json!([{ "to": token, "data": balance }, block])).await;
        assert_eq!(answer, U256::from(expected), "{block}");
    }
}

#[tokio::test]
async fn an_estimate_is_enough_and_not_much_more() {
    let rig = Rig::new();
    let plain: U64 = rig.rpc("eth_estimateGas", json!([{ "to": Address::repeat_byte(7), "value": "0x1" }])).await;
    assert_eq!(plain, U64::from(21_000));
    let token = rig.deploy_token(5).await;
    let input = Bytes::from(Token::transferCall { to: Address::repeat_byte(1), amount: U256::ONE }.abi_encode());
    let request = json!([{ "from": rig.signer.address(), "to": token, "data": input }]);
    let estimate: u64 = rig.rpc::<U64>("eth_estimateGas", request).await.to();
    rig.send(alloy_consensus::TxEip1559 { gas_limit: estimate, ..call(1, token, input) }).await;
    let block = rig.mine();
    let receipt = block.receipts.iter().rfind(|receipt| receipt.gas_used > 21_000).unwrap();
    assert!(receipt.succeeded());
    assert!(estimate < receipt.gas_used * 3 / 2, "{estimate} for {}", receipt.gas_used);
}

#[tokio::test]
async fn what_cannot_be_honoured_is_refused() {
    let rig = Rig::new();
    let to = Address::ZERO;
    for (params, about) in [
        (json!([]), "parameter 0 (call) is missing"),
        (json!([{ "to": "0x12" }]), "parameter 0 (call)"),
        (json!([{ "to": to }, "yesterday"]), "parameter 1 (block)"),
        (json!([{ "to": to }, "latest", { (to.to_string()): { "blance": "0x1" } }]), "state overrides"),
        (json!([{ "to": to, "gasPrice": "0x1", "maxFeePerGas": "0x1" }]), "gasPrice"),
        (json!([{ "to": to, "chainId": "0x1" }]), "chainId"),
        (json!([{ "to": to, "data": "0x01", "input": "0x02" }]), "input"),
        (json!([{ "to": to, "blobVersionedHashes": [] }]), "EIP-4844"),
    ] {
        let error = rig.refused("eth_call", params).await;
        assert_eq!(error.code(), -32602, "{}", error.message());
        assert!(error.message().contains(about), "{} is about {about}", error.message());
    }
    assert_eq!(rig.refused("eth_makeCoffee", json!([])).await.code(), -32601);
    // A fee for blobs is none: the execution-apis' test `call-blob-fee-without-hashes`.
    assert!(rig.rpc::<Bytes>("eth_call", json!([{ "to": to, "maxFeePerBlobGas": "0x1" }])).await.is_empty());
    // No gas is not the same as none said.
    let error = rig.refused("eth_call", json!([{ "to": to, "gas": "0x0" }])).await;
    assert_eq!(error.code(), -32000, "{}", error.message());
    assert!(error.message().contains("intrinsic gas too low"), "{}", error.message());
    assert_eq!(rig.rpc::<U64>("eth_estimateGas", json!([{ "to": to, "gas": "0x0" }])).await, U64::from(21_000));
}

#[tokio::test]
async fn a_call_cannot_have_endless_gas() {
    let rig = Rig::new();
    let error = rig.refused("eth_call", json!([{ "to": ENGINE, "data": "0x01", "gas": "0xffffffffffffffff" }])).await;
    assert_eq!(error.message(), "engine fault: out-of-fuel");
    // And the server goes on.
    rig.send(tx(0)).await;
    let status: Value = rig.rpc("caldera_status", json!([])).await;
    assert_eq!((&status["name"], &status["halted"]), (&json!("finance"), &Value::Null));
    assert!(hex::decode(status["head"]["hash"].as_str().unwrap()).is_ok());
}
