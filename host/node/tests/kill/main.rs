//! `kill -9` at every step of the road of a swap: after each restart the road goes on or is cleanly off, and what the
//! registry says, what the node says and what a replay gives are one.
//!
//! Each step has a node of its own under load. A round brings it to the step, kills it after a random small time, starts
//! it again on the same folder, and follows the road to its end. A round counts if the last block in the log shows
//! that the node died in the step; else it is checked all the same and made again. In every third round the node is
//! killed once more while it starts.
//!
//! `CALDERA_KILLS` is the number of rounds that have to count for each step (1 unless set), `CALDERA_SEED` the seed of
//! the random times; the table goes to `kill.md` in the target folder.

#[path = "../rig/mod.rs"]
mod rig;
#[path = "../support/mod.rs"]
mod support;

mod migrations;
mod report;
mod road;
mod staging;
mod step;
mod trials;

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use step::Step;
use tokio::{sync::Semaphore, task::JoinSet};

/// Nodes at work at a time: most of it is waiting for blocks.
const NODES: usize = 3;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_road_survives_kill_9_at_every_step() {
    let kills = u32::try_from(number("CALDERA_KILLS").unwrap_or(1)).expect("a small number");
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let seed = number("CALDERA_SEED").unwrap_or(clock);
    eprintln!("CALDERA_SEED={seed} CALDERA_KILLS={kills}");
    let began = Instant::now();
    let (turns, mut running) = (Arc::new(Semaphore::new(NODES)), JoinSet::new());
    for step in Step::ALL {
        let turns = turns.clone();
        running.spawn(async move {
            let _turn = turns.acquire_owned().await.expect("nobody closes it");
            (step, road::walk(step, kills, seed.wrapping_add(step as u64)).await)
        });
    }
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    while let Some(walked) = running.join_next().await {
        match walked {
            Ok(row) => rows.push(row),
            Err(error) => failed.push(error),
        }
    }
    rows.sort_by_key(|(step, _)| *step);
    let table = report::table(&rows, seed, began.elapsed());
    println!("{table}");
    rig::write_report("kill.md", &table);
    assert!(failed.is_empty(), "CALDERA_SEED={seed}: {failed:?}");
}
