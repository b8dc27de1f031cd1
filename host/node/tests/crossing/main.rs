//! `kill -9` in the middle of crossings of assets: of the chain they leave, of the chain they go to, of both at once.
//!
//! Users lock wei at home and burn it abroad, and again and again a node dies at a random moment. In one test two nodes with
//! one chain each believe each other, and somebody carries the proofs: whenever both are back, before anybody goes on, what is
//! locked is what was minted and what is on its way, to the wei. In the other a development node carries between its own
//! chains: whenever it is back, it brings what is on its way without being asked. At the end everything arrived exactly once.
//!
//! `CALDERA_KILLS` is the number of kills of each (6 unless set), `CALDERA_SEED` the seed of moments; the tables go to
//! `crossing.md` and `carrier.md` in the target folder.

#[path = "../rig/mod.rs"]
mod rig;
#[path = "../support/mod.rs"]
mod support;

mod books;
mod chain;
mod link;
mod relay;
mod report;
mod side;
mod traffic;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy_primitives::U256;
use caldera_node::rpc::RpcError;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use tokio::task::{JoinSet, block_in_place};

use books::Books;
use chain::Chain;
use relay::{Progress, Relay};
use report::Row;
use side::Side;
use traffic::Traffic;

/// Both nodes live so long at least, in milliseconds, and up to so much longer: crossings take some hundred.
const LIFE_MS: (u64, u64) = (150, 900);
/// Longest time for what is on its way to arrive.
const WITHIN: Duration = Duration::from_secs(120);

/// Which node dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dies {
    /// That of the chain whose wei it is.
    Home,
    /// That of the chain where it is minted.
    Abroad,
    /// One after the other, as fast as it goes.
    Both,
}

impl Dies {
    const ALL: [Self; 3] = [Self::Home, Self::Abroad, Self::Both];
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Kills and seed.
fn plan() -> (u64, u64) {
    let kills = number("CALDERA_KILLS").unwrap_or(6);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let seed = number("CALDERA_SEED").unwrap_or(clock);
    eprintln!("CALDERA_SEED={seed} CALDERA_KILLS={kills}");
    (kills, seed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn crossings_survive_kill_9_on_both_sides() {
    let (kills, seed) = plan();
    let (began, mut rng) = (Instant::now(), ChaCha8Rng::seed_from_u64(seed));
    let [mut home, mut abroad] = Side::pair();
    block_in_place(|| [&mut home, &mut abroad].map(Side::start));
    link::believe_each_other(&home, &abroad).await;
    let (mut rows, progress) = (Dies::ALL.map(Row::new), <[Progress; 2]>::default());
    for kill in 0..kills {
        let dies = Dies::ALL[(kill % 3) as usize];
        let life = life(&mut rng);
        let chains = [home.chain(), abroad.chain()];
        let mut work = all_at_work(&chains, &progress, rng.next_u64());
        tokio::time::sleep(life).await;
        block_in_place(|| {
            if dies != Dies::Abroad {
                home.kill();
            }
            if dies != Dies::Home {
                abroad.kill();
            }
        });
        // Who lives on must not be at work while the books are read: those who talk to the dead end by themselves.
        all_end(&mut work, seed).await;
        block_in_place(|| {
            if dies != Dies::Abroad {
                home.start();
            }
            if dies != Dies::Home {
                abroad.start();
            }
        });
        let books = Books::read(&home.chain(), &abroad.chain(), U256::ZERO).await;
        books.are_balanced(&format!("kill {kill} of {dies:?}, CALDERA_SEED={seed}"));
        rows[(kill % 3) as usize].add(&books);
        if kill % 10 == 9 {
            eprintln!("{} kills in {:.0} s: {books:?}", kill + 1, began.elapsed().as_secs_f64());
        }
    }
    let books = all_arrive(&home.chain(), &abroad.chain()).await;
    books.are_balanced(&format!("at the end, CALDERA_SEED={seed}"));
    report::write("crossing.md", &report::table(&rows, &books, seed, began.elapsed()));
    block_in_place(|| [home, abroad].map(Side::stop));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_comes_back_brings_what_was_under_way() {
    let (kills, seed) = plan();
    let (began, mut rng) = (Instant::now(), ChaCha8Rng::seed_from_u64(seed));
    let mut node = Side::development();
    block_in_place(|| node.start());
    let [home, abroad] = node.chains();
    link::may_mint(&abroad, &home).await;
    let bonds = home.wei(home.weave).await;
    let mut row = Row::new(Dies::Both);
    for kill in 0..kills {
        let [home, abroad] = node.chains();
        let mut work = JoinSet::new();
        work.spawn(Traffic::new(rng.next_u64()).locks(home.clone(), abroad.clone()));
        work.spawn(Traffic::new(rng.next_u64()).burns(abroad, home));
        tokio::time::sleep(life(&mut rng)).await;
        block_in_place(|| node.kill());
        all_end(&mut work, seed).await;
        block_in_place(|| node.start());
        let [home, abroad] = node.chains();
        let (back, mut books) = (Instant::now(), Books::read(&home, &abroad, bonds).await);
        row.add(&books);
        while books.under_way() > 0 {
            assert!(back.elapsed() < WITHIN, "kill {kill}, CALDERA_SEED={seed}: stuck: {books:?}");
            books = Books::read(&home, &abroad, bonds).await;
        }
        // The last unit may have arrived between two answers; from here on nothing moves.
        books = Books::read(&home, &abroad, bonds).await;
        books.are_balanced(&format!("kill {kill}, CALDERA_SEED={seed}"));
        if kill % 10 == 9 {
            eprintln!("{} kills in {:.0} s: {books:?}", kill + 1, began.elapsed().as_secs_f64());
        }
    }
    let [home, abroad] = node.chains();
    let books = Books::read(&home, &abroad, bonds).await;
    books.are_balanced(&format!("at the end, CALDERA_SEED={seed}"));
    report::write("carrier.md", &report::table(&[row], &books, seed, began.elapsed()));
    block_in_place(|| node.stop());
}

fn life(rng: &mut ChaCha8Rng) -> Duration {
    Duration::from_millis(LIFE_MS.0 + rng.next_u64() % LIFE_MS.1)
}

/// Waits for all who worked with a node that is dead.
async fn all_end(work: &mut JoinSet<Result<(), RpcError>>, seed: u64) {
    while let Some(ended) = work.join_next().await {
        let error = ended.expect("nobody panics").expect_err("only a node's death ends it");
        assert!(matches!(error, RpcError::Unreachable { .. }), "CALDERA_SEED={seed}: {error}");
    }
}

/// Two users and two carriers, until a node dies.
fn all_at_work(chains: &[Chain; 2], [there, back]: &[Progress; 2], seed: u64) -> JoinSet<Result<(), RpcError>> {
    let [home, abroad] = chains.clone();
    let mut work = JoinSet::new();
    work.spawn(Traffic::new(seed).locks(home.clone(), abroad.clone()));
    work.spawn(Traffic::new(seed + 1).burns(abroad.clone(), home.clone()));
    work.spawn(Relay::new(home.clone(), abroad.clone(), there).carry_on());
    work.spawn(Relay::new(abroad, home, back).carry_on());
    work
}

/// Carries what is left, from the first block on, and nobody sends anything new.
async fn all_arrive(home: &Chain, abroad: &Chain) -> Books {
    let relays =
        [(home, abroad), (abroad, home)].map(|(from, to)| Relay::new(from.clone(), to.clone(), &Progress::default()));
    let began = Instant::now();
    loop {
        for relay in &relays {
            relay.carry().await.expect("the nodes answer");
        }
        let books = Books::read(home, abroad, U256::ZERO).await;
        if books.under_way() == 0 {
            return books;
        }
        assert!(began.elapsed() < WITHIN, "stuck: {books:?}");
    }
}
