//! Blocks, transactions and receipts in the shapes that clients read.

use alloy_primitives::{Address, B256, U64, U256};
use alloy_rpc_types_eth::{Block, Transaction, TransactionReceipt};
use alloy_sol_types::{SolCall, SolEvent};
use caldera_types::SYSTEM_ADDRESS;
use serde_json::{Value, json};

use crate::support::{ENGINE, LOOP, REVERT, Rig, Token, call, tx};

#[tokio::test]
async fn a_transaction_is_found_by_every_road() {
    let rig = Rig::new();
    let hash = rig.send(tx(0)).await;
    let pending: Transaction = rig.rpc("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!((pending.block_hash, pending.inner.signer()), (None, rig.signer.address()));
    assert!(rig.rpc::<Value>("eth_getTransactionReceipt", json!([hash])).await.is_null());

    let block = rig.mine();
    let (number, index) = (U64::from(1), U64::from(index_of(&block, hash)));
    let mined: Transaction = rig.rpc("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!((mined.block_hash, mined.block_number), (Some(block.block.hash()), Some(1)));
    let by_number: Transaction = rig.rpc("eth_getTransactionByBlockNumberAndIndex", json!([number, index])).await;
    let by_hash: Transaction =
        rig.rpc("eth_getTransactionByBlockHashAndIndex", json!([block.block.hash(), index])).await;
    assert_eq!((&by_number, &by_hash), (&mined, &mined));
    let past_the_last = json!([number, U64::from(block.block.transactions.len())]);
    assert!(rig.rpc::<Value>("eth_getTransactionByBlockNumberAndIndex", past_the_last).await.is_null());

    let receipt: TransactionReceipt = rig.rpc("eth_getTransactionReceipt", json!([hash])).await;
    assert!(receipt.inner.is_success());
    assert_eq!((receipt.gas_used, receipt.from), (21_000, rig.signer.address()));
    let receipts: Vec<TransactionReceipt> = rig.rpc("eth_getBlockReceipts", json!([number])).await;
    assert_eq!(receipts.len(), block.block.transactions.len());
    assert!(receipts.contains(&receipt));
}

#[tokio::test]
async fn a_block_has_its_fields_and_its_hash() {
    let rig = Rig::new();
    let hash = rig.send(tx(0)).await;
    let sealed = rig.mine();
    let block: Block = rig.rpc("eth_getBlockByNumber", json!(["latest", true])).await;
    assert_eq!(block.header.hash, sealed.block.hash());
    assert_eq!(block.header.inner.hash_slow(), sealed.block.hash(), "the shown header is the hashed one");
    assert!(block.transactions.as_transactions().unwrap().iter().any(|tx| *tx.inner.tx_hash() == hash));
    assert!(block.header.size.unwrap() > U256::from(500));

    let hashes: Block = rig.rpc("eth_getBlockByHash", json!([sealed.block.hash(), false])).await;
    assert_eq!(hashes.transactions.as_hashes().unwrap().to_vec(), block.transactions.hashes().collect::<Vec<_>>());
    for field in ["uncles", "withdrawals"] {
        let raw: Value = rig.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
        assert_eq!(raw[field], json!([]));
    }
    let count: U64 = rig.rpc("eth_getBlockTransactionCountByHash", json!([sealed.block.hash()])).await;
    assert_eq!(count, U64::from(sealed.block.transactions.len()));
}

#[tokio::test]
async fn tags_and_unknown_blocks() {
    let rig = Rig::new();
    rig.mine();
    rig.mine();
    assert_eq!(rig.rpc::<U64>("eth_blockNumber", json!([])).await, U64::from(2));
    for (tag, number) in [("earliest", 0), ("latest", 2), ("safe", 2), ("finalized", 2), ("pending", 2), ("0x1", 1)] {
        let block: Block = rig.rpc("eth_getBlockByNumber", json!([tag, false])).await;
        assert_eq!(block.header.number, number, "{tag}");
    }
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x3", false])),
        ("eth_getBlockByHash", json!([B256::ZERO, true])),
        ("eth_getBlockReceipts", json!(["0x3"])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x3"])),
        ("eth_getTransactionByHash", json!([B256::ZERO])),
    ] {
        assert!(rig.rpc::<Value>(method, params).await.is_null(), "{method}");
    }
}

/// The engine acts at the beginning of each block, in a transaction that nobody signed: every reader must get on with it.
#[tokio::test]
async fn the_chains_own_transactions_are_shown() {
    let rig = Rig::new();
    let block = rig.mine();
    assert_eq!(block.senders(), [SYSTEM_ADDRESS]);
    let shown: Block = rig.rpc("eth_getBlockByNumber", json!(["0x1", true])).await;
    let own = &shown.transactions.as_transactions().unwrap()[0];
    assert_eq!((own.inner.signer(), own.effective_gas_price), (SYSTEM_ADDRESS, Some(0)));
    let again: Value = rig.rpc("eth_getTransactionByHash", json!([own.inner.tx_hash()])).await;
    assert_eq!((&again["from"], &again["r"], &again["s"]), (&json!(SYSTEM_ADDRESS), &json!("0x0"), &json!("0x0")));
    let receipt: TransactionReceipt = rig.rpc("eth_getTransactionReceipt", json!([own.inner.tx_hash()])).await;
    assert_eq!((receipt.from, receipt.effective_gas_price), (SYSTEM_ADDRESS, 0));
    assert_eq!((receipt.inner.logs()[0].address(), receipt.inner.logs()[0].topics().len()), (ENGINE, 0));
}

#[tokio::test]
async fn logs_are_counted_over_the_block() {
    let rig = Rig::new();
    let token = rig.deploy_token(1_000).await;
    for nonce in 1..=3 {
        let transfer = Token::transferCall { to: Address::repeat_byte(9), amount: U256::from(nonce) };
        rig.send(call(nonce, token, transfer.abi_encode())).await;
    }
    let block = rig.mine();
    let receipts: Vec<TransactionReceipt> = rig.rpc("eth_getBlockReceipts", json!([block.block.hash()])).await;
    let logs: Vec<_> = receipts.iter().flat_map(|receipt| receipt.inner.logs()).collect();
    let transfers: Vec<_> = logs.iter().filter(|log| log.topic0() == Some(&Token::Transfer::SIGNATURE_HASH)).collect();
    assert_eq!(transfers.len(), 3);
    for (index, log) in logs.iter().enumerate() {
        assert_eq!(log.log_index, Some(index as u64));
        assert_eq!(log.block_timestamp, Some(block.block.header.timestamp));
    }
    let alone: TransactionReceipt = rig.rpc("eth_getTransactionReceipt", json!([transfers[2].transaction_hash])).await;
    assert_eq!(&alone.inner.logs()[0], *transfers[2]);
}

#[tokio::test]
async fn a_receipt_names_the_fault_that_halted_it() {
    let rig = Rig::new();
    let looped = rig.send(call(0, ENGINE, vec![LOOP])).await;
    let reverted = rig.send(call(1, ENGINE, vec![REVERT])).await;
    let fine = rig.send(call(2, ENGINE, vec![9])).await;
    rig.mine();
    for (hash, status, fault) in
        [(looped, "0x0", json!("out-of-fuel")), (reverted, "0x0", Value::Null), (fine, "0x1", Value::Null)]
    {
        let receipt: Value = rig.rpc("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!((&receipt["status"], &receipt["calderaFault"]), (&json!(status), &fault));
        assert_eq!(receipt.get("calderaFault").is_some(), !fault.is_null(), "the field stands only where there is one");
    }
}

fn index_of(block: &caldera_chain::ExecutedBlock, hash: B256) -> usize {
    block.block.transactions.iter().position(|tx| *tx.tx_hash() == hash).unwrap()
}
