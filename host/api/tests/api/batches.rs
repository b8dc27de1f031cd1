//! Sends that come in one batch: taken in together, answered as if each came alone.

use alloy_consensus::{TxEip1559, TxEnvelope};
use alloy_primitives::{Bytes, U256};
use caldera_types::is_system_transaction;
use jsonrpsee_core::{client::ClientT, params::BatchRequestBuilder};
use jsonrpsee_types::ErrorObjectOwned;
use serde_json::{Value, json};

use crate::support::{GWEI, Rig, key, positional, raw, sign, tx};

const SEND: &str = "eth_sendRawTransaction";

/// What a client may put into one batch, fit or not.
fn calls(rig: &Rig) -> Vec<(&'static str, Value)> {
    let mine = |tx| json!([raw(&sign(tx, &rig.signer))]);
    let bumped = TxEip1559 { max_fee_per_gas: 20 * GWEI, max_priority_fee_per_gas: 2 * GWEI, ..tx(1) };
    let other = json!([raw(&sign(tx(0), &key(2)))]);
    vec![
        (SEND, mine(tx(0))),
        (SEND, mine(tx(1))),
        (SEND, mine(tx(0))),
        (SEND, json!(["0xdeadbeef"])),
        (SEND, json!([])),
        (SEND, mine(TxEip1559 { chain_id: 1, ..tx(2) })),
        (SEND, mine(TxEip1559 { value: U256::MAX / U256::from(2), ..tx(2) })),
        ("eth_chainId", json!([])),
        (SEND, mine(tx(2))),
        ("eth_getTransactionCount", json!([rig.signer.address(), "pending"])),
        ("eth_nothing", json!([])),
        (SEND, json!([raw(&sign(tx(0), &key(9)))])),
        (SEND, mine(bumped)),
        (SEND, other),
        ("txpool_status", json!([])),
    ]
}

type Answers = Vec<Result<Value, ErrorObjectOwned>>;

async fn together(rig: &Rig, calls: Vec<(&'static str, Value)>) -> Answers {
    let mut batch = BatchRequestBuilder::new();
    calls.into_iter().for_each(|(method, params)| batch.insert(method, positional(params)).unwrap());
    let answers = rig.http.batch_request::<Value>(batch).await.unwrap();
    answers.into_iter().collect()
}

async fn alone(rig: &Rig, calls: Vec<(&'static str, Value)>) -> Answers {
    let mut answers = Vec::new();
    for (method, params) in calls {
        answers.push(match rig.try_rpc(method, params).await {
            Ok(answer) => Ok(answer),
            Err(jsonrpsee_core::ClientError::Call(error)) => Err(error),
            Err(error) => panic!("{method}: {error}"),
        });
    }
    answers
}

#[tokio::test]
async fn sends_of_a_batch_are_answered_as_if_they_came_alone() {
    let (one, other) = (Rig::new(), Rig::new());
    let (together, alone) = (together(&one, calls(&one)).await, alone(&other, calls(&other)).await);
    assert_eq!(together, alone);
    assert_eq!(together.iter().filter(|answer| answer.is_ok()).count(), 8, "{together:?}");
    let hashes = |rig: &Rig| rig.mine().block.transactions.iter().map(|tx| *tx.tx_hash()).collect::<Vec<_>>();
    assert_eq!(hashes(&one), hashes(&other));
}

#[tokio::test]
async fn a_large_batch_of_one_sender_is_taken_in_its_order() {
    let rig = Rig::new();
    let calls = (0..100).map(|nonce| (SEND, json!([raw(&sign(tx(nonce), &rig.signer))]))).collect();
    let answers = together(&rig, calls).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let users = |tx: &&TxEnvelope| !is_system_transaction(tx);
    assert_eq!(rig.mine().block.transactions.iter().filter(users).count(), 100);
    let last: Bytes = rig.rpc("eth_getRawTransactionByHash", json!([answers[99].as_ref().unwrap()])).await;
    assert_eq!(last, raw(&sign(tx(99), &rig.signer)));
}
