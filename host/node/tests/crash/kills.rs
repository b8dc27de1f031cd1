//! `kill -9` of the real node at random moments, under transfers and engine calls, some of them while it starts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, U256};
use caldera_node::rpc::{Rpc, RpcError, RpcReceipt, Sender};
use caldera_testkit::{PROBE, account};
use jsonrpsee_core::rpc_params;
use parking_lot::Mutex;
use probe_engine::IProbe;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use tokio::task::{JoinSet, block_in_place};

use crate::{
    promises::Promises,
    rig::{GOVERNOR, LOADER, Rig, USER, WITHIN},
};

const CHAIN: &str = "crash";
/// A node that starts dies within this time, in milliseconds: it is ready within about as much.
const START_MS: u64 = 300;
/// A node that is ready dies within this time, in milliseconds.
const LIFE_MS: u64 = 500;
/// Who is paid.
const SINK: Address = Address::repeat_byte(0x51);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// How often the node died.
    pub kills: u64,
    /// How often of that while it started.
    pub starting: u64,
    /// Transactions that were acknowledged.
    pub accepted: usize,
    /// Of those with their receipt.
    pub receipts: usize,
    /// Of those in no block when a node died, counted with each death.
    pub waited: usize,
    /// Blocks that a replay executed again, every root the same.
    pub replayed: u64,
    /// How long it took.
    pub took: Duration,
}

/// Kills a node of one store so many times.
pub async fn walk(store: &'static str, kills: u64, seed: u64) -> Row {
    let began = Instant::now();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rig = Rig::new(&[(CHAIN, "probe-v1")]);
    rig.store(store);
    let promises = Arc::new(Mutex::new(Promises::default()));
    let mut row = Row { kills, ..Row::default() };
    for kill in 0..kills {
        // The first life makes the chain.
        if kill % 3 == 2 {
            block_in_place(|| rig.start_and_kill(Duration::from_millis(rng.next_u64() % START_MS)));
            promises.lock().check(&rig.log(CHAIN), None);
            row.starting += 1;
        } else {
            live(&mut rig, &promises, Duration::from_millis(rng.next_u64() % LIFE_MS)).await;
        }
        if kill % 25 == 24 {
            eprintln!("{store}: {} kills in {:.0} s", kill + 1, began.elapsed().as_secs_f64());
        }
    }
    settle(&mut rig, &promises).await;
    let promises = promises.lock();
    row.replayed = block_in_place(|| rig.replay(CHAIN))["blocks"].as_u64().expect("a number");
    (row.accepted, row.receipts, row.waited) = (promises.accepted, promises.receipts.len(), promises.waited);
    row.took = began.elapsed();
    row
}

/// One life under load, so long after it is ready.
async fn live(rig: &mut Rig, promises: &Arc<Mutex<Promises>>, long: Duration) {
    block_in_place(|| rig.start());
    let rpc = rig.rpc(CHAIN);
    let start = rpc.block_number().await.expect("the node answers");
    let before = known(promises, &rpc).await;
    let mut load = JoinSet::new();
    for (from, way) in [(GOVERNOR, Way::Calls), (USER, Way::Pays), (LOADER, Way::Waits)] {
        load.spawn(send(rpc.clone(), promises.clone(), from, way));
    }
    tokio::time::sleep(long).await;
    block_in_place(|| rig.kill());
    while let Some(sent) = load.join_next().await {
        sent.expect("only the node's death ends it");
    }
    promises.lock().check(&rig.log(CHAIN), Some((start, &before)));
}

/// What is open, every one of it known to the node.
async fn known(promises: &Mutex<Promises>, rpc: &Rpc) -> std::collections::BTreeSet<alloy_primitives::TxHash> {
    // Nobody else holds promises now; the lock must not be held while the node is asked.
    let held = std::mem::take(&mut *promises.lock());
    held.are_known(rpc).await;
    let open = held.open.clone();
    *promises.lock() = held;
    open
}

/// A last life, until everything that was accepted is in a block.
async fn settle(rig: &mut Rig, promises: &Mutex<Promises>) {
    block_in_place(|| rig.start());
    let began = Instant::now();
    known(promises, &rig.rpc(CHAIN)).await;
    while !promises.lock().open.is_empty() {
        assert!(began.elapsed() < WITHIN, "{} transactions come into no block", promises.lock().open.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
        let waited = promises.lock().waited;
        promises.lock().check(&rig.log(CHAIN), None);
        promises.lock().waited = waited;
    }
    block_in_place(|| rig.stop());
}

/// How a sender works.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Pays, by `eth_sendRawTransaction`.
    Pays,
    /// Calls the engine, by the same.
    Calls,
    /// Both in turn, by `eth_sendRawTransactionSync`.
    Waits,
}

/// Sends until the node dies.
async fn send(rpc: Rpc, promises: Arc<Mutex<Promises>>, from: u8, way: Way) {
    let mut sender = match Sender::ask(&rpc, account(from)).await {
        Ok(sender) => sender,
        Err(RpcError::Unreachable { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    loop {
        let pays = matches!(way, Way::Pays) || (matches!(way, Way::Waits) && sender.nonce().is_multiple_of(2));
        let value = sender.nonce().to_string().into_bytes().into();
        let call = IProbe::setCall { key: vec![from].into(), value };
        let tx = if pays { sender.pay(SINK, U256::ONE) } else { sender.call(PROBE, &call, 300_000) };
        let tx = tx.expect("it signs");
        let sent = match way {
            Way::Waits => {
                let answer = rpc.request::<RpcReceipt>("eth_sendRawTransactionSync", rpc_params![&tx.raw]).await;
                answer.map(|receipt| promises.lock().receive(&receipt))
            }
            Way::Pays | Way::Calls => rpc.send_raw(&tx.raw).await.map(|hash| promises.lock().accept(hash)),
        };
        match sent {
            Ok(()) => {}
            Err(RpcError::Unreachable { .. }) => return,
            Err(error) => panic!("{error}"),
        }
    }
}
