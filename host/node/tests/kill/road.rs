//! The rounds of one step: to the step, `kill -9`, restart, to the end; and a replay of it all.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy_primitives::{B256, TxHash};
use caldera_testkit::component;
use caldera_types::{Component, Digest, ProbationRule, SealedBlock};
use parking_lot::Mutex;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use tokio::task::block_in_place;

use crate::{
    rig::{Client, INTERVAL_MS, Ledger, Load, Rig, Standing},
    step::Step,
    support::run,
};

/// The chain that the road is walked on.
const CHAIN: &str = "road";
/// A node is ready within about this time.
const START_MS: u64 = 400;
/// The entries by which the probe is told what to do.
const CONTROLS: [&str; 6] = ["migrate", "migrate-at", "migrate-down", "migrate-steps", "migrate-writes", "configure"];

/// When to kill.
#[derive(Clone, Copy, Debug)]
pub enum Aim {
    /// Once the head is at a height, up to so many block intervals later.
    Height {
        /// The height; zero for at once.
        from: u64,
        /// The intervals.
        blocks: u64,
    },
    /// Once the compiler's process runs, up to so many milliseconds later.
    Compiler(u64),
    /// As soon as native code is being written.
    CacheWrite,
}

/// A node on the road, and what a round remembers.
pub struct Road {
    rig: Rig,
    /// The chain.
    pub client: Client,
    rng: ChaCha8Rng,
    /// Number of the round.
    pub round: u32,
    /// The head when the round began; what the registry told after it is the round's story.
    pub began: u64,
    /// The height that matters: of the activation, or of the block in which something went wrong.
    pub height: u64,
    /// Heights of the blocks that armed, and of what came after.
    pub told: Vec<(&'static str, u64)>,
    /// The component of the round.
    pub digest: B256,
    /// The transaction that was sent and not waited for.
    pub sent: Option<(caldera_node::rpc::SignedTx, Option<Component>)>,
    /// Whether the node died with native code half compiled or half written.
    pub died_unfinished: bool,
    logged: Vec<TxHash>,
    again: u32,
}

/// What came of a step's rounds.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Rounds in which the node died in the step.
    pub hits: u32,
    /// Rounds in which it died beside it.
    pub misses: u32,
    /// Rounds in which it was killed once more while it started.
    pub again: u32,
    /// Restarts after which the road came to its end.
    pub went_on: u32,
    /// What it ended as, and how often.
    pub ended: BTreeMap<&'static str, u32>,
    /// Transactions that were acknowledged, every one of which stands in one block.
    pub acknowledged: usize,
    /// Blocks that a replay executed again with the same roots.
    pub replayed: u64,
}

/// Walks until the node died in the step so many times.
pub async fn walk(step: Step, kills: u32, seed: u64) -> Row {
    let mut rig = Rig::new(&[(CHAIN, "probe-v1")]);
    block_in_place(|| rig.start());
    let client = Client::new(rig.rpc(CHAIN), Arc::new(Mutex::new(Ledger::default())));
    client.stage(&component("probe-v2")).await;
    let mut road = Road {
        rig,
        client,
        rng: ChaCha8Rng::seed_from_u64(seed),
        round: 0,
        began: 0,
        height: 0,
        told: Vec::new(),
        digest: B256::ZERO,
        sent: None,
        died_unfinished: false,
        logged: Vec::new(),
        again: 0,
    };
    let mut row = Row::default();
    while row.hits < kills {
        // A write is over in a moment: on a busy machine most kills come beside it, and such a round says nothing.
        assert!(row.misses <= 10 * kills + 20, "{}: {} hits, {} misses", step.name(), row.hits, row.misses);
        road.round += 1;
        let (hit, ended) = road.round(step).await;
        row.went_on += 1;
        match hit {
            true => row.hits += 1,
            false => row.misses += 1,
        }
        *row.ended.entry(ended).or_default() += 1;
        eprintln!("{} {}: {ended}{}", step.name(), road.round, if hit { "" } else { " (beside it)" });
    }
    block_in_place(|| road.rig.kill());
    row.replayed = block_in_place(|| road.rig.replay(CHAIN))["blocks"].as_u64().expect("a number");
    road.check_log();
    row.again = road.again;
    row.acknowledged = road.client.ledger.lock().len();
    row
}

impl Road {
    async fn round(&mut self, step: Step) -> (bool, &'static str) {
        self.settle_down().await;
        (self.told, self.sent) = (Vec::new(), None);
        self.began = self.client.head().await;
        let load = Load::start(self.client.rpc.clone(), self.client.ledger.clone(), step.load());
        let aim = step.reach(self).await;
        self.wait_for(aim).await;
        block_in_place(|| self.rig.kill());
        load.end().await;
        let last = self.check_log().header.number;
        self.died_unfinished = match aim {
            Aim::Height { .. } => false,
            Aim::Compiler(_) => self.is_uncached() && !self.is_half_written(),
            Aim::CacheWrite => self.is_half_written(),
        };
        if self.round.is_multiple_of(3) {
            let later = Duration::from_millis(self.rng.next_u64() % START_MS);
            block_in_place(|| self.rig.start_and_kill(later));
            self.again += 1;
            self.check_log();
        }

        block_in_place(|| self.rig.start());
        self.client.rpc = self.rig.rpc(CHAIN);
        let load = Load::start(self.client.rpc.clone(), self.client.ledger.clone(), step.load());
        let at = self.client.at(last).await;
        let hit = step.was_hit(self, &at);
        self.client.agrees().await;
        self.keeps_promises().await;
        let ended = step.settle(self, &at).await;
        self.client.agrees().await;
        load.stop().await;
        (hit, ended)
    }

    /// Waits until it is time to kill.
    async fn wait_for(&mut self, aim: Aim) {
        let up_to_us = match aim {
            Aim::Height { from, blocks } => {
                self.client.reached(from).await;
                blocks * INTERVAL_MS * 1_000
            }
            Aim::Compiler(ms) => {
                block_in_place(|| self.rig.watch("the compiler", Rig::compiles));
                ms * 1_000
            }
            // It takes a millisecond: who misses it sees what was written, and the round does not count.
            Aim::CacheWrite => {
                let digest = Digest(self.digest);
                let seen = |rig: &Rig| rig.writes_code() || rig.native_code(&digest).is_some();
                return block_in_place(|| self.rig.watch("native code", seen));
            }
        };
        let wait = self.rng.next_u64() % up_to_us;
        tokio::time::sleep(Duration::from_micros(wait)).await;
    }

    /// The node's cache has no whole entry for the component of the round.
    pub fn is_uncached(&self) -> bool {
        self.rig.native_code(&Digest(self.digest)).is_none()
    }

    /// The node died while it wrote native code.
    pub fn is_half_written(&self) -> bool {
        self.rig.writes_code()
    }

    /// `caldera engine shadow` on the chain.
    pub fn shadow(&self, args: &[&str]) -> (i32, String) {
        let url = format!("{}/chains/{CHAIN}", self.rig.url());
        let (code, out, err) = run(&[&["--json", "engine", "shadow"], args, &["--rpc", &url]].concat());
        (code, if code == 0 { out } else { err })
    }

    /// Version 1 active, nothing under way, and the probe told nothing.
    async fn settle_down(&mut self) {
        let idle = |at: &Standing| at.swap.is_none() && at.armed.is_empty() && !at.sweeping;
        let at = self.client.until("idle", idle).await;
        self.client.set(&CONTROLS.map(|key| (key, ""))).await;
        let first = component("probe-v1").digest().0;
        if at.mount.digest != first {
            self.client.arm(first, 4, b"", ProbationRule::NONE).await;
            self.client.until("back at version 1", |at| at.mount.digest == first && idle(at)).await;
        }
    }

    /// Arms version 2 and remembers when.
    pub async fn arm_next(&mut self, ahead: u64, rule: ProbationRule) {
        self.arm(component("probe-v2").digest().0, ahead, b"", rule).await;
    }

    /// Arms and remembers when.
    pub async fn arm(&mut self, digest: B256, ahead: u64, config: &[u8], rule: ProbationRule) {
        let (armed, height) = self.client.arm(digest, ahead, config, rule).await;
        (self.digest, self.height) = (digest, height);
        self.told.push(("armed", armed));
    }

    /// Whether the transaction that was not waited for came into a block before the node died.
    pub fn is_logged(&self) -> bool {
        self.sent.as_ref().is_some_and(|(tx, _)| self.logged.contains(&tx.hash))
    }

    /// The log keeps every promise; gives its last block.
    fn check_log(&mut self) -> SealedBlock {
        let mut blocks = self.rig.log(CHAIN);
        self.client.ledger.lock().check(&blocks);
        self.logged = blocks.iter().flat_map(|block| block.transactions.iter().map(|tx| *tx.tx_hash())).collect();
        blocks.pop().expect("there is block 0")
    }

    /// The node that was started again keeps the newest promises, too.
    async fn keeps_promises(&self) {
        let last = self.client.ledger.lock().last(50);
        let hashes: Vec<_> = last.iter().map(|(hash, _)| *hash).collect();
        let receipts = self.client.rpc.receipts(&hashes).await.expect("the node answers");
        for ((hash, place), receipt) in last.into_iter().zip(receipts) {
            let receipt = receipt.unwrap_or_else(|| panic!("{hash} has no receipt any more"));
            assert_eq!((receipt.block_hash, receipt.status()), (Some(place.hash), place.succeeded), "{hash}");
        }
    }
}
