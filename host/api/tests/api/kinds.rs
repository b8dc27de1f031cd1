//! The kinds of transactions that a rollup takes: legacy and EIP-1559 stand elsewhere; here are EIP-2930 and EIP-7702.

use alloy_consensus::{TxEip2930, TxEip7702};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use serde_json::{Value, json};

use crate::support::{CHAIN_ID, ENGINE, GWEI, Rig, STORE, TRAP, key, raw, sign_any};

async fn mined(rig: &Rig, tx: &alloy_consensus::TxEnvelope) -> Value {
    let hash: B256 = rig.rpc("eth_sendRawTransaction", json!([raw(tx)])).await;
    rig.mine();
    rig.rpc("eth_getTransactionReceipt", json!([hash])).await
}

#[tokio::test]
async fn access_lists_are_charged_and_shown() {
    let rig = Rig::new();
    let listed = AccessListItem { address: Address::repeat_byte(9), storage_keys: vec![B256::ZERO] };
    let tx = TxEip2930 {
        chain_id: CHAIN_ID,
        gas_price: 5 * GWEI,
        gas_limit: 60_000,
        to: TxKind::Call(Address::repeat_byte(3)),
        access_list: AccessList(vec![listed]),
        ..Default::default()
    };
    let signed = sign_any(tx, &rig.signer);
    let receipt = mined(&rig, &signed).await;
    // EIP-2930: 2,400 for the address, 1,900 for the key.
    assert_eq!((&receipt["type"], &receipt["gasUsed"]), (&json!("0x1"), &json!("0x62d4")));
    let shown: Value = rig.rpc("eth_getTransactionByHash", json!([signed.tx_hash()])).await;
    assert_eq!(shown["accessList"][0]["address"], json!(Address::repeat_byte(9)));
}

fn authorization(authority: &PrivateKeySigner, to: Address, nonce: u64) -> SignedAuthorization {
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: to, nonce };
    let signature = authority.sign_hash_sync(&authorization.signature_hash()).unwrap();
    authorization.into_signed(signature)
}

fn delegation(nonce: u64, to: Address, input: Bytes, list: Vec<SignedAuthorization>) -> TxEip7702 {
    TxEip7702 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 1_000_000,
        max_fee_per_gas: 10 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to,
        value: U256::ZERO,
        access_list: AccessList::default(),
        authorization_list: list,
        input,
    }
}

#[tokio::test]
async fn authorizations_execute() {
    let rig = Rig::new();
    let token = rig.deploy_token(5).await;
    let authority = key(7);
    let owner = rig.signer.address();
    let balance_of = format!("0x70a08231{:0>64}", format!("{owner:x}"));
    // A simulated call takes the same list.
    let list = vec![authorization(&authority, token, 0)];
    let call = json!([{ "to": authority.address(), "data": balance_of, "authorizationList": list }]);
    assert_eq!(rig.rpc::<U256>("eth_call", call).await, U256::ZERO, "the token's code runs on the account's storage");
    let signed = sign_any(delegation(1, authority.address(), Bytes::new(), list), &rig.signer);
    let receipt = mined(&rig, &signed).await;
    assert_eq!(receipt["type"], json!("0x4"));
    let code: Bytes = rig.rpc("eth_getCode", json!([authority.address()])).await;
    assert_eq!(code, [&[0xef, 0x01, 0x00], token.as_slice()].concat());
    assert_eq!(rig.rpc::<Value>("eth_getTransactionCount", json!([authority.address()])).await, json!("0x1"));
    let shown: Value = rig.rpc("eth_getTransactionByHash", json!([signed.tx_hash()])).await;
    assert_eq!(shown["authorizationList"][0]["address"], json!(token));
    let answer: U256 = rig.rpc("eth_call", json!([{ "to": authority.address(), "data": balance_of }])).await;
    assert_eq!(answer, U256::ZERO);
}

/// An engine acts on the storage of its own address alone, so an account that delegates to one runs what stands there as
/// code: INVALID. The call fails, the account and the engine are as before, and the delegation can be taken back.
#[tokio::test]
async fn an_account_that_delegates_to_an_engine_is_not_the_engine() {
    let rig = Rig::new();
    let authority = key(7);
    let list = vec![authorization(&authority, ENGINE, 0)];
    let signed = sign_any(delegation(0, authority.address(), Bytes::from(vec![STORE, 1]), list), &rig.signer);
    let receipt = mined(&rig, &signed).await;
    assert_eq!(receipt["status"], json!("0x0"));
    assert_eq!(receipt.get("calderaFault"), None, "no engine ran: {receipt}");
    assert_eq!(receipt["logs"], json!([]));
    let code: Bytes = rig.rpc("eth_getCode", json!([authority.address()])).await;
    assert_eq!(code, [&[0xef, 0x01, 0x00], ENGINE.as_slice()].concat(), "the authorization holds");
    let error = rig.refused("eth_call", json!([{ "to": authority.address(), "data": Bytes::from(vec![TRAP]) }])).await;
    assert_eq!((error.code(), error.message()), (-32000, "invalid opcode: INVALID"));
    let echoed: Bytes = rig.rpc("eth_call", json!([{ "to": ENGINE, "data": "0x0a" }])).await;
    assert_eq!(echoed, Bytes::from_static(&[0x0a]), "the engine itself goes on");
    let back = vec![authorization(&authority, Address::ZERO, 1)];
    let receipt = mined(&rig, &sign_any(delegation(1, authority.address(), Bytes::new(), back), &rig.signer)).await;
    assert_eq!(receipt["status"], json!("0x1"));
    assert_eq!(rig.rpc::<Bytes>("eth_getCode", json!([authority.address()])).await, Bytes::new());
}
