//! What the tests share: random diffs, and blocks that carry them.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloy_consensus::{Eip658Value, Header, Receipt, ReceiptEnvelope, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use caldera_state::{
    Account, AccountDiff, Backend, ChainState, CommitInput, FjallStore, HeadRecord, History, MemoryView, RootUpdate,
    SledStore, StateDiff, StateError, StateOptions, Store,
};
use caldera_types::{Block, Component, SealedBlock, TxReceipt};
use proptest::prelude::*;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// Everything in memory but the log; a small node cache, so that it overflows.
pub const MEMORY: StateOptions = StateOptions {
    backend: Backend::Memory,
    cache_bytes: 1 << 20,
    behind_bytes: 0,
    flat_cache_bytes: 2 << 10,
    node_cache_bytes: 4 << 10,
    history: History::All,
};
/// The same in the other database.
pub const FJALL: StateOptions = StateOptions { backend: Backend::Fjall, ..DISK };
/// Every database on disk.
pub const ON_DISK: [StateOptions; 2] = [DISK, FJALL];
/// Where it is in a chain's folder.
pub fn store_dir(dir: &Path, options: StateOptions) -> PathBuf {
    dir.join(if options.backend == Backend::Fjall { "store-fjall" } else { "store" })
}
/// The database by itself, while no chain has it open.
pub fn open_store(dir: &Path, options: StateOptions) -> Box<dyn Store> {
    let path = store_dir(dir, options);
    match options.backend {
        Backend::Fjall => Box::new(FjallStore::open(&path, 1 << 20).unwrap()),
        _ => Box::new(SledStore::open(&path, 1 << 20).unwrap()),
    }
}
/// On disk.
pub const DISK: StateOptions = StateOptions {
    backend: Backend::Sled,
    cache_bytes: 8 << 20,
    behind_bytes: 0,
    flat_cache_bytes: 1 << 20,
    node_cache_bytes: 1 << 20,
    history: History::All,
};

pub fn open(dir: &Path, options: StateOptions) -> ChainState {
    ChainState::open(dir, options).unwrap()
}

/// The addresses that diffs are about.
pub fn addresses() -> impl Iterator<Item = Address> {
    (0..ADDRESSES).map(Address::with_last_byte)
}

const ADDRESSES: u8 = 12;
/// Slots are below this.
pub const SLOTS: u64 = 60;

fn word() -> impl Strategy<Value = U256> {
    prop_oneof![
        3 => Just(U256::ZERO),
        3 => (0u64..300).prop_map(U256::from),
        2 => any::<[u8; 32]>().prop_map(U256::from_be_bytes),
    ]
}

fn account_diff() -> impl Strategy<Value = AccountDiff> {
    let account = (any::<u64>(), word(), 0u8..3).prop_map(|(nonce, balance, code)| {
        let code_hash = if code == 0 { Account::default().code_hash } else { code_hash(code) };
        Account { nonce, balance, code_hash }
    });
    let storage = prop::collection::btree_map((0..SLOTS).prop_map(U256::from), word(), 0..40);
    (prop::option::weighted(0.8, account), prop::bool::weighted(0.1), storage)
        .prop_map(|(account, wiped, storage)| AccountDiff { account, wiped, storage })
}

/// Code too long for one value of the store.
fn code_of(n: u8) -> Bytes {
    static CODES: LazyLock<[Bytes; 3]> = LazyLock::new(|| [0, 1, 2].map(|n| vec![n; 70_000].into()));
    CODES[usize::from(n)].clone()
}

fn code_hash(n: u8) -> B256 {
    static HASHES: LazyLock<[B256; 3]> = LazyLock::new(|| [0, 1, 2].map(|n| keccak256(code_of(n))));
    HASHES[usize::from(n)]
}

/// Diffs over few accounts and slots, so that they meet.
pub fn diff() -> impl Strategy<Value = StateDiff> {
    let accounts = prop::collection::btree_map((0..ADDRESSES).prop_map(Address::with_last_byte), account_diff(), 0..10);
    accounts.prop_map(|accounts| StateDiff { accounts, codes: (1..3).map(|n| (code_hash(n), code_of(n))).collect() })
}

/// A diff that writes `slots` words, all different for different `seed`s, over ten accounts.
pub fn wide_diff(seed: u64, first: u64, slots: u64) -> StateDiff {
    let mut view = MemoryView::default();
    for n in first..first + slots {
        let address = Address::with_last_byte((n % 10) as u8);
        view.set_account(address, Account { nonce: seed + 1, ..Default::default() });
        view.set_storage(address, U256::from(n), U256::from(seed + 1) << 64 | U256::from(n + 1));
    }
    StateDiff::from(&view)
}

/// What a block carries beside its diff.
#[derive(Default)]
pub struct Body {
    pub transactions: Vec<TxEnvelope>,
    pub receipts: Vec<TxReceipt>,
    pub sidecar: Vec<Component>,
}

/// Of a transaction that came to its end.
pub fn receipt() -> TxReceipt {
    let receipt = Receipt { status: Eip658Value::Eip658(true), cumulative_gas_used: 1, logs: Vec::new() };
    TxReceipt {
        consensus: ReceiptEnvelope::Legacy(receipt.into()),
        gas_used: 1,
        effective_gas_price: 7,
        contract_address: None,
        fault: None,
    }
}

/// The next block with this diff.
pub fn next_block(state: &ChainState, diff: &StateDiff, body: &Body) -> (SealedBlock, RootUpdate) {
    let head = state.head();
    let update = state.root_after(state.head().map_or(0, |head| head.number), state.state_root(), diff).unwrap();
    let header = Header {
        number: head.map_or(0, |head| head.number + 1),
        parent_hash: head.map_or(B256::ZERO, |head| head.hash),
        state_root: update.root,
        transactions_root: Block::transactions_root(&body.transactions),
        ..Default::default()
    };
    let block =
        Block { header, transactions: body.transactions.clone(), sidecar: body.sidecar.clone(), ethereum: None };
    (block.seal(), update)
}

pub fn try_commit(state: &ChainState, diff: &StateDiff, body: &Body) -> Result<HeadRecord, StateError> {
    let (block, update) = next_block(state, diff, body);
    state.commit(CommitInput { block: &block, receipts: &body.receipts, diff, update })
}

pub fn commit(state: &ChainState, diff: &StateDiff) -> HeadRecord {
    try_commit(state, diff, &Body::default()).unwrap()
}

/// Blocks 0 to `count - 1`, each with a small diff of its own.
pub fn commit_many(state: &ChainState, count: u64) -> Vec<HeadRecord> {
    (0..count).map(|n| commit(state, &wide_diff(n, n * 3, 5))).collect()
}

/// Executes the logged blocks above the head again: the n-th has `wide_diff(n, 3n, 5)`, as in `commit_many`.
pub fn replay(state: &ChainState) {
    catch_up(state, |n| wide_diff(n, n * 3, 5)).unwrap();
}

/// Executes the logged blocks above the head again.
pub fn catch_up(state: &ChainState, diff: impl Fn(u64) -> StateDiff) -> Result<(), StateError> {
    for block in state.replay() {
        let block = block?;
        let diff = diff(block.header.number);
        let update = state.root_after(state.head().map_or(0, |head| head.number), state.state_root(), &diff)?;
        state.commit(CommitInput { block: &block, receipts: &[], diff: &diff, update })?;
    }
    Ok(())
}

/// Stores that were found damaged in a chain's folder.
pub fn moved_aside(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().contains(".damaged-")).collect()
}

/// All files below a folder, in the order of their names.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// No file may grow beyond this, in bytes; none ends it.
pub fn limit_files(bytes: Option<u64>) {
    let most = bytes.unwrap_or(libc::RLIM_INFINITY);
    let limit = libc::rlimit { rlim_cur: most, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: plain calls that set a limit and ignore the signal of who runs into it, so that writes fail instead.
    let set = unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit)
    };
    assert_eq!(set, 0);
}
