//! The pool alone, of transactions that nobody signed: it does not ask.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_consensus::{Signed, Transaction, TxEip1559};
use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use caldera_bench::{Report, resident};
use caldera_chain::{Candidates, Pool, PoolLimits, PooledTx};
use parking_lot::Mutex;

use crate::samples;

/// What a block of 60 million gas holds of transfers.
const BLOCK: usize = 2_857;
/// Single operations that are measured of each kind.
const SINGLE: u64 = 2_000;
/// Blocks that are measured.
const BLOCKS: usize = 20;
/// Wei per gas.
const BASE_FEE: u64 = 50_000;

/// A transfer of a sender. Fees and tips differ, and the base fee parts them.
fn transfer(sender: u64, nonce: u64, fee: u64) -> Arc<PooledTx> {
    let hash = keccak256([sender.to_be_bytes(), nonce.to_be_bytes(), fee.to_be_bytes()].concat());
    let tx = TxEip1559 {
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: u128::from(fee),
        max_priority_fee_per_gas: u128::from(fee / (1 + sender % 8)),
        value: U256::ONE,
        ..Default::default()
    };
    let tx = Signed::new_unchecked(tx, Signature::test_signature(), hash).into();
    let sender = Address::from_word(keccak256(sender.to_be_bytes()));
    Arc::new(PooledTx { tx, sender, hash, sidecar: Vec::new() })
}

/// A fee between one and two base fees, by chance.
fn fee(of: u64) -> u64 {
    let hash: B256 = keccak256(of.to_be_bytes());
    BASE_FEE + u64::from(hash[0]) * 190 + u64::from(hash[1])
}

/// A pool of so many transactions, so many of each sender, and how long the last of them took to come in.
fn filled(count: u64, each: u64) -> (Pool, Vec<Duration>) {
    let transactions = usize::try_from(count).expect("memory holds them");
    let mut pool = Pool::new(PoolLimits { transactions, bytes: 1 << 40, ..PoolLimits::recommended() });
    pool.set_base_fee(BASE_FEE);
    let mut added = Vec::new();
    for n in 0..count {
        let (sender, nonce) = (n % (count / each), n / (count / each));
        let tx = transfer(sender, nonce, fee(n));
        let began = Instant::now();
        pool.add(tx, 0).expect("there is room");
        if n >= count.saturating_sub(SINGLE) {
            added.push(began.elapsed());
        }
    }
    (pool, added)
}

/// Says what memory they take.
pub fn resident_with(count: u64, each: u64) {
    let before = resident(None);
    let (pool, _) = filled(count, each);
    let taken = resident(None).saturating_sub(before);
    println!(
        "{count} transactions, {each} of each sender: {:.1} MiB resident, {} bytes each; {} bytes each are charged",
        taken as f64 / f64::from(1 << 20),
        taken / count,
        pool.bytes() / count
    );
}

/// Adds the rows.
pub fn run(report: &mut Report, count: u64, each: u64) {
    let name = |what: &str| format!("{what}: {count}, {each} of each sender");
    let (mut pool, added) = filled(count, each);
    report.row(&name("add"), samples(added));

    let timed = |pool: &mut Pool, tx: Arc<PooledTx>| {
        let began = Instant::now();
        pool.add(tx, 0).expect("it pays more");
        began.elapsed()
    };
    let step = (count / each / SINGLE).max(1);
    let replaced = (0..SINGLE.min(count / each)).map(|n| transfer(n * step, 0, 4 * BASE_FEE + n));
    let replaced = replaced.map(|tx| timed(&mut pool, tx)).collect();
    report.row(&name("replace"), samples(replaced));

    let evicting = (0..SINGLE.min(count / 2)).map(|n| transfer(count + n, 0, 40 * BASE_FEE + n));
    let evicting = evicting.map(|tx| timed(&mut pool, tx)).collect();
    report.row(&name("add to a full pool"), samples(evicting));

    let pool = Mutex::new(pool);
    let (mut drawn, mut advanced, mut looked) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        let began = Instant::now();
        let mut candidates = Candidates::of(&pool, BASE_FEE);
        let mut block: Vec<Arc<PooledTx>> = Vec::with_capacity(BLOCK);
        while block.len() < BLOCK
            && let Some(tx) = candidates.peek().cloned()
        {
            block.push(tx);
            candidates.advance();
        }
        drawn.push(began.elapsed());
        drop(candidates);
        if block.is_empty() {
            break;
        }
        let nonces: std::collections::BTreeMap<_, _> = block.iter().map(|tx| (tx.sender, tx.tx.nonce() + 1)).collect();
        let began = Instant::now();
        pool.lock().advance(nonces);
        advanced.push(began.elapsed());
        let began = Instant::now();
        std::hint::black_box(pool.lock().status());
        looked.push(began.elapsed());
        if count > BLOCK as u64 * 40 {
            continue;
        }
        // A small pool is filled again.
        for tx in block {
            let nonce = tx.tx.nonce();
            let _ = pool.lock().add(tx, nonce);
        }
    }
    report.row(&name("best of a block"), samples(drawn));
    report.row(&name("advance after it"), samples(advanced));
    report.row(&name("status"), samples(looked));
}
