//! A chain with transfers and engine calls whose folder is copied and damaged.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use caldera_chain::{Chain, ChainError, ChainSpec, PoolOptions};
use caldera_engine::Engines;
use caldera_state::{Audit, Backend, ChainState, FRAME_HEAD_BYTES, FrameHead, StateOptions};
use caldera_testkit::{PROBE, account, genesis, sign};
use probe_engine::IProbe;

/// The log's name in a folder.
pub const LOG: &str = "blocks.log";
/// Length of the log's own header.
pub const LOG_HEADER: usize = 12;

/// The chain at one height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub hash: B256,
    pub state_root: B256,
}

/// The chain, closed.
pub struct Made {
    folder: tempfile::TempDir,
    half: tempfile::TempDir,
    spec: ChainSpec,
    options: StateOptions,
    engines: Engines,
    /// Height of its last block.
    pub height: u64,
    /// What it was at each height.
    pub heads: Vec<Head>,
    /// Its log.
    pub log: Vec<u8>,
    /// Where the records of the log begin, in bytes.
    pub records: Vec<usize>,
}

impl Made {
    /// Makes it, so high; half-way its store is copied.
    pub fn new(backend: Backend, height: u64) -> Self {
        let (folder, half) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let spec = ChainSpec {
            name: "crash".into(),
            genesis: genesis(&["probe-v1"]),
            block_interval: Duration::from_secs(1),
            pool: PoolOptions::recommended(),
        };
        let options = StateOptions { backend, cache_bytes: 1 << 20, ..StateOptions::recommended() };
        let mut made = Self {
            folder,
            half,
            spec,
            options,
            engines: caldera_testkit::engines(),
            height,
            heads: Vec::new(),
            log: Vec::new(),
            records: Vec::new(),
        };
        let mut chain = made.open(made.folder.path()).expect("it opens");
        made.heads.push(head(&chain));
        for n in 0..height {
            if n == height / 2 {
                drop(chain);
                copy(made.folder.path(), made.half.path());
                chain = made.open(made.folder.path()).expect("it opens again");
            }
            fill(&chain, n);
            chain.produce_block(1_700_000_000 + n, Duration::from_secs(5)).expect("a block");
            made.heads.push(head(&chain));
        }
        drop(chain);
        made.log = fs::read(made.folder.path().join(LOG)).expect("there is a log");
        made.records = records(&made.log);
        assert_eq!(made.records.len(), made.heads.len());
        made
    }

    /// A copy of its folder, with the store at its end or as it was half-way.
    pub fn copied(&self, half: bool) -> tempfile::TempDir {
        let to = tempfile::tempdir().expect("a folder");
        copy(if half { self.half.path() } else { self.folder.path() }, to.path());
        fs::write(to.path().join(LOG), &self.log).expect("the folder takes files");
        to
    }

    /// Height of the store in such a copy.
    pub fn stored(&self, half: bool) -> u64 {
        if half { self.height / 2 } else { self.height }
    }

    /// Where the store lies in a folder.
    pub fn store(&self, folder: &Path) -> PathBuf {
        folder.join(if self.options.backend == Backend::Fjall { "store-fjall" } else { "store" })
    }

    /// Opens a folder as the node does: what the store lacks is executed again.
    pub fn open(&self, folder: &Path) -> Result<Arc<Chain>, ChainError> {
        Chain::open(self.spec.clone(), folder, self.options, self.engines.clone(), &mut |_| {})
    }

    /// Holds everything in a closed folder against its log.
    pub fn audit(&self, folder: &Path) -> Audit {
        let state = ChainState::open(folder, self.options).expect("it opens");
        state.audit(&mut |_| {}).expect("the disk is sound")
    }

    /// The chain in the folder is what it was up to a height, whole and sound, and a block can follow.
    pub fn is_whole(&self, folder: &Path, height: u64) {
        let chain = self.open(folder).expect("it opens");
        assert_eq!((chain.head().number(), head(&chain)), (height, self.heads[height as usize]));
        chain.produce_block(1_800_000_000, Duration::from_secs(5)).expect("a block");
        drop(chain);
        let audit = self.audit(folder);
        assert_eq!((audit.blocks, audit.findings), (height + 2, Vec::new()));
    }
}

/// Where a chain stands.
pub fn head(chain: &Chain) -> Head {
    let block = &chain.head().block;
    Head { hash: block.hash(), state_root: block.header.state_root }
}

/// What goes into one block: transfers, and calls of the engine.
fn fill(chain: &Chain, n: u64) {
    let nonce = |from: u8| chain.next_nonce(account(from).address()).expect("it answers");
    for from in 1..4 {
        let to = TxKind::Call(Address::with_last_byte(from * 16 + n as u8));
        let tx = sign(&account(from), nonce(from), to, U256::from(n + 1), 21_000, Bytes::new());
        chain.submit(tx, Vec::new()).expect("it is taken");
    }
    for key in 0..3u8 {
        let call = IProbe::setCall { key: vec![key, n as u8].into(), value: vec![n as u8; 40].into() }.abi_encode();
        let tx = sign(&account(5), nonce(5), TxKind::Call(PROBE), U256::ZERO, 1_000_000, call.into());
        chain.submit(tx, Vec::new()).expect("it is taken");
    }
}

/// Where the records of a log begin.
fn records(log: &[u8]) -> Vec<usize> {
    let (mut at, mut records) = (LOG_HEADER, Vec::new());
    while at < log.len() {
        let head = log[at..at + FRAME_HEAD_BYTES].try_into().expect("so long");
        records.push(at);
        at += FRAME_HEAD_BYTES + FrameHead::decode(head).expect("the log is whole").length as usize;
    }
    records
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, to).expect("it can be copied");
        }
    }
}

/// All files below a folder, in the order of their names.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Stores of a folder that were moved aside.
pub fn moved_aside(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().contains(".damaged-")).count()
}
