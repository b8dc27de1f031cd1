//! What the pool costs with a thousand, a hundred thousand and a million transactions in it, and what its promise costs.
//!
//! In memory: taking one in, replacing one, evicting one from a full pool, the best of a full block, and what comes after
//! the block; and memory for each transaction, with one transaction for each sender and with a hundred. On disk: accepting
//! on a real chain, one sender and 64 at a time, with and without a sync before the answer; and opening a chain whose
//! journal is full.

mod disk;
mod memory;

use caldera_bench::{ByCargo, Report, Samples};
use clap::Parser;

/// What the pool costs, and what its promise does.
#[derive(Parser)]
struct Args {
    /// Transactions in the journal of the chain that is opened.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    journalled: u64,
    /// Instead: says what a pool of so many transactions takes.
    #[arg(long, value_name = "N", requires = "each", hide = true)]
    resident: Option<u64>,
    /// Of each sender in that pool.
    #[arg(long, value_name = "N", hide = true)]
    each: Option<u64>,
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> std::io::Result<()> {
    let Args { journalled, resident, each, _cargo } = Args::parse();
    if let (Some(count), Some(each)) = (resident, each) {
        memory::resident_with(count, each);
        return Ok(());
    }
    let mut report = Report::new("pool");
    for count in [1_000, 100_000, 1_000_000] {
        for each in [1, 100] {
            // In a process of its own: what an earlier run gave back would be counted as nothing.
            let (count_arg, each_arg) = (count.to_string(), each.to_string());
            let mut alone = std::process::Command::new(std::env::current_exe()?);
            assert!(alone.args(["--resident", &count_arg, "--each", &each_arg]).status()?.success(), "it ends well");
            memory::run(&mut report, count, each);
        }
    }
    disk::run(&mut report, journalled);
    report.finish()
}

fn samples(times: Vec<std::time::Duration>) -> Samples {
    let times = times.into_iter().map(|time| time.as_nanos() as f64);
    Samples::new(times.collect()).expect("a run has samples")
}
