//! Crashes and disks that take nothing more: nothing that was acknowledged is lost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_primitives::Bytes;
use caldera_state::{
    Batch, Blame, ChainState, CommitInput, HeadRecord, MemoryStore, StateError, StateOptions, Store, StoreError,
    maintain,
};
use common::{
    Body, MEMORY, ON_DISK, commit, commit_many, files, limit_files, moved_aside, next_block, open, replay, try_commit,
    wide_diff,
};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

/// A store that fails on its n-th act of writing.
struct Faulty {
    inner: Arc<MemoryStore>,
    acts_left: AtomicU32,
}

impl Faulty {
    fn act(&self) -> Result<(), StoreError> {
        let left = self.acts_left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        left.map(|_| ()).map_err(|_| StoreError::Io(std::io::Error::other("the disk is full")))
    }
}

impl Store for Faulty {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(key)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.act()?;
        self.inner.commit(batch)
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Box<dyn Iterator<Item = Result<(Vec<u8>, Bytes), StoreError>> + 'a> {
        self.inner.scan(prefix)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.act()
    }
}

/// The heads of a chain that nothing happened to.
fn undisturbed(count: u64) -> Vec<HeadRecord> {
    let dir = tempfile::tempdir().unwrap();
    commit_many(&open(dir.path(), MEMORY), count)
}

/// The process dies in the store's n-th act of writing, after the log's fsync: each commit is two acts, batch and flush.
#[test]
fn a_crash_between_log_and_store_loses_nothing() {
    let expected = undisturbed(6);
    for acts in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let inner = Arc::new(MemoryStore::default());
        let store = Arc::new(Faulty { inner: inner.clone(), acts_left: acts.into() });
        let state = ChainState::open_with(dir.path(), store, MEMORY).unwrap();
        let failed = (0..5).find(|n| try_commit(&state, &wide_diff(*n, n * 3, 5), &Body::default()).is_err()).unwrap();
        assert_eq!(failed, u64::from(acts / 2));
        assert_eq!(state.log_height(), Some(failed));
        assert_eq!(state.head().map(|head| head.number), failed.checked_sub(1), "a failed commit does not show");
        drop(state);

        let state = ChainState::open_with(dir.path(), inner, MEMORY).unwrap();
        assert_eq!(state.log_height(), Some(failed));
        replay(&state);
        assert_eq!(state.head(), Some(expected[failed as usize]));
        for n in failed + 1..6 {
            commit(&state, &wide_diff(n, n * 3, 5));
        }
        assert_eq!(state.head(), expected.last().copied());
    }
}

#[test]
fn after_a_failed_commit_only_the_same_block_can_follow() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Faulty { inner: Arc::default(), acts_left: 0.into() });
    let state = ChainState::open_with(dir.path(), store.clone(), MEMORY).unwrap();
    let diff = wide_diff(0, 0, 5);
    let (block, update) = next_block(&state, &diff, &Body::default());
    let commit = || state.commit(CommitInput { block: &block, receipts: &[], diff: &diff, update: update.clone() });
    assert_eq!(commit().unwrap_err().blame(), Blame::Environment);
    store.acts_left.store(100, SeqCst);
    let other = try_commit(&state, &wide_diff(1, 1, 1), &Body::default()).unwrap_err();
    assert!(matches!(other, StateError::LogDisagrees { number: 0, .. }), "{other}");
    assert_eq!(commit().unwrap().hash, block.hash());
}

/// Each database, once written with every block and once behind.
fn ways() -> impl Iterator<Item = StateOptions> {
    ON_DISK.into_iter().flat_map(|options| [options, StateOptions { behind_bytes: 64 << 10, ..options }])
}

const CHILD: &str = "CALDERA_TEST_CHILD";

/// Runs one of the tests below as a process of its own, in a folder and one of the [`ways`].
fn child(test: &str, dir: &Path, way: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let folder_and_way = format!("{way} {}", dir.display());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, folder_and_way).stdout(Stdio::piped());
    command
}

/// What such a process was told; none in a run of all tests.
fn told() -> Option<(PathBuf, StateOptions)> {
    let told = std::env::var(CHILD).ok()?;
    let (way, dir) = told.split_once(' ').unwrap();
    Some((dir.into(), ways().nth(way.parse().unwrap()).unwrap()))
}

/// Not a test of its own: the process that [`kill_9_loses_nothing_acknowledged`] kills.
#[test]
fn killed_writer() {
    let Some((dir, options)) = told() else { return };
    let state = open(&dir, options);
    replay(&state);
    for n in state.head().map_or(0, |head| head.number + 1).. {
        commit(&state, &wide_diff(n, n * 3, 5));
        println!("acknowledged {n}");
    }
}

#[test]
fn kill_9_loses_nothing_acknowledged() {
    for (way, options) in ways().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let mut acknowledged = 0;
        for round in 1..=6 {
            let mut child = child("killed_writer", dir.path(), way).spawn().unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let heights =
                lines.map_while(Result::ok).filter_map(|line| line.rsplit_once("acknowledged ")?.1.parse().ok());
            // Each round dies somewhere in the commit that follows its last acknowledged block.
            acknowledged = heights.take(5 + round * 3).last().unwrap_or(acknowledged);
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(acknowledged > 50, "the writer went on in every round");
        let state = open(dir.path(), options);
        replay(&state);
        let head = state.head().unwrap();
        assert!(head.number >= acknowledged, "{options:?}: {head:?} is below {acknowledged}");
        assert_eq!(moved_aside(dir.path()), Vec::<PathBuf>::new());
        assert_eq!(undisturbed(head.number + 1).last(), Some(&head));
    }
}

/// What twenty blocks leave in a store's longest file, with room to open the store again.
const JOURNAL_WRITTEN_AT_MOST: u64 = 6 << 20;

/// Not a test of its own: the process in which [`a_full_disk_stops_writes_until_there_is_space`] fills the disk.
#[test]
fn fills_the_disk() {
    let Some((dir, options)) = told() else { return };
    let state = open(&dir, options);
    let next = || state.head().map_or(0, |head| head.number + 1);
    let diff = |n: u64| wide_diff(n, n * 3, 5);
    commit_many(&state, 20);
    let longest = files(&dir).iter().map(|file| fs::metadata(file).unwrap().len()).max().unwrap();
    // fjall's journal is as long as it may become from the start, but not yet written.
    let longest = longest.min(JOURNAL_WRITTEN_AT_MOST);
    for files_end in [fs::metadata(dir.join("blocks.log")).unwrap().len() + 700, longest + 40_000] {
        limit_files(Some(files_end));
        let error = (0..100_000).find_map(|_| try_commit(&state, &diff(next()), &Body::default()).err()).unwrap();
        assert!(error.may_pass(), "{error}");
        assert_eq!(error.blame(), Blame::Environment);
        let (head, logged) = (state.head().unwrap(), state.log_height());
        assert!(state.block(head.number).unwrap().is_some(), "reading goes on");
        // A store that begins a new file has space again.
        match try_commit(&state, &diff(next()), &Body::default()) {
            Ok(next) => assert_eq!(next.number, head.number + 1),
            Err(error) => {
                assert!(error.may_pass(), "{error}");
                assert_eq!((state.head().unwrap(), state.log_height()), (head, logged), "nothing moves");
            }
        }
        limit_files(None);
        commit(&state, &diff(next()));
    }
    // What was on its way while there was no space may fail only now; the next block tries again.
    if state.flush().is_err() {
        commit(&state, &diff(next()));
        state.flush().unwrap();
    }
    println!("filled {}", state.head().unwrap().number);
}

/// Both what the log cannot take and what the store cannot take; afterwards the chain is one that nothing happened to.
#[test]
fn a_full_disk_stops_writes_until_there_is_space() {
    // Written behind, as nodes do: with every block the store's failure leaves its block in the log.
    for (way, options) in ways().enumerate().filter(|(_, options)| options.behind_bytes > 0) {
        let dir = tempfile::tempdir().unwrap();
        let output = child("fills_the_disk", dir.path(), way).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{options:?}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
        let last: u64 = text.lines().find_map(|line| line.rsplit_once("filled ")?.1.parse().ok()).unwrap();
        let state = open(dir.path(), options);
        assert_eq!((state.replay().count(), moved_aside(dir.path()).len()), (0, 0));
        assert_eq!(state.head(), undisturbed(last + 1).last().copied());
    }
}

/// Whoever removes a folder does not do so under who works in it.
#[test]
fn a_folder_goes_once_nobody_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let chain = dir.path().join("chain");
    let state = open(&chain, MEMORY);
    let head = commit(&state, &wide_diff(0, 0, 5));
    assert!(matches!(maintain::remove(&chain), Err(StateError::FolderInUse(_))));
    assert_eq!(state.block(0).unwrap().unwrap().hash(), head.hash);
    drop(state);
    maintain::remove(&chain).unwrap();
    assert!(!chain.exists());
}

/// A folder that cannot be written is refused by name, and nothing in it changes.
#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    for options in ON_DISK {
        let error = ChainState::open(&dir.path().join("file/chain"), options).unwrap_err();
        assert_eq!(error.blame(), Blame::Environment);
        assert!(matches!(&error, StateError::Io { action: "lock", .. }), "{error}");
    }
}
