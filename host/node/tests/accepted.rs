//! What the node accepted, it keeps: `kill -9` under load, long before the next block; after the restart every accepted
//! transaction comes into exactly one block.
//!
//! `CALDERA_KILLS` is the number of kills (3 unless set), `CALDERA_SEED` the seed of their times.

#[path = "rig/mod.rs"]
mod rig;
#[path = "support/mod.rs"]
mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alloy_primitives::{Address, TxHash, U256};
use caldera_node::rpc::{Rpc, RpcError, Sender};
use caldera_testkit::account;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use rig::{GOVERNOR, LOADER, Rig, USER, WITHIN};
use tokio::task::{JoinSet, block_in_place};

const CHAIN: &str = "kept";
/// Slow blocks while transactions come, so that most of them only wait when the node dies.
const SLOW_MS: u64 = 2_000;
const FAST_MS: u64 = 50;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_accepted_survives_kill_9() {
    let kills = number("CALDERA_KILLS").unwrap_or(3);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let seed = number("CALDERA_SEED").unwrap_or(clock);
    eprintln!("CALDERA_SEED={seed} CALDERA_KILLS={kills}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rig = Rig::new(&[(CHAIN, "probe-v1")]);
    let (mut accepted, mut waited) = (Vec::new(), 0);
    for kill in 0..kills {
        rig.interval(SLOW_MS);
        block_in_place(|| rig.start());
        let mut load = JoinSet::new();
        for from in [GOVERNOR, USER, LOADER] {
            load.spawn(send(rig.rpc(CHAIN), from));
        }
        tokio::time::sleep(Duration::from_millis(100 + rng.next_u64() % 900)).await;
        block_in_place(|| rig.kill());
        let mut now = Vec::new();
        while let Some(sent) = load.join_next().await {
            now.extend(sent.expect("only the node's death ends it"));
        }
        let before = places(&rig);
        let missing = now.iter().filter(|hash| !before.contains_key(*hash)).count();
        accepted.extend(now);
        waited += missing;
        // Every second time it dies once more before it has made a block of them.
        if kill % 2 == 1 {
            block_in_place(|| rig.start_and_kill(Duration::from_millis(rng.next_u64() % 600)));
        }
        rig.interval(FAST_MS);
        block_in_place(|| rig.start());
        let began = Instant::now();
        loop {
            let found = places(&rig);
            let lost = accepted.iter().filter(|hash| !found.contains_key(*hash)).count();
            if lost == 0 {
                break;
            }
            assert!(began.elapsed() < WITHIN, "{lost} of {} accepted transactions came into no block", accepted.len());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        eprintln!("kill {kill}: {missing} accepted transactions were in no block, and came into one");
        block_in_place(|| rig.kill());
    }
    let found = places(&rig);
    assert!(accepted.iter().all(|hash| found[hash] == 1), "one stands in two blocks");
    assert!(waited > 0, "the node never died with a transaction that waited");
    block_in_place(|| rig.replay(CHAIN));
    println!(
        "{kills} kills, {} accepted, {waited} of them in no block when the node died; none lost, none twice",
        accepted.len()
    );
}

/// Sends until the node dies; gives what was acknowledged.
async fn send(rpc: Rpc, from: u8) -> Vec<TxHash> {
    let mut accepted = Vec::new();
    let mut sender = Sender::ask(&rpc, account(from)).await.expect("the node answers");
    loop {
        let tx = sender.pay(Address::repeat_byte(0x51), U256::ONE).expect("it signs");
        match rpc.send_raw(&tx.raw).await {
            Ok(_) => accepted.push(tx.hash),
            Err(RpcError::Unreachable { .. }) => return accepted,
            Err(error) => panic!("{error}"),
        }
    }
}

/// In how many blocks each transaction of the log stands.
fn places(rig: &Rig) -> BTreeMap<TxHash, usize> {
    let mut places = BTreeMap::new();
    for tx in rig.log(CHAIN).iter().flat_map(|block| &block.transactions) {
        *places.entry(*tx.tx_hash()).or_default() += 1;
    }
    places
}
