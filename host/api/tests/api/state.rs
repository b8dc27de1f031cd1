//! State after any block, and its proofs checked by a trie that did not make them.

use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use alloy_rpc_types_eth::{Block, EIP1186AccountProofResponse};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use caldera_execution::{registry, slot_of};
use serde_json::{Value, json};

use crate::support::{FUNDS, Rig, tx};

#[tokio::test]
async fn every_blocks_state_can_be_read() {
    let rig = Rig::new();
    let receiver = Address::repeat_byte(0x77);
    let mut hashes = vec![rig.chain.head().block.hash()];
    for nonce in 0..4 {
        rig.send(tx(nonce)).await;
        hashes.push(rig.mine().block.hash());
    }
    for (number, hash) in hashes.into_iter().enumerate() {
        let expected = U256::from(number);
        for block in [json!(U64::from(number)), json!({ "blockHash": hash, "requireCanonical": true })] {
            assert_eq!(rig.rpc::<U256>("eth_getBalance", json!([receiver, block])).await, expected, "{block}");
        }
        let nonce: U64 = rig.rpc("eth_getTransactionCount", json!([rig.signer.address(), U64::from(number)])).await;
        assert_eq!(nonce, U64::from(number));
    }
    let untouched: U256 = rig.rpc("eth_getBalance", json!([rig.signer.address(), "earliest"])).await;
    assert_eq!(untouched, U256::from(FUNDS));
}

#[tokio::test]
async fn a_block_that_is_not_there_is_an_error() {
    let rig = Rig::new();
    for block in [json!("0x9"), json!({ "blockHash": B256::ZERO }), json!({ "blockNumber": "0x9" })] {
        let error = rig.refused("eth_getBalance", json!([Address::ZERO, block])).await;
        assert_eq!(error.code(), -32000);
        assert!(error.message().starts_with("header not found"), "{}", error.message());
    }
}

#[tokio::test]
async fn pending_counts_the_pool() {
    let rig = Rig::new();
    for nonce in 0..50 {
        rig.send(tx(nonce)).await;
    }
    let me = rig.signer.address();
    assert_eq!(rig.rpc::<U64>("eth_getTransactionCount", json!([me, "pending"])).await, U64::from(50));
    assert_eq!(rig.rpc::<U64>("eth_getTransactionCount", json!([me, "latest"])).await, U64::ZERO);
    let pool: Value = rig.rpc("txpool_status", json!([])).await;
    assert_eq!(pool, json!({ "pending": "0x32", "queued": "0x0" }));
    rig.mine();
    assert_eq!(rig.rpc::<U64>("eth_getTransactionCount", json!([me])).await, U64::from(50));
}

#[tokio::test]
async fn code_and_slots() {
    let rig = Rig::new();
    let token = rig.deploy_token(77).await;
    let code: Bytes = rig.rpc("eth_getCode", json!([token, "latest"])).await;
    assert!(code.len() > 1000);
    assert!(rig.rpc::<Bytes>("eth_getCode", json!([token, "0x0"])).await.is_empty());
    // `totalSupply` is the third of the token's variables that have a slot.
    for slot in ["0x2", "0x0000000000000000000000000000000000000000000000000000000000000002"] {
        let word: B256 = rig.rpc("eth_getStorageAt", json!([token, slot, "latest"])).await;
        assert_eq!(U256::from_be_bytes(word.0), U256::from(77));
    }
}

/// The execution-apis' test `get-storage-invalid-key-too-large`.
#[tokio::test]
async fn keys_of_slots_are_at_most_a_word() {
    let rig = Rig::new();
    let to = Address::ZERO;
    for key in [json!(format!("0x{}", "0".repeat(65))), json!("0xasdf"), json!("2"), json!(2)] {
        for (method, params) in [
            ("eth_getStorageAt", json!([to, key, "latest"])),
            ("eth_getProof", json!([to, [key], "latest"])),
            ("eth_getStorageValues", json!([{ (to.to_string()): [key] }, "latest"])),
        ] {
            let error = rig.refused(method, params).await;
            assert_eq!(error.code(), -32602, "{method} {key}: {}", error.message());
        }
    }
}

#[tokio::test]
async fn proofs_hold_under_the_state_root() {
    let rig = Rig::new();
    rig.mine();
    // The registry's records lie where an engine's would: this one is the governor, as RLP.
    let slot = B256::from(slot_of(b"governor"));
    let absent = B256::from(slot_of(b"nothing"));
    let block: Block = rig.rpc("eth_getBlockByNumber", json!(["0x1", false])).await;
    let proof: EIP1186AccountProofResponse =
        rig.rpc("eth_getProof", json!([registry::ADDRESS, [slot, absent, "0x0"], "0x1"])).await;
    let account = TrieAccount {
        nonce: proof.nonce,
        balance: proof.balance,
        storage_root: proof.storage_hash,
        code_hash: proof.code_hash,
    };
    let path = Nibbles::unpack(keccak256(registry::ADDRESS));
    let leaf = alloy_rlp::encode(account);
    verify_proof(block.header.state_root, path, Some(leaf), &proof.account_proof).unwrap();
    for (index, key) in [slot, absent, B256::ZERO].into_iter().enumerate() {
        let entry = &proof.storage_proof[index];
        let leaf = (!entry.value.is_zero()).then(|| alloy_rlp::encode(entry.value));
        verify_proof(proof.storage_hash, Nibbles::unpack(keccak256(key)), leaf, &entry.proof).unwrap();
    }
    let governor = proof.storage_proof[0].value.to_be_bytes::<32>();
    assert_eq!(governor[31], 2 * 21, "21 bytes stand in the slot itself");
    assert_eq!(&governor[1..21], rig.signer.address().as_slice());
    assert!(proof.storage_proof[1].value.is_zero());
    assert_eq!(serde_json::to_value(proof.storage_proof[2].key).unwrap(), json!("0x0"), "a key comes back as given");
}

#[tokio::test]
async fn absence_is_proven_too() {
    let rig = Rig::new();
    let nobody = Address::repeat_byte(0xdd);
    let proof: EIP1186AccountProofResponse = rig.rpc("eth_getProof", json!([nobody, [], "latest"])).await;
    let root = rig.chain.head().block.header.state_root;
    assert!(proof.is_empty());
    verify_proof(root, Nibbles::unpack(keccak256(nobody)), None, &proof.account_proof).unwrap();
    let too_many: Vec<B256> = (0..1025u64).map(|n| B256::from(U256::from(n))).collect();
    assert_eq!(rig.refused("eth_getProof", json!([nobody, too_many, BlockId::latest()])).await.code(), -32005);
}
