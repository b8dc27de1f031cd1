//! Answers a second through JSON-RPC with 64 connections, beside anvil on the same chain in the same run.
//!
//! Both nodes have the same accounts and the same ERC-20 contract, and take in the same transfers of tokens before they are
//! asked. The questions come from a process of its own, about another account each time. Caldera goes on making
//! blocks meanwhile, anvil one a second.

#[path = "../load/mod.rs"]
mod load;

use std::{
    io, thread,
    time::{Duration, Instant},
};

use caldera_bench::{ByCargo, Report, Samples};
use clap::Parser;
use load::{
    drive::Drive,
    nodes::{Node, Settings, StoreArg},
    reads::{Answers, Read, Reads},
    work::{self, Kind},
};
use serde_json::json;

const CONNECTIONS: u64 = 64;
/// Transfers of tokens that are in blocks before anything is asked.
const TRANSFERS: u64 = 20_000;

/// Answers a second through JSON-RPC, beside anvil.
#[derive(Parser)]
struct Args {
    /// Of each question.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,
    /// How many there are.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000])]
    accounts: Vec<u64>,
    #[command(flatten)]
    store: StoreArg,
    /// Without anvil.
    #[arg(long)]
    no_peer: bool,
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> io::Result<()> {
    if load::ordered()? {
        return Ok(());
    }
    let Args { seconds, accounts: sizes, store: StoreArg { store }, no_peer, _cargo } = Args::parse();
    let mut report = Report::new("rpc");
    for size in sizes {
        let accounts = work::addresses(size);
        let ours = Asked::of(
            Node::caldera(
                &accounts,
                &Settings { interval_ms: 250, store: store.clone(), durable: true, cache_mib: None },
            )?,
            size,
        )?;
        let peer = if no_peer { None } else { Node::anvil(&accounts)? };
        let peer = peer.map(|node| Asked::of(node, size)).transpose()?;
        for read in Read::ALL {
            let mine = ours.ask(read, size, seconds)?;
            println!("  caldera, {} of {size} accounts: {mine}", read.method());
            let theirs = peer.as_ref().map(|peer| peer.ask(read, size, seconds)).transpose()?;
            let name = |what: &str| format!("{}, {size} accounts: {what}", read.method());
            match theirs {
                Some(theirs) => {
                    println!("  anvil, {} of {size} accounts: {theirs}", read.method());
                    report.rate_against(&name("answers"), "1/s", rates(&mine), "anvil", rates(&theirs));
                    report.row_against(&name("time"), times(&mine), "anvil", times(&theirs));
                }
                None => {
                    report.rate(&name("answers"), "1/s", rates(&mine));
                    report.row(&name("time"), times(&mine));
                }
            }
        }
    }
    report.finish()
}

/// A node that has the transfers in its blocks.
struct Asked {
    node: Node,
    head: u64,
}

impl Asked {
    fn of(node: Node, size: u64) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("load");
        work::write(&file, Kind::Token, &work::addresses(size), 0..size, 0..TRANSFERS)?;
        let drive = Drive {
            url: node.url().into(),
            file,
            accounts: size,
            method: "eth_sendRawTransaction".into(),
            batch: 100,
            connections: 4,
            seconds: 120,
            pace: None,
        };
        let driven = Drive::result(drive.spawn()?)?;
        assert_eq!((driven.sent, driven.errors), (TRANSFERS, 0), "{:?}", driven.first_error);
        let began = Instant::now();
        while node.call("txpool_status", &json!([]))?["pending"] != "0x0" {
            assert!(began.elapsed() < Duration::from_secs(120), "the transfers do not get into blocks");
            thread::sleep(Duration::from_millis(100));
        }
        // The last block may still be on its way to the readers.
        thread::sleep(Duration::from_secs(2));
        let head = node.number("eth_blockNumber", &json!([]))?;
        Ok(Self { node, head })
    }

    fn ask(&self, read: Read, accounts: u64, seconds: u64) -> io::Result<Answers> {
        let (url, blocks) = (self.node.url().into(), (0, self.head));
        let reads = Reads { url, reads: vec![read], accounts, blocks, connections: CONNECTIONS, seconds, pace: None };
        Reads::result(reads.spawn()?)
    }
}

/// Without the first and the last second, which are not whole.
fn rates(answers: &Answers) -> Samples {
    let whole = answers.per_second.get(1..answers.per_second.len().saturating_sub(1)).unwrap_or_default();
    Samples::new(whole.to_vec()).expect("there are seconds between the first and the last")
}

fn times(answers: &Answers) -> Samples {
    Samples::new(answers.latencies.clone()).expect("somebody was answered")
}
