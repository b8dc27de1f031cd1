//! What keeping every state costs on disk, and what letting old ones go costs the blocks: transfers between many accounts on a
//! whole chain, once with `history = "all"` and once with the newest 128 states.
//!
//! In the end it is asked for hashes that no transaction has, which takes looking through all of the index.
//!
//! Blocks come at an interval, as on a chain: what is timed is building, executing, committing and publishing one. The disk is
//! that of the block log and the store, for a million transactions; memory is that of this process, in which what ran
//! before leaves some: `--store` and `--history` let one run alone.

use std::{
    fs,
    num::NonZeroU64,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use caldera_bench::{ByCargo, Report, Samples, disk, resident};
use caldera_chain::{Chain, ChainSpec, PoolOptions};
use caldera_execution::GenesisAccount;
use caldera_state::{Backend, History, StateOptions};
use caldera_testkit::{engines, genesis, sign};
use clap::Parser;

#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// States that are kept where not all are.
const KEPT: NonZeroU64 = NonZeroU64::new(128).unwrap();
const ALL: &str = "all";
const NEWEST: &str = "newest";
/// Hashes that are looked for.
const LOOKS: u64 = 5_000;
/// Who sends; everybody is paid.
const SENDERS: u64 = 100;
/// From the begin of one block to that of the next.
const PACE: Duration = Duration::from_millis(100);

/// What keeping every state costs, and what letting old ones go does.
#[derive(Parser)]
struct Args {
    /// Who is paid.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    accounts: u64,
    /// How many are made.
    #[arg(long, value_name = "N", default_value_t = 500)]
    blocks: u64,
    /// Transfers in a block.
    #[arg(long, value_name = "N", default_value_t = 400)]
    each: u64,
    /// Only this history: every state, or the newest.
    #[arg(long, value_parser = [ALL, NEWEST])]
    history: Option<String>,
    /// Only this database.
    #[arg(long, value_parser = ["sled", "fjall"])]
    store: Option<String>,
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> std::io::Result<()> {
    let Args { accounts: size, blocks, each, history: only, store, _cargo } = Args::parse();
    let mut report = Report::new("history");
    let newest = format!("{KEPT} states kept");
    let histories = [(ALL, History::All, "every state kept"), (NEWEST, History::Blocks(KEPT), &newest)];
    for backend in Backend::ON_DISK.into_iter().filter(|one| store.as_ref().is_none_or(|store| store == one.name())) {
        for (_, history, what) in histories.iter().filter(|(name, ..)| only.as_ref().is_none_or(|only| only == name)) {
            let (made, looked) = run(backend, *history, size, blocks, each);
            report.row(&format!("{backend:?}: block of {each} transfers, {what}"), made);
            report.row(&format!("{backend:?}: no such transaction among {}, {what}", blocks * each), looked);
        }
    }
    report.finish()
}

fn run(backend: Backend, history: History, size: u64, blocks: u64, each: u64) -> (Samples, Samples) {
    let dir = tempfile::tempdir().expect("a folder");
    let senders: Vec<_> = (0..SENDERS).map(signer).collect();
    let mut genesis = genesis(&[]);
    let rich = GenesisAccount { balance: U256::from(10).pow(U256::from(30)), ..Default::default() };
    genesis.accounts.extend((0..size).map(|n| (payee(n), rich.clone())));
    genesis.accounts.extend(senders.iter().map(|sender| (sender.address(), rich.clone())));
    let pool = PoolOptions { durable: false, ..PoolOptions::recommended() };
    let spec = ChainSpec { name: "bench".into(), genesis, block_interval: PACE, pool };
    let options = StateOptions { backend, history, ..StateOptions::recommended() };
    let chain = Chain::open(spec, dir.path(), options, engines(), &mut |_| {}).expect("it opens");
    chain.flush().expect("the disk takes it");
    let before = (taken(dir.path()), resident(None));
    let mut times = Vec::new();
    for number in 0..blocks {
        let began = Instant::now();
        for n in 0..each {
            let count = number * each + n;
            let to = TxKind::Call(payee(draw(number, n) % size));
            let tx = sign(&senders[(count % SENDERS) as usize], count / SENDERS, to, U256::ONE, 21_000, Bytes::new());
            chain.submit(tx, Vec::new()).expect("it is taken");
        }
        let timed = Instant::now();
        let block = chain.produce_block(1_700_000_001 + number, PACE * 50).expect("a block");
        times.push(timed.elapsed().as_nanos() as f64);
        assert_eq!(block.block.transactions.len() as u64, each, "all are in");
        thread::sleep(PACE.saturating_sub(began.elapsed()));
    }
    chain.flush().expect("the disk takes it");
    let looked = (0..LOOKS).map(|n| {
        let began = Instant::now();
        assert!(chain.transaction(hash(2, n)).expect("the store is read").is_none(), "there is none");
        began.elapsed().as_nanos() as f64
    });
    let looked = Samples::new(looked.collect()).expect("some");
    let (grown, pruned) = (taken(dir.path()).saturating_sub(before.0), chain.pruned());
    println!(
        "{backend:?}, {history:?}: {} transactions, {} sweeps, {} nodes let go, states from block {} on; log and store grew by \
         {:.1} MB, {:.0} MB for a million transactions; memory from {} to {} MB",
        blocks * each,
        pruned.sweeps,
        pruned.removed,
        chain.first_state(),
        grown as f64 / 1e6,
        grown as f64 / (blocks * each) as f64,
        before.1 / 1_000_000,
        resident(None) / 1_000_000,
    );
    (Samples::new(times).expect("at least one block is measured"), looked)
}

fn signer(n: u64) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::from(U256::from(n + 1))).expect("a key")
}

fn payee(n: u64) -> Address {
    Address::from_word(hash(1, n))
}

/// A number that looks random and is the same each time.
fn draw(seed: u64, n: u64) -> u64 {
    hash(seed + 3, n).0.first_chunk().copied().map_or(0, u64::from_be_bytes)
}

fn hash(kind: u64, n: u64) -> B256 {
    keccak256([kind.to_be_bytes(), n.to_be_bytes()].concat())
}

/// What a chain's log and store take on disk, in bytes; the pool's journal is emptied again and again.
fn taken(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let lasting = entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(".journal"));
    lasting.map(|entry| disk(&entry.path())).sum()
}
