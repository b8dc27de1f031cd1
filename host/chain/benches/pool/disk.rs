//! Accepting on a real chain, whose journal lies where the system keeps its temporary files.

use std::{
    sync::{Arc, Barrier},
    time::{Duration, Instant},
};

use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer_local::PrivateKeySigner;
use caldera_bench::{Report, Samples};
use caldera_chain::{Chain, ChainSpec, PoolOptions};
use caldera_execution::GenesisAccount;
use caldera_state::StateOptions;
use caldera_testkit::{engines, genesis, sign};

use crate::samples;

/// Who sends at the same time.
const SENDERS: u64 = 64;
/// Transactions of one who sends alone.
const ALONE: u64 = 1_000;
/// Of each of many.
const EACH: u64 = 100;

fn account(n: u64) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::from(U256::from(n + 1))).expect("a key")
}

fn spec(durable: bool) -> ChainSpec {
    let mut genesis = genesis(&[]);
    let rich = GenesisAccount { balance: U256::from(10).pow(U256::from(30)), ..Default::default() };
    genesis.accounts.extend((0..SENDERS).map(|n| (account(n).address(), rich.clone())));
    let pool = PoolOptions { durable, ..PoolOptions::recommended() };
    ChainSpec { name: "bench".into(), genesis, block_interval: Duration::from_secs(1), pool }
}

fn open(dir: &std::path::Path, durable: bool) -> Arc<Chain> {
    let options = StateOptions::recommended();
    Chain::open(spec(durable), dir, options, engines(), &mut |_| {}).expect("it opens")
}

fn transfer(from: &PrivateKeySigner, nonce: u64) -> TxEnvelope {
    sign(from, nonce, TxKind::Call(Address::repeat_byte(0x77)), U256::ONE, 21_000, Bytes::new())
}

/// Adds the rows.
pub fn run(report: &mut Report, journalled: u64) {
    for (how, durable) in [("synced", true), ("written", false)] {
        let dir = tempfile::tempdir().expect("a folder");
        let chain = open(dir.path(), durable);
        let signed: Vec<_> = (0..ALONE).map(|nonce| transfer(&account(0), nonce)).collect();
        report.row(
            &format!("accept, {how}: one sender"),
            samples(signed.into_iter().map(|tx| timed(&chain, tx)).collect()),
        );
        let (waits, wall) = together(&chain);
        report.row(&format!("accept, {how}: {SENDERS} senders, each waits"), samples(waits));
        let each = wall.as_nanos() as f64 / (SENDERS * EACH) as f64;
        report
            .row(&format!("accept, {how}: {SENDERS} senders, wall time each"), Samples::new(vec![each]).expect("one"));
    }
    let dir = tempfile::tempdir().expect("a folder");
    let chain = open(dir.path(), false);
    for n in 0..journalled {
        chain.submit(transfer(&account(n % SENDERS), n / SENDERS), Vec::new()).expect("it is accepted");
    }
    drop(chain);
    let began = Instant::now();
    let chain = open(dir.path(), false);
    let took = began.elapsed();
    assert_eq!(chain.pool_status().pending as u64, journalled, "all came back");
    report.row(&format!("open a chain with {journalled} in its journal"), samples(vec![took]));
}

fn timed(chain: &Chain, tx: TxEnvelope) -> Duration {
    let began = Instant::now();
    chain.submit(tx, Vec::new()).expect("it is accepted");
    began.elapsed()
}

/// Many senders at once: how long each of them waited for each, and how long it took all.
fn together(chain: &Arc<Chain>) -> (Vec<Duration>, Duration) {
    let start = Arc::new(Barrier::new(SENDERS as usize + 1));
    let first = |n: u64| if n == 0 { ALONE } else { 0 };
    let threads: Vec<_> = (0..SENDERS)
        .map(|n| {
            let signed: Vec<_> = (0..EACH).map(|nonce| transfer(&account(n), first(n) + nonce)).collect();
            let (chain, start) = (chain.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                signed.into_iter().map(|tx| timed(&chain, tx)).collect::<Vec<_>>()
            })
        })
        .collect();
    start.wait();
    let began = Instant::now();
    let waits = threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect();
    (waits, began.elapsed())
}
