//! Sends that come at once, each by itself: taken in together, answered as if each came alone.

use alloy_consensus::{TxEip1559, TxEnvelope};
use alloy_primitives::{Bytes, U256};
use caldera_types::is_system_transaction;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Rig, key, raw, sign, tx};

const SEND: &str = "eth_sendRawTransaction";
const SENT: u64 = 150;

#[tokio::test(flavor = "multi_thread")]
async fn sends_that_come_at_once_are_answered_as_if_they_came_alone() {
    let rig = Rig::new();
    let fit = |nonce| raw(&sign(tx(nonce), &rig.signer));
    let unfit: [(Bytes, &str); 4] = [
        (raw(&sign(TxEip1559 { chain_id: 1, ..tx(0) }, &rig.signer)), "invalid chain id"),
        (raw(&sign(tx(0), &key(9))), "insufficient funds"),
        (raw(&sign(TxEip1559 { value: U256::MAX / U256::from(2), ..tx(1) }, &rig.signer)), "insufficient funds"),
        (Bytes::from_static(&[2, 0xc0]), "the bytes are no signed transaction"),
    ];
    let accepted = join_all((0..SENT).map(|nonce| rig.try_rpc::<Value>(SEND, json!([fit(nonce)]))));
    let repeated = unfit.iter().cycle().take(40);
    let refused = join_all(repeated.clone().map(|(raw, _)| rig.try_rpc::<Value>(SEND, json!([raw]))));
    let (accepted, refused) = tokio::join!(accepted, refused);
    for (nonce, answer) in (0..).zip(accepted) {
        assert_eq!(answer.unwrap(), json!(sign(tx(nonce), &rig.signer).tx_hash()));
    }
    for (answer, (_, words)) in refused.into_iter().zip(repeated) {
        let error = answer.unwrap_err().to_string();
        assert!(error.contains(words), "'{error}' should say '{words}'");
    }
    let users = |tx: &&TxEnvelope| !is_system_transaction(tx);
    assert_eq!(rig.mine().block.transactions.iter().filter(users).count() as u64, SENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_same_sent_at_once_one_is_taken() {
    let rig = Rig::new();
    let one = json!([raw(&sign(tx(0), &rig.signer))]);
    let answers = join_all((0..30).map(|_| rig.try_rpc::<Value>(SEND, one.clone()))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(taken.len(), 1);
    assert!(refused.into_iter().all(|answer| answer.unwrap_err().to_string().contains("already known")));
}
