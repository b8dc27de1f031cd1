//! A chain on disk whose blocks carry diffs that nobody executed.

use alloy_consensus::Header;
use alloy_primitives::B256;
use caldera_state::{ChainState, CommitInput, StateDiff, StateOptions};
use caldera_types::Block;
use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::place::{Place, draw};

/// Entries of one block while the chain is filled.
const FILL: u64 = 20_000;

/// How long the parts of one block took.
pub struct Times {
    pub root: Duration,
    pub commit: Duration,
}

/// A chain and its folder.
pub struct Rig {
    options: StateOptions,
    state: Option<ChainState>,
    folder: tempfile::TempDir,
}

impl Rig {
    pub fn new(options: StateOptions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = Some(open(folder.path(), options));
        Self { options, state, folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How many blocks there are.
    pub fn height(&self) -> u64 {
        self.state().head().map_or(0, |head| head.number + 1)
    }

    /// Makes the entries; says how long it took.
    pub fn fill(&mut self, place: Place, size: u64) -> Duration {
        let began = Instant::now();
        for first in (0..size).step_by(FILL as usize) {
            let entries = first..size.min(first + FILL);
            self.commit(&place.diff(entries, 0));
        }
        self.flush();
        began.elapsed()
    }

    /// Waits until the store has everything, on disk.
    pub fn flush(&self) {
        self.state().flush().expect("the disk takes it");
    }

    /// A block that changes `count` entries of `size`, with the time of its parts.
    pub fn block(&mut self, place: Place, size: u64, count: u64) -> Times {
        let height = self.height();
        let mut entries: Vec<u64> = (0..).map(|n| draw(height, n) % size).take(2 * count as usize).collect();
        entries.sort_unstable();
        entries.dedup();
        entries.sort_by_key(|n| draw(height, *n));
        entries.truncate(count as usize);
        self.commit(&place.diff(entries.into_iter(), height))
    }

    /// Closes the chain and opens it; says how long the opening took.
    pub fn reopen(&mut self) -> Duration {
        let head = self.state().head();
        self.flush();
        drop(self.state.take());
        let began = Instant::now();
        let state = open(self.folder.path(), self.options);
        let took = began.elapsed();
        assert_eq!(state.head(), head, "nothing is lost");
        self.state = Some(state);
        took
    }

    fn commit(&mut self, diff: &StateDiff) -> Times {
        let state = self.state();
        let began = Instant::now();
        let update = state
            .root_after(state.head().map_or(0, |head| head.number), state.state_root(), diff)
            .expect("the root is that of the head");
        let root = began.elapsed();
        let head = state.head();
        let header = Header {
            number: head.map_or(0, |head| head.number + 1),
            parent_hash: head.map_or(B256::ZERO, |head| head.hash),
            state_root: update.root,
            ..Default::default()
        };
        let block = Block { header, transactions: Vec::new(), sidecar: Vec::new(), ethereum: None }.seal();
        let began = Instant::now();
        state.commit(CommitInput { block: &block, receipts: &[], diff, update }).expect("the block is the next");
        Times { root, commit: began.elapsed() }
    }

    fn state(&self) -> &ChainState {
        self.state.as_ref().expect("it is open but for the moment of opening it again")
    }
}

fn open(folder: &Path, options: StateOptions) -> ChainState {
    ChainState::open(folder, options).expect("the folder is ours and sound")
}
