//! Crashes and damage: nothing that was acknowledged is lost, and what can be rebuilt is rebuilt from the log.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_primitives::{Address, Bytes};
use caldera_state::{
    Batch, Blame, ChainState, CommitInput, HeadRecord, MemoryStore, MemoryView, StateError, StateView as _, Store,
    StoreError,
};
use common::{Body, DISK, MEMORY, commit, commit_many, next_block, open, try_commit, wide_diff};
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

/// Executes the logged blocks above the head again: the n-th has `wide_diff(n, 3n, 5)`, as in `commit_many`.
fn replay(state: &ChainState) {
    for block in state.replay() {
        let block = block.unwrap();
        let n = block.header.number;
        let diff = wide_diff(n, n * 3, 5);
        let update = state.root_after(state.state_root(), &diff).unwrap();
        state.commit(CommitInput { block: &block, receipts: &[], diff: &diff, update }).unwrap();
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

fn overwrite(path: &Path, with: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    with(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn moved_aside(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("store.damaged-")).collect()
}

/// Whatever happened to the store's files, the chain comes back from its log.
fn check_rebuilt(damage: impl Fn(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let expected = commit_many(&open(dir.path(), DISK), 12);
    damage(&dir.path().join("store"));
    let state = open(dir.path(), DISK);
    assert_eq!(moved_aside(dir.path()).len(), 1, "the damaged store was moved aside");
    assert_eq!((state.head(), state.log_height()), (None, Some(11)));
    replay(&state);
    assert_eq!(state.head(), expected.last().copied());
    drop(state);
    assert_eq!(open(dir.path(), DISK).head(), expected.last().copied(), "the rebuilt store is sound");
}

/// sled notices some of this damage, panics at some, goes back some blocks at some, and at some opens with entries
/// missing. In the end the chain is what it was.
#[test]
fn a_store_damaged_anywhere_is_rebuilt() {
    let diff = |n: u64| wide_diff(n, n % 7 * 100, 150);
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), DISK);
    let expected = (0..40).map(|n| commit(&state, &diff(n))).last();
    drop(state);
    // Dropping a sled database is not the end of its writing.
    open(dir.path(), DISK);
    let db = dir.path().join("store/db");
    let sound = fs::read(&db).unwrap();
    // A small damage may cost nothing: sled keeps old copies of what it has written since. The last one takes all.
    let mut rebuilt = 0;
    let places = (0..40).map(|n| sound.len() / 40 * n + 17 * n).map(|at| (at, 200 + at % 3000));
    for (at, length) in places.chain([(0, usize::MAX)]) {
        overwrite(&db, |bytes| {
            let end = bytes.len().min(at.saturating_add(length));
            bytes.get_mut(at..end).unwrap_or_default().fill(0xa5);
        });
        let state = open(dir.path(), DISK);
        assert_eq!(state.log_height(), Some(39));
        for block in state.replay() {
            let block = block.unwrap();
            rebuilt += 1;
            let diff = diff(block.header.number);
            let update = state.root_after(state.state_root(), &diff).unwrap();
            state.commit(CommitInput { block: &block, receipts: &[], diff: &diff, update }).unwrap();
        }
        assert_eq!(state.head(), expected);
        drop(state);
    }
    assert!(rebuilt >= 40, "{rebuilt} blocks were executed again");
}

/// Takes one entry out of a closed store, as sled was seen to do when it opens a damaged file.
fn remove_entry(dir: &Path, key: &[u8]) {
    let store = caldera_state::SledStore::open(&dir.join("store"), 1 << 20).unwrap();
    let mut batch = Batch::default();
    batch.remove(key);
    store.commit(batch).unwrap();
    store.flush().unwrap();
}

/// Reads everything that the last blocks of `commit_many` left; what is read must be right.
fn read_all(state: &ChainState, expected: &MemoryView) -> Result<(), StateError> {
    for address in (0..10).map(Address::with_last_byte) {
        assert_eq!(state.flat().account(address)?, expected.account(address)?);
        assert_eq!(state.at(state.state_root())?.account(address)?, expected.account(address)?);
        for (slot, word) in expected.slots(address) {
            assert_eq!(state.flat().storage(address, *slot)?, *word);
        }
    }
    let blocks = state.head().map_or(0, |head| head.number + 1);
    for number in 0..blocks {
        let (hash, _) = state.header(number)?.unwrap();
        assert_eq!(state.block(number)?.unwrap().hash(), hash);
        assert!(state.receipts(number)?.is_some());
    }
    Ok(())
}

/// Any entry may be missing without the database saying so. No answer is wrong for it: either the store is not opened, or
/// the reader gets an error and the store is not opened the next time, or nothing that is read needs the entry.
#[test]
fn a_store_that_misses_any_one_entry_never_answers_wrongly() {
    let mut model = MemoryView::default();
    (0..6).for_each(|n| model.apply(&wide_diff(n, n * 3, 5)));
    let dir = tempfile::tempdir().unwrap();
    let expected = commit_many(&open(dir.path(), DISK), 6);
    let store = caldera_state::SledStore::open(&dir.path().join("store"), 1 << 20).unwrap();
    let keys: Vec<_> = store.scan(b"").map(|entry| entry.unwrap().0).collect();
    drop(store);
    let (mut at_open, mut at_read, mut unread) = (0, 0, 0);
    for key in &keys {
        remove_entry(dir.path(), key);
        let state = open(dir.path(), DISK);
        let rebuilt = state.head().is_none();
        let read = if rebuilt { Ok(()) } else { read_all(&state, &model) };
        drop(state);
        match (rebuilt, read) {
            (true, _) => at_open += 1,
            (false, Err(error)) => {
                assert_eq!(error.blame(), Blame::Data);
                at_read += 1;
            }
            (false, Ok(())) => {
                // An older root's node, or an index that points to a block.
                unread += 1;
                assert!(matches!(key[0], b'T' | b'n'), "{key:?}");
                fs::write(dir.path().join("store/damaged"), b"").unwrap();
            }
        }
        let state = open(dir.path(), DISK);
        replay(&state);
        assert_eq!(state.head(), expected.last().copied());
        read_all(&state, &model).unwrap();
    }
    assert!(at_open > 0 && unread > 0, "{at_open} {at_read} {unread}");
    println!("of {} entries: {at_open} missed at opening, {at_read} at reading, {unread} not needed", keys.len());
}

#[test]
fn a_store_with_damaged_settings_is_rebuilt() {
    check_rebuilt(|store| overwrite(&store.join("conf"), |bytes| bytes.fill(b'?')));
}

#[test]
fn a_store_that_was_marked_damaged_while_in_use_is_rebuilt() {
    check_rebuilt(|store| fs::write(store.join("damaged"), b"").unwrap());
}

#[test]
fn a_store_whose_head_record_is_damaged_is_rebuilt() {
    check_rebuilt(|store| {
        let store = caldera_state::SledStore::open(store, 1 << 20).unwrap();
        let mut head = store.get(b"H").unwrap().unwrap().to_vec();
        head[20] ^= 1;
        let mut batch = Batch::default();
        batch.put("H", head);
        store.commit(batch).unwrap();
        store.flush().unwrap();
    });
}

#[test]
fn a_second_quarantine_finds_its_own_name() {
    let dir = tempfile::tempdir().unwrap();
    for times in 1..=3 {
        replay(&open(dir.path(), DISK));
        fs::write(dir.path().join("store/damaged"), b"").unwrap();
        open(dir.path(), DISK);
        assert_eq!(moved_aside(dir.path()).len(), times);
    }
}

#[test]
fn a_log_that_lost_blocks_or_belongs_elsewhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), DISK);
    commit_many(&state, 3);
    let log = dir.path().join("blocks.log");
    let three = fs::read(&log).unwrap();
    drop(state);

    let other = tempfile::tempdir().unwrap();
    commit(&open(other.path(), MEMORY), &wide_diff(7, 7, 7));
    fs::copy(other.path().join("blocks.log"), &log).unwrap();
    let error = ChainState::open(dir.path(), DISK).unwrap_err();
    assert!(matches!(error, StateError::LogBehindStore { store: 2, log: Some(0) }), "{error}");

    let state = open(other.path(), MEMORY);
    for n in 7..10 {
        commit(&state, &wide_diff(n, 7, 7));
    }
    fs::copy(other.path().join("blocks.log"), &log).unwrap();
    let error = ChainState::open(dir.path(), DISK).unwrap_err();
    assert!(matches!(error, StateError::LogDisagrees { number: 2, .. }), "{error}");
    assert_eq!(error.blame(), Blame::Data);

    fs::write(&log, three).unwrap();
    assert_eq!(open(dir.path(), DISK).head().unwrap().number, 2);
}

const CHILD_DIR: &str = "CALDERA_TEST_KILLED_WRITER";

/// Not a test of its own: the process that [`kill_9_loses_nothing_acknowledged`] kills.
#[test]
fn killed_writer() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let state = open(Path::new(&dir), DISK);
    replay(&state);
    for n in state.head().map_or(0, |head| head.number + 1).. {
        commit(&state, &wide_diff(n, n * 3, 5));
        println!("acknowledged {n}");
    }
}

#[test]
fn kill_9_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 1..=6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed_writer", "--nocapture"])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let heights = lines.map_while(Result::ok).filter_map(|line| line.rsplit_once("acknowledged ")?.1.parse().ok());
        // Each round dies somewhere in the commit that follows its last acknowledged block.
        acknowledged = heights.take(5 + round * 3).last().unwrap_or(acknowledged);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(acknowledged > 50, "the writer went on in every round");
    let state = open(dir.path(), DISK);
    replay(&state);
    let head = state.head().unwrap();
    assert!(head.number >= acknowledged, "{head:?} is below {acknowledged}");
    assert_eq!(moved_aside(dir.path()), Vec::<PathBuf>::new());
    assert_eq!(undisturbed(head.number + 1).last(), Some(&head));
}
