//! Transactions a second through JSON-RPC, beside anvil on the same load in the same run.
//!
//! For transfers, ERC-20 transfers and engine calls, of a thousand, ten thousand and a hundred thousand accounts: signed
//! transactions come from a process of its own, one by one on sixty-four connections and in batches of a hundred on sixteen. A
//! transaction counts when a block has it, within the time of sending. Blocks of both have 300M gas. anvil makes
//! one a second; Caldera one every 200 ms, so that they have room for 71,000 transfers a second; it keeps everything on disk, answers
//! only when a transaction would survive a power cut, and has a state root in every block.
//!
//! Flags: `--seconds N` (60), `--accounts N`, `--kind transfers|ERC-20|engine`, `--mode single|batch`, `--store sled|fjall`, `--interval MS`,
//! `--connections N`, `--no-peer`, `--not-durable`, `--flame` (a picture of where the node's time goes).

mod flame;
mod floor;
#[path = "../load/mod.rs"]
mod load;
mod run;

use std::io;

use caldera_bench::{Report, Samples};
use load::{
    drive::Drive,
    nodes::{Node, Settings},
    work::{self, Kind},
};
use run::{Mode, Run, SYNC_CONNECTIONS, SYNC_EACH};

/// More than a node takes in a second.
const SIGNED_PER_SECOND: u64 = 55_000;

fn main() -> io::Result<()> {
    if let Some(order) = text("--drive") {
        return serde_json::from_str::<Drive>(&order)?.run();
    }
    if flag("--hyper") {
        return floor::serve();
    }
    let seconds = number("--seconds").unwrap_or(60);
    let sizes = number("--accounts").map_or_else(|| vec![1_000, 10_000, 100_000], |size| vec![size]);
    let kind = text("--kind");
    let kinds =
        Kind::ALL.into_iter().filter(|one| kind.as_ref().is_none_or(|name| one.name().starts_with(name.as_str())));
    let mode = text("--mode");
    let modes: Vec<_> = Mode::ALL
        .into_iter()
        .filter(|one| mode.as_ref().is_none_or(|name| one.name().starts_with(name.as_str())))
        .collect();
    let settings = Settings {
        interval_ms: number("--interval").unwrap_or(200),
        store: text("--store").unwrap_or_else(|| "sled".into()),
        durable: !flag("--not-durable"),
    };
    let connections = number("--connections");
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
                let ours = run.of(&Node::caldera(&accounts, &settings)?, flag("--flame").then_some(&name))?;
                println!("  caldera, {}: {ours}", mode.name());
                let anvil = if kind.is_ethereum() && !flag("--no-peer") { Node::anvil(&accounts)? } else { None };
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

fn flag(name: &str) -> bool {
    std::env::args().any(|arg| arg == name)
}

fn text(flag: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != flag).nth(1)
}

fn number(flag: &str) -> Option<u64> {
    text(flag).and_then(|value| value.parse().ok())
}
