//! What keeping every state costs on disk, and what letting old ones go costs the blocks: transfers between many accounts on a
//! whole chain, once with `history = "all"` and once with the newest 128 states.
//!
//! Blocks come at an interval, as on a chain: what is timed is building, executing, committing and publishing one. The disk is
//! that of the block log and the store, for a million transactions.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use caldera_bench::{ByCargo, Report, Samples};
use caldera_chain::{Chain, ChainSpec, PoolOptions};
use caldera_execution::GenesisAccount;
use caldera_state::{Backend, History, StateOptions};
use caldera_testkit::{engines, genesis, sign};
use clap::Parser;

/// States that are kept where not all are.
const KEPT: u64 = 128;
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
    /// Only this database.
    #[arg(long, value_parser = ["sled", "fjall"])]
    store: Option<String>,
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> std::io::Result<()> {
    let Args { accounts: size, blocks, each, store, _cargo } = Args::parse();
    let mut report = Report::new("history");
    for backend in backends(store) {
        let all = run(backend, History::All, size, blocks, each);
        let kept = run(backend, History::Blocks(KEPT.try_into().expect("more than none")), size, blocks, each);
        let name = |what: &str| format!("{backend:?}: block of {each} transfers, {what}");
        report.row(&name("every state kept"), all);
        report.row(&name(&format!("{KEPT} states kept")), kept);
    }
    report.finish()
}

fn run(backend: Backend, history: History, size: u64, blocks: u64, each: u64) -> Samples {
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
    let before = disk(dir.path());
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
    let (grown, pruned) = (disk(dir.path()).saturating_sub(before), chain.pruned());
    println!(
        "{backend:?}, {history:?}: {} transactions, {} sweeps, {} nodes let go, states from block {} on; log and store grew by \
         {:.1} MB, {:.0} MB for a million transactions",
        blocks * each,
        pruned.sweeps,
        pruned.removed,
        chain.first_state(),
        grown as f64 / 1e6,
        grown as f64 / (blocks * each) as f64,
    );
    Samples::new(times).expect("at least one block is measured")
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

/// Blocks of the file system that a folder's log and store take, in bytes.
fn disk(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(".journal"));
    let sizes = sizes.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk(&entry.path()),
        Ok(meta) => meta.blocks() * 512,
        // A database's file that went meanwhile.
        Err(_) => 0,
    });
    sizes.sum()
}

/// The one that was named, or all on disk.
fn backends(named: Option<String>) -> Vec<Backend> {
    let all = [Backend::Sled, Backend::Fjall].into_iter();
    all.filter(|backend| named.as_ref().is_none_or(|name| format!("{backend:?}").eq_ignore_ascii_case(name))).collect()
}
