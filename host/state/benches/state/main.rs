//! What a block costs the state: root and commit of 1,000 changed accounts among more and more of them, the same for the
//! slots of one contract, how long a chain takes to open, and what all that takes on disk and in memory.
//!
//! Real folders on disk: block log, store, trie, fsync. Every block changes other accounts, drawn by hashing its number, so
//! that caches help as much as they would a chain whose users come and go. `--accounts N` measures one size alone, `--store NAME` one database,
//! `--blocks N` sets how many blocks are measured, `--node-cache MIB` the cache of trie nodes. They come at an interval, as on a chain, and then as
//! fast as they can.

mod place;
mod rig;
mod usage;

use caldera_bench::{Report, Samples};
use caldera_state::Backend;
use place::Place;
use rig::{Rig, Times};
use std::{
    thread,
    time::{Duration, Instant},
};
use usage::{Usage, human};

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Entries that one block changes.
const CHANGED: u64 = 1_000;
/// From one block to the next where blocks are timed one by one.
const PACE: Duration = Duration::from_millis(250);
/// Blocks that warm the caches before any is measured.
const WARM_UP: u64 = 5;

fn main() -> std::io::Result<()> {
    let sizes = argument("--accounts").map_or_else(|| vec![10_000, 100_000, 1_000_000], |size| vec![size]);
    let blocks = argument("--blocks").unwrap_or(60);
    let mut report = Report::new("state");
    for size in sizes {
        for backend in backends() {
            measure(&mut report, backend, Place::Accounts, size, blocks);
            if size <= 100_000 {
                measure(&mut report, backend, Place::Slots, size, blocks);
            }
        }
    }
    report.finish()
}

/// The number behind a flag of the command line.
fn argument(flag: &str) -> Option<u64> {
    let mut args = std::env::args().skip_while(|arg| arg != flag);
    args.nth(1).and_then(|value| value.parse().ok())
}

/// Those that `--store NAME` names, or all on disk.
fn backends() -> Vec<Backend> {
    let named = std::env::args().skip_while(|arg| arg != "--store").nth(1);
    let all = [Backend::Sled, Backend::Fjall].into_iter();
    all.filter(|backend| named.as_ref().is_none_or(|name| format!("{backend:?}").eq_ignore_ascii_case(name))).collect()
}

fn measure(report: &mut Report, backend: Backend, place: Place, size: u64, blocks: u64) {
    let name = |what: &str| format!("{backend:?}: {what}, {CHANGED} of {size} {place}");
    let mut rig = Rig::new(backend);
    let filled = rig.fill(place, size);
    let (before, height) = (Usage::of(rig.folder()), rig.height());
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
    let after = Usage::of(rig.folder());
    report.row(&format!("{backend:?}: open, {size} {place}"), samples((0..3).map(|_| rig.reopen())));
    let entries = (rig.height() - height) * CHANGED;
    println!(
        "{backend:?}, {size} {place}: filled in {:.1} s, {} on disk, {} resident; {entries} changes later {} and {}: {} of disk for \
         each change",
        filled.as_secs_f64(),
        human(before.disk),
        human(before.resident),
        human(after.disk),
        human(after.resident),
        human(after.disk.saturating_sub(before.disk) / entries.max(1)),
    );
}

fn samples(times: impl Iterator<Item = Duration>) -> Samples {
    Samples::new(times.map(|time| time.as_nanos() as f64).collect()).expect("at least one block is measured")
}
