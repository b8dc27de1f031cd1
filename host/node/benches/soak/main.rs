//! A node under mixed load for an hour: does its memory stay, do its answers?
//!
//! Each minute a client process each sends transfers, transfers of tokens and engine calls at an even pace, another waits for
//! receipts, and one asks the four questions of the bench `rpc`. A line a minute says what came of it, and the longest fsync that
//! the machine's disk took beside the node.

mod disk;
#[path = "../load/mod.rs"]
mod load;
mod minute;

use std::io;

use caldera_bench::{ByCargo, Report, Samples};
use clap::Parser;
use disk::Disk;
use load::{
    nodes::{Node, Settings, StoreArg},
    work,
};
use minute::{ACCOUNTS, Load, Minute};

/// A node under mixed load for an hour.
#[derive(Parser)]
struct Args {
    /// How long.
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    minutes: u64,
    /// Transactions a second of each kind.
    #[arg(long, value_name = "N", default_value_t = 100)]
    rate: u64,
    /// Questions a second.
    #[arg(long, value_name = "N", default_value_t = 400)]
    questions: u64,
    /// From a block to the next.
    #[arg(long, value_name = "MS", default_value_t = 250)]
    interval: u64,
    /// MiB of the database's pages that the node may have in memory, and as many of trie nodes: little, so that both are full in
    /// the first minutes and what grows after is something else.
    #[arg(long, value_name = "MIB", default_value_t = 32)]
    cache: usize,
    #[command(flatten)]
    store: StoreArg,
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> io::Result<()> {
    if load::ordered()? {
        return Ok(());
    }
    let Args { minutes, rate, questions, interval, cache, store: StoreArg { store }, _cargo } = Args::parse();
    let settings = Settings { interval_ms: interval, store, durable: true, cache_mib: Some(cache) };
    let load = Load { rate, questions };
    let accounts = work::addresses(4 * ACCOUNTS);
    let node = Node::caldera(&accounts, &settings)?;
    let disk = Disk::watch()?;
    println!("{}", minute::HEADING);
    let mut made = Vec::new();
    for number in 0..minutes {
        let minute = Minute::run(&node, &load, &accounts, &disk, number)?;
        println!("{minute}");
        minute.first_error.iter().for_each(|error| println!("       the first error: {error}"));
        made.push(minute);
    }
    let mut report = Report::new("soak");
    let mut row = |name: &str, of: fn(&Minute) -> f64| {
        for (when, part) in [("first", &made[..made.len().min(10)]), ("last", &made[made.len().saturating_sub(10)..])] {
            let samples = Samples::new(part.iter().map(of).collect()).expect("there is a minute");
            report.row(&format!("{name}, {when} minutes"), samples);
        }
    };
    row("a question, 99th percentile", |minute| minute.question_p99);
    row("send to receipt, 99th percentile", |minute| minute.receipt_p99);
    row("send to receipt, the longest", |minute| minute.receipt_longest);
    row("an fsync beside it, the longest", |minute| minute.fsync_longest);
    let errors: u64 = made.iter().map(|minute| minute.errors).sum();
    let memory = |minute: Option<&Minute>| minute.map_or(0, |minute| minute.memory >> 20);
    println!(
        "{errors} errors in {minutes} minutes; memory {} MiB after the tenth, {} MiB at the end",
        memory(made.get(9).or(made.last())),
        memory(made.last())
    );
    report.finish()
}
