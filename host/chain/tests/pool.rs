//! The pool of a chain on disk: what was accepted survives, in order, and its limits have names.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{path::Path, sync::Arc, time::Duration};

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_chain::{Chain, ChainSpec, FoundTransaction, PoolLimits, PoolOptions, SubmitError};
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_state::StateOptions;
use caldera_testkit::{account, component, engines, genesis, sign};
use caldera_types::{EngineLimits, Grants, limits::TX_GAS};

const TIME: Duration = Duration::from_secs(5);

fn open(dir: &Path) -> Arc<Chain> {
    open_with(dir, PoolOptions::recommended())
}

fn open_with(dir: &Path, pool: PoolOptions) -> Arc<Chain> {
    let spec =
        ChainSpec { name: "test".into(), genesis: genesis(&[]), block_interval: Duration::from_millis(20), pool };
    Chain::open(spec, dir, StateOptions::recommended(), engines(), &mut |_| {}).unwrap()
}

fn limited(limits: PoolLimits) -> PoolOptions {
    PoolOptions { limits, ..PoolOptions::recommended() }
}

fn transfer(from: u8, nonce: u64, wei: u64) -> TxEnvelope {
    sign(&account(from), nonce, TxKind::Call(Address::repeat_byte(0x77)), U256::from(wei), 21_000, Bytes::new())
}

fn submit(chain: &Chain, tx: TxEnvelope) -> Result<(), SubmitError> {
    chain.submit(tx, Vec::new()).map(drop)
}

/// A folder as `kill -9` leaves it: a copy of what is on the disk while the chain is open.
fn crashed(dir: &Path) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &to);
            } else if let Err(error) = std::fs::copy(entry.path(), to) {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
            }
        }
    }
    let to = tempfile::tempdir().unwrap();
    copy(dir, to.path());
    to
}

#[test]
fn what_was_accepted_survives() {
    for durable in [true, false] {
        let pool = PoolOptions { durable, ..PoolOptions::recommended() };
        let dir = tempfile::tempdir().unwrap();
        let chain = open_with(dir.path(), pool);
        // One that a block takes, one that waits, one that was replaced, and one behind a gap.
        submit(&chain, transfer(1, 0, 1)).unwrap();
        submit(&chain, transfer(2, 0, 1)).unwrap();
        chain.produce_block(1_700_000_000, TIME).unwrap();
        let replaced = alloy_consensus::TxEip1559 {
            chain_id: caldera_testkit::CHAIN_ID,
            gas_limit: 21_000,
            max_fee_per_gas: 120_000_000_000,
            max_priority_fee_per_gas: 2_000_000,
            nonce: 1,
            to: TxKind::Call(Address::repeat_byte(0x78)),
            ..Default::default()
        };
        let signature = alloy_signer::SignerSync::sign_hash_sync(
            &account(1),
            &alloy_consensus::SignableTransaction::signature_hash(&replaced),
        );
        let replacement: TxEnvelope =
            alloy_consensus::SignableTransaction::into_signed(replaced, signature.unwrap()).into();
        for tx in [transfer(1, 1, 5), replacement, transfer(1, 2, 6), transfer(3, 4, 7)] {
            submit(&chain, tx).unwrap();
        }
        let before = chain.pool_content(None);
        for round in 0..3 {
            let folder = crashed(dir.path());
            let again = open_with(folder.path(), pool);
            let after = again.pool_content(None);
            assert_eq!((&after.pending, &after.queued), (&before.pending, &before.queued), "round {round}");
            assert_eq!(again.next_nonce(account(1).address()).unwrap(), 3);
            let block = again.produce_block(1_700_000_001, TIME).unwrap();
            let mut values: Vec<_> = block.block.transactions.iter().map(|tx| tx.value().to::<u64>()).collect();
            values.sort_unstable();
            assert_eq!(values, [0, 6]);
            // What a block has is not taken in again.
            let later = crashed(folder.path());
            assert_eq!(open_with(later.path(), pool).pool_content(None).pending, []);
        }
    }
}

/// One with its own price.
fn priced(from: u8, nonce: u64, gwei: u128, wei: u64) -> TxEnvelope {
    let fee = gwei * 1_000_000_000;
    let tx = alloy_consensus::TxEip1559 {
        chain_id: caldera_testkit::CHAIN_ID,
        gas_limit: 21_000,
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: fee,
        nonce,
        to: TxKind::Call(Address::repeat_byte(0x78)),
        value: U256::from(wei),
        ..Default::default()
    };
    let hash = alloy_consensus::SignableTransaction::signature_hash(&tx);
    let signature = alloy_signer::SignerSync::sign_hash_sync(&account(from), &hash).unwrap();
    alloy_consensus::SignableTransaction::into_signed(tx, signature).into()
}

/// One was acknowledged and then evicted; the same nonce was sent again for less, and acknowledged: that one counts.
#[test]
fn the_latest_with_a_nonce_survives_whatever_it_pays() {
    let dir = tempfile::tempdir().unwrap();
    let limits = PoolLimits { transactions: 1, ..PoolLimits::recommended() };
    let chain = open_with(dir.path(), limited(limits));
    submit(&chain, priced(1, 0, 100, 1)).unwrap();
    submit(&chain, priced(2, 0, 200, 2)).unwrap();
    chain.produce_block(1_700_000_000, TIME).unwrap();
    let again = priced(1, 0, 50, 3);
    submit(&chain, again.clone()).unwrap();
    let folder = crashed(dir.path());
    let content = open_with(folder.path(), limited(limits)).pool_content(None);
    assert_eq!(content.pending.iter().map(|tx| tx.hash).collect::<Vec<_>>(), [*again.tx_hash()]);
}

/// Everything that waits has to be paid for together.
#[test]
fn nobody_waits_with_more_than_he_has() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let has = genesis(&[]).accounts[&account(1).address()].balance;
    let gives = |nonce, wei: U256| {
        sign(&account(1), nonce, TxKind::Call(Address::repeat_byte(0x77)), wei, 21_000, Bytes::new())
    };
    let most = has / U256::from(10) * U256::from(6);
    submit(&chain, gives(0, most)).unwrap();
    let refused = submit(&chain, gives(1, most)).unwrap_err();
    assert!(
        matches!(refused, SubmitError::InsufficientFunds { balance, cost, .. } if balance == has && cost > has),
        "{refused}"
    );
    submit(&chain, gives(1, has / U256::from(10))).unwrap();
    chain.produce_block(1_700_000_000, TIME).unwrap();
    submit(&chain, gives(2, has / U256::from(10))).unwrap();
}

/// Some that ask for as much as one may, pay well and do not fit together leave room for those that do.
#[test]
fn large_ones_keep_no_others_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut genesis = genesis(&[]);
    let rich = genesis.accounts[&account(0).address()].clone();
    genesis.accounts.extend((10..60).map(|from| (account(from).address(), rich.clone())));
    let pool = PoolOptions::recommended();
    let spec = ChainSpec { name: "test".into(), genesis, block_interval: Duration::from_millis(20), pool };
    let chain = Chain::open(spec, dir.path(), StateOptions::recommended(), engines(), &mut |_| {}).unwrap();
    // Three run until their gas is used up, and leave less than a fourth asks for, in the order in which they come.
    let forever = Bytes::from_static(&[0x5b, 0x5f, 0x56]);
    for from in 0..3 {
        submit(&chain, sign(&account(from), 0, TxKind::Create, U256::ZERO, TX_GAS, forever.clone())).unwrap();
    }
    let to = TxKind::Call(Address::repeat_byte(0x77));
    for from in 10..60 {
        submit(&chain, sign(&account(from), 0, to, U256::ZERO, TX_GAS, Bytes::new())).unwrap();
    }
    for from in 3..10 {
        submit(&chain, transfer(from, 0, 1)).unwrap();
    }
    let block = chain.produce_block(1_700_000_000, TIME).unwrap();
    assert_eq!(block.block.transactions.len(), 3 + 7);
    assert_eq!(chain.produce_block(1_700_000_001, TIME).unwrap().block.transactions.len(), 50);
}

/// Data is paid for before it waits (EIP-2028, EIP-7623).
#[test]
fn gas_for_its_data_is_the_least_a_transaction_asks_for() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let with = |gas: u64| {
        sign(&account(1), 0, TxKind::Call(Address::repeat_byte(0x77)), U256::ZERO, gas, vec![7; 1_000].into())
    };
    // The floor: 10 gas for each of four tokens a byte.
    let refused = submit(&chain, with(60_999)).unwrap_err();
    assert!(matches!(refused, SubmitError::IntrinsicGas { have: 60_999, want: 61_000 }), "{refused}");
    submit(&chain, with(61_000)).unwrap();
    assert_eq!(chain.produce_block(1_700_000_000, TIME).unwrap().block.transactions.len(), 1);
}

#[test]
fn a_restart_in_order_loses_nothing_either_and_leaves_one_file() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let chain = open(dir.path());
        assert_eq!(chain.pool_status().pending, round * 10);
        let nonces = round as u64 * 10..(round as u64 + 1) * 10;
        nonces.for_each(|nonce| submit(&chain, transfer(1, nonce, 1)).unwrap());
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while journals(dir.path()) > 1 {
            assert!(std::time::Instant::now() < deadline, "old generations stay");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn journals(dir: &Path) -> usize {
    let files = std::fs::read_dir(dir).unwrap().flatten();
    files.filter(|file| file.file_name().to_string_lossy().ends_with(".journal")).count()
}

/// A component that was on its way comes back with its transaction.
#[test]
fn components_survive_with_their_transactions() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let next = component("probe-v2");
    let stage = abi::stageCall {
        digest: next.digest().0,
        size: u32::try_from(next.bytes().len()).unwrap(),
        grants: Grants::ALL.bits(),
        limits: EngineLimits::recommended().into(),
    };
    let tx = sign(&account(0), 0, TxKind::Call(registry::ADDRESS), U256::ZERO, 10_000_000, stage.abi_encode().into());
    let hash = chain.submit(tx, vec![next.clone()]).unwrap();
    let folder = crashed(dir.path());
    let again = open(folder.path());
    let Some(FoundTransaction::Pending(found)) = again.transaction(hash).unwrap() else { panic!("it is not there") };
    assert_eq!(found.sidecar.as_slice(), std::slice::from_ref(&next));
    let block = again.produce_block(1_700_000_000, TIME).unwrap();
    assert!(block.receipts[0].succeeded(), "{:?}", block.receipts);
    assert_eq!(again.registry().unwrap().staged[0].digest, next.digest());
}

/// Fewer may be kept than were accepted, if the operator says so: those that pay most.
#[test]
fn a_smaller_pool_keeps_what_it_may() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    (0..20).for_each(|nonce| submit(&chain, transfer(1, nonce, 1)).unwrap());
    drop(chain);
    let limits = PoolLimits { sender_transactions: 5, ..PoolLimits::recommended() };
    let chain = open_with(dir.path(), limited(limits));
    assert_eq!(chain.pool_status().pending, 5);
    assert_eq!(chain.next_nonce(account(1).address()).unwrap(), 5);
}

#[test]
fn each_limit_is_named_to_who_meets_it() {
    let all = PoolLimits::recommended();
    let small = transfer(1, 0, 1);
    for (limits, tx, name) in [
        (PoolLimits { transactions: 2, ..all }, transfer(3, 0, 1), "holds 2 transactions (`transactions` of [pool])"),
        (
            PoolLimits { sender_transactions: 1, ..all },
            transfer(1, 1, 1),
            "at most 1 (`sender-transactions` of [pool])",
        ),
        (
            PoolLimits { nonce_gap: 3, ..all },
            transfer(1, 5, 1),
            "at most 3 may be missing before it (`nonce-gap` of [pool])",
        ),
        (PoolLimits { replacement_percent: 25, ..all }, transfer(1, 0, 2), "at least 25 %"),
        (PoolLimits { bytes: 2_500, ..all }, transfer(3, 0, 1), "takes 2500 bytes (`memory-mib` of [pool])"),
        (
            PoolLimits { bytes: 2_500, ..all },
            data(3, 3_000),
            "bytes in the pool, which holds 2500 (`memory-mib` of [pool])",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let chain = open_with(dir.path(), limited(limits));
        submit(&chain, small.clone()).unwrap();
        let _ = submit(&chain, transfer(2, 0, 1));
        let error = submit(&chain, tx).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

fn data(from: u8, bytes: usize) -> TxEnvelope {
    sign(&account(from), 0, TxKind::Call(Address::repeat_byte(0x77)), U256::ZERO, 200_000, vec![1; bytes].into())
}

#[test]
fn what_waits_is_listed_by_sender_and_nonce() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    for (from, nonce) in [(2, 1), (1, 0), (2, 0), (1, 3)] {
        submit(&chain, transfer(from, nonce, 1)).unwrap();
    }
    let content = chain.pool_content(Some(account(2).address()));
    let nonces: Vec<_> = content.pending.iter().map(|tx| tx.tx.nonce()).collect();
    assert_eq!((nonces, content.queued.len()), (vec![0, 1], 0));
    let content = chain.pool_content(None);
    assert_eq!((content.pending.len(), content.queued.len()), (3, 1));
}

/// 64 who send at once, while blocks are made: nothing is lost, nothing is there twice.
#[test]
fn many_at_once_while_blocks_are_made() {
    const EACH: u64 = 40;
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let producer = chain.start().unwrap();
    std::thread::scope(|scope| {
        for from in 0..10 {
            let chain = &chain;
            scope.spawn(move || (0..EACH).for_each(|nonce| submit(chain, transfer(from, nonce, 1)).unwrap()));
        }
    });
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while chain.pool_status().pending > 0 {
        assert!(std::time::Instant::now() < deadline, "{:?}", chain.pool_status());
        std::thread::sleep(Duration::from_millis(5));
    }
    producer.stop();
    let blocks = (0..=chain.head().number()).map(|number| chain.block(number).unwrap().unwrap());
    let total: usize = blocks.map(|block| block.block.transactions.len()).sum();
    assert_eq!(total as u64, 10 * EACH);
}
