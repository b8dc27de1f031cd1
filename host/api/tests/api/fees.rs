//! Fees as wallets ask for them.

use alloy_consensus::TxEip1559;
use alloy_primitives::{U64, U128};
use alloy_rpc_types_eth::FeeHistory;
use serde_json::json;

use crate::support::{GWEI, Rig, tx};

#[tokio::test]
async fn suggestions_suffice_for_the_next_block() {
    let rig = Rig::new();
    rig.mine();
    let price: U128 = rig.rpc("eth_gasPrice", json!([])).await;
    let tip: U128 = rig.rpc("eth_maxPriorityFeePerGas", json!([])).await;
    let base_fee = u128::from(rig.chain.next_base_fee());
    assert_eq!(price.to::<u128>(), base_fee + tip.to::<u128>());
    let asked: U64 = rig.rpc("eth_baseFee", json!([])).await;
    let hash = rig.send(TxEip1559 { max_fee_per_gas: price.to(), max_priority_fee_per_gas: tip.to(), ..tx(0) }).await;
    let block = rig.mine();
    assert!(block.block.transactions.iter().any(|tx| *tx.tx_hash() == hash));
    assert_eq!(block.block.header.base_fee_per_gas, Some(asked.to()));
    assert_eq!(rig.rpc::<U128>("eth_blobBaseFee", json!([])).await, U128::from(1));
}

#[tokio::test]
async fn history_has_one_base_fee_more_than_blocks() {
    let rig = Rig::new();
    let tips = [GWEI, 2 * GWEI, 3 * GWEI];
    for (nonce, tip) in (0..).zip(tips) {
        rig.send(TxEip1559 { max_priority_fee_per_gas: tip, ..tx(nonce) }).await;
    }
    let full = rig.mine();
    rig.mine();
    let fees: FeeHistory = rig.rpc("eth_feeHistory", json!(["0x3", "latest", [0, 50, 100]])).await;
    assert_eq!((fees.oldest_block, fees.gas_used_ratio.len(), fees.base_fee_per_gas.len()), (0, 3, 4));
    assert_eq!(fees.base_fee_per_gas[3], u128::from(rig.chain.next_base_fee()));
    let header = &full.block.header;
    assert_eq!(fees.gas_used_ratio[1], header.gas_used as f64 / header.gas_limit as f64);
    assert_eq!(fees.reward.unwrap(), vec![vec![0; 3], tips.to_vec(), vec![0; 3]]);

    // Asked for more than there is, for none, and without percentiles.
    let all: FeeHistory = rig.rpc("eth_feeHistory", json!([U64::from(5000), "latest"])).await;
    assert_eq!((all.gas_used_ratio.len(), all.reward), (3, None));
    let unasked: FeeHistory = rig.rpc("eth_feeHistory", json!(["0x3", "latest", []])).await;
    assert_eq!((unasked.gas_used_ratio.len(), unasked.reward), (3, None));
    let none: FeeHistory = rig.rpc("eth_feeHistory", json!(["0x0", "latest", []])).await;
    assert!(none.gas_used_ratio.is_empty());
    assert_eq!(rig.refused("eth_feeHistory", json!(["0x1", "latest", [101]])).await.code(), -32602);
}
