//! Sending transactions: what is taken, and the words in which the rest is refused.

use alloy_consensus::{TxEip1559, TxEip7702, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use alloy_sol_types::SolCall;
use caldera_execution::registry;
use caldera_types::{
    EngineLimits, Grants,
    limits::{STAGE_BASE_GAS, STAGE_GAS_PER_BYTE},
};
use serde_json::{Value, json};

use crate::support::{CHAIN_ID, GWEI, Rig, another_component, call, key, raw, sign, sign_any, sign_legacy, tx};

/// Sends and gives back how it was refused: ethers and viem look for these words.
async fn refusal(rig: &Rig, tx: &alloy_consensus::TxEnvelope) -> String {
    let error = rig.refused("eth_sendRawTransaction", json!([raw(tx)])).await;
    assert_eq!(error.code(), -32000, "{}", error.message());
    error.message().to_owned()
}

#[tokio::test]
async fn refusals_are_in_geths_words() {
    let rig = Rig::new();
    let mine = |tx| sign(tx, &rig.signer);
    rig.send(tx(0)).await;
    let too_much = TxEip1559 { value: U256::MAX / U256::from(2), ..tx(1) };
    let long = TxEip1559 { to: TxKind::Create, input: vec![0; 49_153].into(), gas_limit: 5_000_000, ..tx(1) };
    let TxEip1559 { chain_id, nonce, max_fee_per_gas, max_priority_fee_per_gas, .. } = tx(1);
    let (gas_limit, to) = (100_000, Address::ZERO);
    let without =
        TxEip7702 { chain_id, nonce, max_fee_per_gas, max_priority_fee_per_gas, gas_limit, to, ..TxEip7702::default() };
    let bumped = TxEip1559 { value: U256::from(2), max_fee_per_gas: 10 * GWEI + 1, ..tx(0) };
    for (tx, words) in [
        (mine(tx(0)), "already known"),
        (mine(bumped), "replacement transaction underpriced"),
        (mine(too_much), "insufficient funds for gas * price + value"),
        (mine(TxEip1559 { gas_limit: 20_999, ..tx(1) }), "intrinsic gas too low"),
        (mine(TxEip1559 { chain_id: 1, ..tx(1) }), "invalid chain id"),
        (sign(tx(0), &key(9)), "insufficient funds"),
        // What no block could take, and what would hold the nonce until one dropped it.
        (mine(TxEip1559 { nonce: u64::MAX, ..tx(1) }), "nonce has max value"),
        (mine(long), "max initcode size exceeded: code size 49153, limit 49152"),
        (sign_any(without, &rig.signer), "set code tx must have at least one authorization tuple"),
    ] {
        let message = refusal(&rig, &tx).await;
        assert!(message.contains(words), "'{message}' should say '{words}'");
    }
    rig.mine();
    let message = refusal(&rig, &mine(TxEip1559 { value: U256::from(3), ..tx(0) })).await;
    assert!(message.starts_with("nonce too low"), "{message}");
}

#[tokio::test]
async fn a_replacement_that_pays_takes_the_place() {
    let rig = Rig::new();
    let old = rig.send(tx(0)).await;
    let new = rig.send(TxEip1559 { max_fee_per_gas: 20 * GWEI, max_priority_fee_per_gas: 2 * GWEI, ..tx(0) }).await;
    let hashes: Vec<_> = rig.mine().block.transactions.iter().map(|tx| *tx.tx_hash()).collect();
    assert!(hashes.contains(&new) && !hashes.contains(&old));
}

#[tokio::test]
async fn legacy_transactions_are_taken() {
    let rig = Rig::new();
    let legacy = TxLegacy {
        chain_id: Some(CHAIN_ID),
        gas_price: 5 * GWEI,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(3)),
        ..Default::default()
    };
    let signed = sign_legacy(legacy, &rig.signer);
    let longer = [&raw(&signed)[..], &[0]].concat();
    let error = rig.refused("eth_sendRawTransaction", json!([Bytes::from(longer)])).await;
    assert_eq!((error.code(), error.message().contains("bytes behind it")), (-32602, true), "{}", error.message());
    let hash: B256 = rig.rpc("eth_sendRawTransaction", json!([raw(&signed)])).await;
    assert_eq!(hash, *signed.tx_hash());
    rig.mine();
    let receipt: Value = rig.rpc("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!((&receipt["status"], &receipt["type"]), (&json!("0x1"), &json!("0x0")));
    assert_eq!(rig.rpc::<Bytes>("eth_getRawTransactionByHash", json!([hash])).await, raw(&signed));
}

#[tokio::test]
async fn blobs_and_noise_are_refused_by_name() {
    let rig = Rig::new();
    let blob = rig.refused("eth_sendRawTransaction", json!(["0x03f8"])).await;
    assert!(blob.message().contains("EIP-4844"), "{}", blob.message());
    for noise in ["0x", "0x00", "0xdeadbeef", "0x02c0", "zz"] {
        let error = rig.refused("eth_sendRawTransaction", json!([noise])).await;
        assert_eq!(error.code(), -32602, "{noise}: {}", error.message());
    }
    // What is said is about the transaction that was meant.
    for (noise, about) in [("0x", "there are none"), ("0xc0", "input too short"), ("0xf86b80", "input too short")] {
        let error = rig.refused("eth_sendRawTransaction", json!([noise])).await;
        assert!(error.message().contains(about), "{noise}: {}", error.message());
    }
}

/// The execution-apis' test `get-invalid-hash`, and what else its patterns do not let through.
#[tokio::test]
async fn hex_is_as_the_specification_has_it() {
    let rig = Rig::new();
    let hash = rig.send(tx(0)).await;
    rig.mine();
    let bare = format!("{hash:x}");
    for (method, params) in [
        ("debug_getRawTransaction", json!([bare])),
        ("eth_getTransactionByHash", json!([bare])),
        ("eth_getBlockByHash", json!([bare, false])),
        ("eth_getBalance", json!([format!("{:x}", rig.signer.address())])),
        ("eth_sendRawTransaction", json!([hex::encode(raw(&sign(tx(1), &rig.signer)))])),
        ("eth_getBlockByNumber", json!(["0x01", false])),
        ("eth_getBlockByNumber", json!(["0x", false])),
        ("eth_getBalance", json!([rig.signer.address(), "0x00"])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x00"])),
        ("eth_feeHistory", json!(["0x", "latest", []])),
    ] {
        let error = rig.refused(method, params.clone()).await;
        assert_eq!(error.code(), -32602, "{method} {params}: {}", error.message());
    }
    let zeros = B256::ZERO;
    assert_eq!(rig.rpc::<Value>("eth_getTransactionByHash", json!([zeros])).await, Value::Null);
    assert_eq!(rig.refused("eth_getBalance", json!([rig.signer.address(), zeros])).await.code(), -32000, "a hash");
}

#[tokio::test]
async fn a_sidecar_is_bounded() {
    let rig = Rig::new();
    let signed = raw(&sign(tx(0), &rig.signer));
    let many = rig.refused("caldera_sendRawTransactionWithSidecar", json!([signed, vec!["0x00"; 5]])).await;
    assert_eq!(many.code(), -32005);
    let hash: B256 = rig.rpc("caldera_sendRawTransactionWithSidecar", json!([signed, []])).await;
    assert!(rig.mine().block.transactions.iter().any(|tx| *tx.tx_hash() == hash));
}

/// The road by which an operator brings a new engine: one transaction of the governor, its component beside it.
#[tokio::test]
async fn a_component_is_staged_by_its_sidecar() {
    let rig = Rig::new();
    let component = another_component();
    let size = component.bytes().len() as u32;
    let limits = EngineLimits::recommended().into();
    let stage = registry::abi::IEngineRegistry::stageCall {
        digest: component.digest().0,
        size,
        grants: Grants::ALL.bits(),
        limits,
    };
    let gas = STAGE_BASE_GAS + STAGE_GAS_PER_BYTE * u64::from(size) + 500_000;
    let tx = TxEip1559 { gas_limit: gas, ..call(0, registry::ADDRESS, stage.abi_encode()) };
    let params = json!([raw(&sign(tx, &rig.signer)), [component.bytes()]]);
    let hash: B256 = rig.rpc("caldera_sendRawTransactionWithSidecar", params).await;
    let block = rig.mine();
    assert_eq!(block.block.sidecar, std::slice::from_ref(&component));
    let receipt: Value = rig.rpc("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["status"], json!("0x1"));
    let engines: Value = rig.rpc("caldera_engines", json!([])).await;
    let staged = &engines["staged"][1];
    assert_eq!((&staged["digest"], &staged["stagedAt"]), (&json!(component.digest()), &json!(1)));
}

#[tokio::test]
async fn engines_are_listed() {
    let rig = Rig::new();
    let engines: Value = rig.rpc("caldera_engines", json!([])).await;
    assert_eq!(engines["governor"], json!(rig.signer.address().to_string().to_lowercase()));
    let mount = &engines["mounts"][0];
    assert_eq!((&mount["name"], &mount["version"]), (&json!("guest"), &json!("1.2.3")));
    assert_eq!(mount["limits"]["memoryPages"], json!(64));
    assert_eq!(mount["hooks"], json!({ "beginBlock": true, "endBlock": false }));
    assert_eq!(mount["grants"], json!(["state", "evm", "crypto", "log", "bls", "mpt"]));
    assert_eq!(mount["digest"], engines["staged"][0]["digest"]);
    assert_eq!(engines["armed"], json!([]));
}
