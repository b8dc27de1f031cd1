//! What a swap costs a chain that is at work: a thousand of them back and forth, with two other chains beside.
//!
//! Real chains on disk: block log, sled, trie, producers at their interval. Every transaction that was accepted is looked
//! for in the blocks afterwards, so the bench fails if one is lost or there twice. `--swaps N` and `--interval MS` change
//! the size of the run.

mod load;
mod proc;
mod rig;
mod staging;

use std::time::Duration;

use caldera_bench::{Report, Samples};
use load::Load;
use proc::Usage;
use rig::Rig;

fn main() -> std::io::Result<()> {
    let swaps = argument("--swaps").unwrap_or(1_000);
    let interval = Duration::from_millis(argument("--interval").unwrap_or(50));
    let mut report = Report::new("swap");
    under_load(&mut report, swaps, interval);
    staging::run(&mut report, interval);
    report.finish()
}

/// The number behind a flag of the command line.
fn argument(flag: &str) -> Option<u64> {
    let mut args = std::env::args().skip_while(|arg| arg != flag);
    args.nth(1).and_then(|value| value.parse().ok())
}

/// Swaps while three chains take transactions.
fn under_load(report: &mut Report, swaps: u64, interval: Duration) {
    let mut rig = Rig::new(interval);
    let others = [Rig::new(interval), Rig::new(interval)];
    let producers: Vec<_> = others.iter().map(|other| other.start()).collect();
    let loads: Vec<_> = [&rig, &others[0], &others[1]].map(|rig| Load::start(rig.chain.clone())).into();
    rig.warm_up();
    let mut usage = vec![("start".to_owned(), Usage::now())];
    for quarter in 1..=4 {
        for _ in 0..swaps / 4 {
            rig.swap();
        }
        usage.push((format!("{} swaps", quarter * (swaps / 4)), Usage::now()));
        eprintln!("{} of {swaps} swaps, block {}", quarter * (swaps / 4), rig.chain.head().number());
    }
    let swapping = rig.blocks().len();
    // The same again without a swap: what a chain at work takes by itself.
    for quarter in 1..=2 {
        for _ in 0..swapping / 4 {
            rig.block();
        }
        usage.push((format!("and {} blocks without", quarter * (swapping / 4)), Usage::now()));
    }
    let accepted: Vec<_> = loads.into_iter().map(Load::stop).collect();
    rig.drain();
    others.iter().for_each(Rig::wait_until_empty);
    drop(producers);
    for (rig, accepted) in [&rig, &others[0], &others[1]].into_iter().zip(&accepted) {
        accepted.must_be_there_once(&rig.chain);
    }
    let blocks = rig.blocks();
    println!("{swaps} swaps on one chain in {swapping} blocks, two other chains at work beside it");
    println!(
        "transactions accepted on the three chains: {}; lost: 0; twice: 0",
        accepted.iter().map(load::Accepted::count).sum::<usize>()
    );
    println!("\n  {:<24}{:>14}  {:>7}  {:>7}", "after", "resident", "handles", "threads");
    for (at, usage) in &usage {
        println!("  {at:<24}{usage}");
    }
    println!();
    let (at_swap, else_where): (Vec<_>, Vec<_>) = blocks.iter().partition(|block| block.swapped);
    let build = |blocks: &[&rig::Made]| samples(blocks.iter().map(|block| block.build));
    report.row_against("block with a swap: made", build(&at_swap), "blocks without", build(&else_where));
    report.row_against(
        "block with a swap: interval",
        samples(at_swap.iter().map(|block| block.interval)),
        "its neighbours",
        samples(rig.neighbours().into_iter()),
    );
    report.row("interval, distance from its neighbours", samples(rig.distances().into_iter()));
}

fn samples(times: impl Iterator<Item = Duration>) -> Samples {
    Samples::new(times.map(|time| time.as_nanos() as f64).collect()).expect("a run has blocks")
}
