//! A file of a stranger, which was not made by an export.

use alloy_consensus::Header;
use alloy_consensus::{Eip658Value, Receipt, ReceiptEnvelope, proofs};
use alloy_primitives::{Address, Bytes};
use alloy_primitives::{B256, KECCAK256_EMPTY, U256, keccak256};
use alloy_rlp::Encodable as _;
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles, TrieAccount,
    nodes::{LeafNode, RlpNode},
};
use caldera_types::{Block, SealedBlock, TxReceipt, system_transaction};
use std::path::Path;

use super::{
    SnapshotError, SnapshotInfo,
    base::{Base, HEADERS},
    file::{Kind, Writer},
    import,
};
use crate::{
    error::{Blame, StateError},
    folder::FolderLock,
    options::{Backend, StateOptions},
};

const STORED: StateOptions = StateOptions { backend: Backend::Fjall, ..StateOptions::recommended() };

/// A leaf, and above it branches that hold what is below them sixteen times: the root is the last.
fn nested(branches: u32) -> Vec<Vec<u8>> {
    let account =
        TrieAccount { nonce: 1, balance: U256::from(1), storage_root: EMPTY_ROOT_HASH, code_hash: KECCAK256_EMPTY };
    let mut leaf = Vec::new();
    let key = Nibbles::unpack(B256::repeat_byte(7)).slice(branches as usize..);
    LeafNode::new(key, alloy_rlp::encode(account)).encode(&mut leaf);
    let mut nodes = vec![leaf];
    for _ in 0..branches {
        let below = RlpNode::word_rlp(&keccak256(nodes.last().unwrap()));
        let payload = [&below.as_slice().repeat(16)[..], &[alloy_rlp::EMPTY_STRING_CODE]].concat();
        let mut branch = Vec::new();
        alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut branch);
        branch.extend(payload);
        nodes.push(branch);
    }
    nodes
}

fn write(path: &Path, nodes: &[Vec<u8>], number: u64) -> B256 {
    let first = number - number.min(HEADERS);
    let mut headers = vec![Header { number: first, ..Header::default() }];
    for number in first + 1..number {
        let parent_hash = headers.last().unwrap().hash_slow();
        headers.push(Header { number, parent_hash, ..Header::default() });
    }
    let block = Block {
        header: Header {
            number,
            parent_hash: headers.last().unwrap().hash_slow(),
            state_root: keccak256(nodes.last().unwrap()),
            transactions_root: Block::transactions_root(&[]),
            ..Header::default()
        },
        transactions: Vec::new(),
        sidecar: Vec::new(),
        ethereum: None,
    };
    let block: SealedBlock = block.seal();
    let hash = block.hash();
    let (genesis, headers) = if number == 0 { (hash, Vec::new()) } else { (headers[0].hash_slow(), headers) };
    let base = Base { genesis, block, receipts: Vec::new(), headers };
    let mut writer = Writer::create(path).unwrap();
    writer.record(Kind::Base, &base.encode().each_ref().map(Vec::as_slice)).unwrap();
    nodes.iter().for_each(|node| writer.item(Kind::Nodes, node).unwrap());
    let counts = [nodes.len() as u64, 0, 0].map(u64::to_be_bytes);
    writer.record(Kind::End, &counts.each_ref().map(<[u8; 8]>::as_slice)).unwrap();
    writer.finish().unwrap();
    hash
}

/// Imports the file of these nodes into a fresh folder: as a stranger's, or as that of a block that is meant.
fn import_of(nodes: &[Vec<u8>], number: u64, meant: bool) -> Result<SnapshotInfo, StateError> {
    let folder = tempfile::tempdir().unwrap();
    let (file, fresh) = (folder.path().join("file"), folder.path().join("fresh"));
    let hash = write(&file, nodes, number);
    let imported = import(&file, &fresh, STORED, meant.then_some(hash), &mut |_| {});
    assert_eq!(fresh.exists(), imported.is_ok());
    imported
}

#[test]
fn what_holds_itself_many_times_is_a_matter_of_trust() {
    // 273 places for three nodes are nothing.
    assert_eq!(import_of(&nested(2), 1, false).unwrap().nodes, 3);
    // 69,905 for five are too many, and would be 16 times as many with each branch more.
    let error = import_of(&nested(4), 1, false).unwrap_err();
    assert!(matches!(error, StateError::Snapshot(SnapshotError::TooMuch { nodes: 5, .. })), "{error}");
    assert_eq!(error.blame(), Blame::Data);
    assert_eq!(import_of(&nested(4), 1, true).unwrap().nodes, 5);
    // Without the bound this would not end.
    import_of(&nested(20), 1, false).unwrap_err();
}

#[test]
fn what_no_chain_has_is_refused() {
    let mut longer = nested(0);
    // As where the nodes lie below one, in the store.
    longer[0].extend([1, 0]);
    for (nodes, number, what) in [(longer, 1, "not whole"), (nested(0), u64::MAX, "blocks long")] {
        let error = import_of(&nodes, number, true).unwrap_err();
        assert!(error.blame() == Blame::Data && error.to_string().contains(what), "{error}");
    }
}

#[test]
fn block_0_needs_no_snapshot() {
    let error = import_of(&nested(0), 0, true).unwrap_err();
    assert!(matches!(error, StateError::Snapshot(SnapshotError::Genesis)), "{error}");
    assert_eq!(error.blame(), Blame::Caller);
}

#[test]
fn numbers_that_no_chain_has_are_refused() {
    let parent = Header { number: u64::MAX, ..Header::default() };
    let header = Header { number: 1, parent_hash: parent.hash_slow(), ..Header::default() };
    let block = |header, transactions| Block { header, transactions, sidecar: Vec::new(), ethereum: None }.seal();
    let base =
        Base { genesis: B256::ZERO, block: block(header, Vec::new()), receipts: Vec::new(), headers: vec![parent] };
    assert!(Base::decode(&base.encode()).is_err_and(|what| what.contains("not that of the parent")));

    let transactions: Vec<_> =
        (0..2).map(|n| system_transaction(1, 0, 5, Address::ZERO, Bytes::from(vec![n]))).collect();
    let consensus = [u64::MAX, 0].map(|cumulative_gas_used| {
        let receipt = Receipt { status: Eip658Value::Eip658(true), cumulative_gas_used, logs: Vec::new() };
        ReceiptEnvelope::Legacy(receipt.into())
    });
    let header = Header {
        transactions_root: Block::transactions_root(&transactions),
        receipts_root: proofs::calculate_receipt_root(&consensus),
        ..Header::default()
    };
    let receipt = |(consensus, gas_used)| TxReceipt {
        consensus,
        gas_used,
        effective_gas_price: 0,
        contract_address: None,
        fault: None,
    };
    let receipts = consensus.into_iter().zip([u64::MAX, 1]).map(receipt).collect();
    let block = block(header, transactions);
    let base = Base { genesis: block.hash(), block, receipts, headers: Vec::new() };
    assert!(Base::decode(&base.encode()).is_err_and(|what| what.contains("another gas or price")));
}

#[test]
fn two_imports_into_one_folder_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let (file, fresh) = (folder.path().join("file"), folder.path().join("fresh"));
    write(&file, &nested(0), 1);
    let other = FolderLock::take(&folder.path().join("fresh.importing")).unwrap();
    let remains = folder.path().join("fresh.importing/blocks.log");
    std::fs::write(&remains, b"another's").unwrap();
    let refused = import(&file, &fresh, STORED, None, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, StateError::FolderInUse(_)), "{refused}");
    assert_eq!(std::fs::read(&remains).unwrap(), b"another's");
    drop(other);
    import(&file, &fresh, STORED, None, &mut |_| {}).unwrap();
    FolderLock::take_existing(&fresh).unwrap();
}
