//! What a block costs the state: root and commit of 1,000 changed accounts among more and more of them, the same for the
//! slots of one contract, how long a chain takes to open, and what all that takes on disk and in memory.
//!
//! Real folders on disk: block log, store, trie, fsync. Every block changes other accounts, drawn by hashing its number, so
//! that caches help as much as they would a chain whose users come and go. They come at an interval, as on a chain, and then as
//! fast as they can.

mod place;
mod rig;

use caldera_bench::{ByCargo, Report, Samples, disk, resident};
use caldera_state::{Backend, StateOptions};
use clap::Parser;
use place::Place;
use rig::{Rig, Times};
use std::{
    thread,
    time::{Duration, Instant},
};

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Entries that one block changes.
const CHANGED: u64 = 1_000;
/// From one block to the next where blocks are timed one by one.
const PACE: Duration = Duration::from_millis(250);
/// Blocks that warm the caches before any is measured.
const WARM_UP: u64 = 5;

/// What a block costs the state.
#[derive(Parser)]
struct Args {
    /// How many there are.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    accounts: Vec<u64>,
    /// How many are measured.
    #[arg(long, value_name = "N", default_value_t = 60)]
    blocks: u64,
    /// Only this database.
    #[arg(long, value_parser = ["sled", "fjall"])]
    store: Option<String>,
    /// Cache of trie nodes, instead of what is recommended.
    #[arg(long, value_name = "MIB")]
    node_cache: Option<usize>,
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> std::io::Result<()> {
    let Args { accounts: sizes, blocks, store, node_cache, _cargo } = Args::parse();
    let recommended = StateOptions::recommended();
    let node_cache_bytes = node_cache.map_or(recommended.node_cache_bytes, |mib| mib << 20);
    let mut report = Report::new("state");
    for size in sizes {
        for backend in Backend::ON_DISK.into_iter().filter(|one| store.as_ref().is_none_or(|store| store == one.name()))
        {
            let options = StateOptions { backend, node_cache_bytes, ..recommended };
            measure(&mut report, options, Place::Accounts, size, blocks);
            if size <= 100_000 {
                measure(&mut report, options, Place::Slots, size, blocks);
            }
        }
    }
    report.finish()
}

fn measure(report: &mut Report, options: StateOptions, place: Place, size: u64, blocks: u64) {
    let backend = options.backend;
    let name = |what: &str| format!("{backend:?}: {what}, {CHANGED} of {size} {place}");
    let mut rig = Rig::new(options);
    let filled = rig.fill(place, size);
    let taken = |rig: &Rig| (disk(rig.folder()), resident(None));
    let (before, height) = (taken(&rig), rig.height());
    for _ in 0..WARM_UP {
        rig.block(place, size, CHANGED);
    }
    let paced: Vec<Times> = (0..blocks)
        .map(|_| {
            let began = Instant::now();
            let times = rig.block(place, size, CHANGED);
            thread::sleep(PACE.saturating_sub(began.elapsed()));
            times
        })
        .collect();
    report.row(&name("root"), samples(paced.iter().map(|times| times.root)));
    report.row(&name("commit"), samples(paced.iter().map(|times| times.commit)));
    report.row(&name("root and commit"), samples(paced.iter().map(|times| times.root + times.commit)));
    // As fast as the store can take them, until all of them are in it: what waits in memory is no gain here.
    let began = Instant::now();
    for _ in 0..blocks {
        rig.block(place, size, CHANGED);
    }
    rig.flush();
    let each = began.elapsed().as_nanos() as f64 / blocks.max(1) as f64;
    report.row(&name("back to back, mean"), Samples::new(vec![each]).expect("one mean"));
    let after = taken(&rig);
    report.row(&format!("{backend:?}: open, {size} {place}"), samples((0..3).map(|_| rig.reopen())));
    let entries = (rig.height() - height) * CHANGED;
    println!(
        "{backend:?}, {size} {place}: filled in {:.1} s, {} on disk, {} resident; {entries} changes later {} and {}: {} of disk for \
         each change",
        filled.as_secs_f64(),
        human(before.0),
        human(before.1),
        human(after.0),
        human(after.1),
        human(after.0.saturating_sub(before.0) / entries.max(1)),
    );
}

fn samples(times: impl Iterator<Item = Duration>) -> Samples {
    Samples::new(times.map(|time| time.as_nanos() as f64).collect()).expect("at least one block is measured")
}

/// A size that people read.
fn human(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
