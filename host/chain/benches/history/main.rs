//! What keeping every state costs on disk, and what letting old ones go costs the blocks: transfers between many accounts on a
//! whole chain, once with `history = "all"` and once with the newest 128 states.
//!
//! Blocks come at an interval, as on a chain: what is timed is building, executing, committing and publishing one. The disk is
//! that of the block log and the store, for a million transactions. `--accounts N` (10,000), `--blocks N` (500), `--each N`
//! transfers in a block (400), `--store NAME`.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use caldera_bench::{Report, Samples};
use caldera_chain::{Chain, ChainSpec, PoolOptions};
use caldera_execution::GenesisAccount;
use caldera_state::{Backend, History, StateOptions};
use caldera_testkit::{engines, genesis, sign};

/// States that are kept where not all are.
const KEPT: u64 = 128;
/// Who sends; everybody is paid.
const SENDERS: u64 = 100;
/// From the begin of one block to that of the next.
const PACE: Duration = Duration::from_millis(100);

fn main() -> std::io::Result<()> {
    let size = argument("--accounts").unwrap_or(10_000);
    let (blocks, each) = (argument("--blocks").unwrap_or(500), argument("--each").unwrap_or(400));
    let mut report = Report::new("history");
    for backend in backends() {
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
            let nonce = (number * each + n) / SENDERS;
            let to = TxKind::Call(payee(draw(number, n) % size));
            let tx = sign(&senders[(n % SENDERS) as usize], nonce, to, U256::ONE, 21_000, Bytes::new());
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
