//! `eth_sendRawTransactionSync` (EIP-7966).

use std::time::{Duration, Instant};

use alloy_consensus::TxEip1559;
use alloy_primitives::B256;
use caldera_api::ApiLimits;
use serde_json::{Value, json};

use crate::support::{GWEI, Rig, raw, sign, tx};

#[tokio::test]
async fn the_answer_is_the_receipt() {
    let rig = Rig::new();
    let signed = sign(tx(0), &rig.signer);
    let chain = rig.chain.clone();
    let miner = tokio::task::spawn_blocking(move || {
        while chain.pool_status().pending == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        chain.produce_block(chain.head().block.header.timestamp + 1, Duration::from_secs(5)).unwrap()
    });
    let receipt: Value = rig.rpc("eth_sendRawTransactionSync", json!([raw(&signed), "0x2710"])).await;
    let block = miner.await.unwrap();
    assert_eq!(receipt["transactionHash"], json!(signed.tx_hash()));
    assert_eq!(receipt["blockHash"], json!(block.block.hash()));
    assert_eq!(receipt, rig.rpc::<Value>("eth_getTransactionReceipt", json!([signed.tx_hash()])).await);
    // Sent again, it answers with the receipt that exists.
    assert_eq!(rig.rpc::<Value>("eth_sendRawTransactionSync", json!([raw(&signed)])).await, receipt);
}

#[tokio::test]
async fn who_waits_in_vain_is_told_the_hash() {
    let limits = ApiLimits { sync_timeout: Duration::from_millis(300), ..ApiLimits::recommended() };
    let rig = Rig::with_limits(limits);
    let signed = sign(tx(0), &rig.signer);
    for params in [json!([raw(&signed)]), json!([raw(&signed), 100]), json!([raw(&signed), "0xffffffff"])] {
        let begun = Instant::now();
        let error = rig.refused("eth_sendRawTransactionSync", params).await;
        assert_eq!(error.code(), 4, "{}", error.message());
        let hash: B256 = serde_json::from_str(error.data().unwrap().get()).unwrap();
        assert_eq!(hash, *signed.tx_hash());
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    assert!(
        rig.mine().block.transactions.iter().any(|tx| tx.tx_hash() == signed.tx_hash()),
        "it was sent all the same"
    );
}

/// It does not wait for a block any more when the time is over, and is not said to.
#[tokio::test]
async fn who_waited_for_what_was_replaced_is_told_so() {
    let rig = Rig::new();
    let first = sign(tx(0), &rig.signer);
    let waits = rig.refused("eth_sendRawTransactionSync", json!([raw(&first), 1_000]));
    let replaces = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        rig.send(TxEip1559 { max_fee_per_gas: 20 * GWEI, max_priority_fee_per_gas: 2 * GWEI, ..tx(0) }).await
    };
    let (error, _) = tokio::join!(waits, replaces);
    assert_eq!((error.code(), error.message().contains("not in the pool any more")), (-32000, true), "{error:?}");
    assert_eq!(serde_json::from_str::<B256>(error.data().unwrap().get()).unwrap(), *first.tx_hash());
}

#[tokio::test]
async fn a_gap_is_told_with_the_nonce_that_is_missing() {
    let rig = Rig::new();
    let error = rig.refused("eth_sendRawTransactionSync", json!([raw(&sign(tx(2), &rig.signer))])).await;
    assert_eq!((error.code(), error.data().unwrap().get()), (6, "\"0x0\""), "{}", error.message());
    let error = rig.refused("eth_sendRawTransactionSync", json!(["0x03f8"])).await;
    assert!(error.code() == -32000 && error.message().contains("EIP-4844"));
}
