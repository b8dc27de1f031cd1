//! Transactions a second through JSON-RPC, beside anvil on the same load in the same run.
//!
//! For transfers, ERC-20 transfers and engine calls, of a thousand, ten thousand and a hundred thousand accounts: signed
//! transactions come from a process of its own, one by one on sixty-four connections and in batches of a hundred on sixteen. A
//! transaction counts when a block has it, within the time of sending. Blocks of both have 300M gas. anvil makes
//! one a second; Caldera one every 250 ms, so that they have room for 57,000 transfers a second; it keeps everything on disk, answers
//! only when a transaction would survive a power cut, and has a state root in every block.

mod flame;
mod floor;
#[path = "../load/mod.rs"]
mod load;
mod run;

use std::io;

use caldera_bench::{ByCargo, Report, Samples};
use clap::Parser;
use load::{
    nodes::{Node, Settings, StoreArg},
    work::{self, Kind},
};
use run::{Mode, Run, SYNC_CONNECTIONS, SYNC_EACH};

/// As many as blocks of 300M gas hold, four a second, and some more. Far more would only wait in the pool.
const SIGNED_PER_SECOND: u64 = 58_000;

/// Transactions a second through JSON-RPC, beside anvil on the same load.
#[derive(Parser)]
struct Args {
    /// Of each load.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// How many send.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000])]
    accounts: Vec<u64>,
    /// Only such transactions.
    #[arg(long, value_parser = ["transfers", "ERC-20", "engine"])]
    kind: Option<String>,
    /// Only sent like that.
    #[arg(long, value_parser = ["single", "batch"])]
    mode: Option<String>,
    #[command(flatten)]
    store: StoreArg,
    /// Without anvil.
    #[arg(long)]
    no_peer: bool,
    /// From a block to the next.
    #[arg(long, value_name = "MS", default_value_t = 250)]
    interval: u64,
    /// Instead of 64 for single ones and 16 for batches.
    #[arg(long, value_name = "N")]
    connections: Option<u64>,
    /// Answer before a transaction is on disk.
    #[arg(long)]
    not_durable: bool,
    /// Draw where the node's time goes.
    #[arg(long)]
    flame: bool,
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> io::Result<()> {
    if load::ordered()? {
        return Ok(());
    }
    if std::env::args().nth(1).is_some_and(|arg| arg == floor::ORDER) {
        return floor::serve();
    }
    let Args {
        seconds,
        accounts: sizes,
        kind,
        mode,
        store,
        no_peer,
        interval,
        connections,
        not_durable,
        flame,
        _cargo,
    } = Args::parse();
    let like = |name: &str, wanted: &Option<String>| wanted.as_ref().is_none_or(|wanted| name.starts_with(wanted));
    let kinds = Kind::ALL.into_iter().filter(|one| like(one.name(), &kind));
    let modes: Vec<_> = Mode::ALL.into_iter().filter(|one| like(one.name(), &mode)).collect();
    let settings = Settings { interval_ms: interval, store: store.store, durable: !not_durable, cache_mib: None };
    let mut report = Report::new("tps");
    let mut measured = false;
    for kind in kinds {
        for size in &sizes {
            // The last ones are for what waits for its receipt.
            let accounts = work::addresses(size + SYNC_CONNECTIONS);
            let folder = tempfile::tempdir()?;
            let (file, sync_file) = (folder.path().join("load"), folder.path().join("sync"));
            println!("signing {} {} of {size} accounts", seconds * SIGNED_PER_SECOND, kind.name());
            work::write(&file, kind, &accounts, 0..*size, 0..seconds * SIGNED_PER_SECOND)?;
            work::write(&sync_file, kind, &accounts, *size..size + SYNC_CONNECTIONS, 0..SYNC_CONNECTIONS * SYNC_EACH)?;
            if !measured {
                floor::report(&mut report, &modes, &file, *size)?;
                measured = true;
            }
            for mode in &modes {
                let run =
                    Run { file: &file, sync_file: &sync_file, accounts: *size, mode: *mode, connections, seconds };
                let name = format!("{}, {}, {size} accounts", kind.name(), mode.name());
                let ours = run.of(&Node::caldera(&accounts, &settings)?, flame.then_some(&name))?;
                println!("  caldera, {}: {ours}", mode.name());
                let anvil = if kind.is_ethereum() && !no_peer { Node::anvil(&accounts)? } else { None };
                let peer = anvil.map(|node| run.of(&node, None)).transpose()?;
                if let Some(peer) = &peer {
                    println!("  anvil, {}: {peer}", mode.name());
                }
                let name = |what: &str| format!("{name}: {what}");
                match peer {
                    Some(peer) => {
                        report.rate_against(&name("included"), "tx/s", ours.rates(), "anvil", peer.rates());
                        report.row_against(&name("send to receipt"), ours.receipts(), "anvil", peer.receipts());
                    }
                    None => {
                        report.rate(&name("included"), "tx/s", ours.rates());
                        report.row(&name("send to receipt"), ours.receipts());
                    }
                }
            }
        }
    }
    report.finish()
}

fn samples(figures: Vec<f64>) -> Samples {
    Samples::new(figures).expect("a run has samples")
}
