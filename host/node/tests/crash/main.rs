//! What a crash and what damage may do to a chain, on both stores: `kill -9` of the real node under load, the block log torn
//! at every boundary of a record, and the store's files damaged at random.
//!
//! `CALDERA_KILLS` is the number of kills (12 unless set), `CALDERA_ROUNDS` that of random places for each kind of tear and twice
//! as many for each kind of damage (6 unless set). `CALDERA_SEED` is the seed of what is random; the tables go to `crash.md` and
//! `faults.md` in the target folder. The run by hand: `cargo xtask crash`.

#[path = "../rig/mod.rs"]
mod rig;
#[path = "../support/mod.rs"]
mod support;

mod damage;
mod faults;
mod kills;
mod machine;
mod made;
mod promises;
mod report;
mod tears;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use caldera_state::Backend;
use report::Tables;

/// The stores on disk, as a chain's configuration names them.
const STORES: [(&str, Backend); 2] = [("sled", Backend::Sled), ("fjall", Backend::Fjall)];

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// One test, because it makes one report; and so that the kills get the machine to themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_crash_loses_what_was_acknowledged() {
    let kills = number("CALDERA_KILLS").unwrap_or(12);
    let rounds = number("CALDERA_ROUNDS").unwrap_or(6);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let seed = number("CALDERA_SEED").unwrap_or(clock);
    eprintln!("CALDERA_SEED={seed} CALDERA_KILLS={kills} CALDERA_ROUNDS={rounds}");
    let began = Instant::now();
    let mut tables = Tables::new(seed);
    let of_each = kills.div_ceil(STORES.len() as u64);
    // Both at a time: most of it is waiting for the disk.
    let walks = STORES.map(|(store, _)| tokio::spawn(kills::walk(store, of_each, seed)));
    for (walk, (store, _)) in walks.into_iter().zip(STORES) {
        tables.kills(store, &walk.await.expect("no promise was broken"));
    }
    for (store, backend) in STORES {
        let (torn, damaged) = tokio::task::spawn_blocking(move || {
            let made = made::Made::new(backend, 10);
            (tears::tear(&made, rounds, seed), damage::damage(&made, rounds * 2, seed))
        })
        .await
        .expect("the chain is what it was");
        tables.tears(store, &torn);
        tables.damage(store, &damaged);
    }
    let text = tables.text(began.elapsed());
    println!("{text}");
    rig::write_report("crash.md", &text);
}

/// What the machine may do to a node.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_fault_of_the_machine_loses_what_was_acknowledged() {
    let mut rows = Vec::new();
    for (store, _) in STORES {
        rows.push((store, faults::all(store).await));
    }
    let text = report::faults(&rows);
    println!("{text}");
    rig::write_report("faults.md", &text);
}
