//! Crashes and damage: nothing that was acknowledged is lost, and what can be rebuilt is rebuilt from the log.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_primitives::{Address, Bytes, U256};
use caldera_state::{
    Batch, Blame, ChainState, CommitInput, HeadRecord, History, MemoryStore, MemoryView, StateDiff, StateError,
    StateOptions, StateView as _, Store, StoreError,
};
use common::{
    Body, DISK, MEMORY, ON_DISK, commit, commit_many, limit_files, next_block, open, open_store, store_dir, try_commit,
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

/// Executes the logged blocks above the head again: the n-th has `wide_diff(n, 3n, 5)`, as in `commit_many`.
fn replay(state: &ChainState) {
    catch_up(state, |n| wide_diff(n, n * 3, 5)).unwrap();
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
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().contains(".damaged-")).collect()
}

/// Whatever happened to the store of a chain's folder, the chain comes back from its log.
fn check_rebuilt(options: StateOptions, damage: impl Fn(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let expected = commit_many(&open(dir.path(), options), 12);
    damage(dir.path());
    let state = open(dir.path(), options);
    assert_eq!(moved_aside(dir.path()).len(), 1, "the damaged store was moved aside");
    assert_eq!((state.head(), state.log_height()), (None, Some(11)));
    replay(&state);
    assert_eq!(state.head(), expected.last().copied());
    drop(state);
    assert_eq!(open(dir.path(), options).head(), expected.last().copied(), "the rebuilt store is sound");
}

/// A database notices some damage, panics at some, goes back some blocks at some, and at some opens with entries missing.
/// In the end the chain is what it was.
#[test]
fn a_store_damaged_anywhere_is_rebuilt() {
    ON_DISK.into_iter().for_each(|options| check_damage(options, 40));
}

/// Opens with damage in the middle of one file after another, and executes the log again where it has to.
fn check_damage(options: StateOptions, places: usize) {
    let diff = |n: u64| wide_diff(n, n % 7 * 100, 150);
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), options);
    let expected = (0..40).map(|n| commit(&state, &diff(n))).last();
    drop(state);
    // Dropping a database is not the end of its writing.
    open(dir.path(), options);
    for place in 0..places {
        let files = files(&store_dir(dir.path(), options));
        let file = &files[place % files.len()];
        overwrite(file, |bytes| {
            let at = bytes.len() / places * place + 17 * place;
            let end = bytes.len().min(at + 200 + at % 3000);
            bytes.get_mut(at..end).unwrap_or_default().fill(0xa5);
        });
        let mut state = open(dir.path(), options);
        assert_eq!(state.log_height(), Some(39));
        // What opening did not see is met on the way: then the next opening rebuilds.
        if let Err(error) = catch_up(&state, diff) {
            assert_eq!(error.blame(), Blame::Data, "{error}");
            drop(state);
            state = open(dir.path(), options);
            assert_eq!(state.head(), None, "after {error}");
            catch_up(&state, diff).unwrap();
        }
        assert_eq!(state.head(), expected);
    }
    // A small damage may cost nothing: a database keeps old copies of what it has written since. This one takes all.
    for file in files(&store_dir(dir.path(), options)) {
        overwrite(&file, |bytes| bytes.fill(0xa5));
    }
    let state = open(dir.path(), options);
    assert_eq!(state.head(), None, "{:?}", options.backend);
    catch_up(&state, diff).unwrap();
    assert_eq!(state.head(), expected);
}

/// Executes the logged blocks above the head again.
fn catch_up(state: &ChainState, diff: impl Fn(u64) -> StateDiff) -> Result<(), StateError> {
    for block in state.replay() {
        let block = block?;
        let diff = diff(block.header.number);
        let update = state.root_after(state.head().map_or(0, |head| head.number), state.state_root(), &diff)?;
        state.commit(CommitInput { block: &block, receipts: &[], diff: &diff, update })?;
    }
    Ok(())
}

/// All files below a folder, in the order of their names.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Takes one entry out of a closed store, as sled was seen to do when it opens a damaged file.
fn remove_entry(dir: &Path, options: StateOptions, key: &[u8]) {
    let store = open_store(dir, options);
    let mut batch = Batch::default();
    batch.remove(key);
    store.commit(batch).unwrap();
    store.flush().unwrap();
}

/// Reads everything that the last blocks of `commit_many` left; what is read must be right.
fn read_all(state: &ChainState, expected: &MemoryView) -> Result<(), StateError> {
    for address in (0..10).map(Address::with_last_byte) {
        assert_eq!(state.flat().account(address)?, expected.account(address)?);
        assert_eq!(
            state.at_block(state.head().unwrap().number, state.state_root())?.account(address)?,
            expected.account(address)?
        );
        for (slot, word) in expected.slots(address) {
            assert_eq!(state.flat().storage(address, *slot)?, *word);
        }
    }
    let blocks = state.head().map_or(0, |head| head.number + 1);
    for number in 0..blocks {
        let (hash, header) = state.header(number)?.unwrap();
        assert_eq!(state.block(number)?.unwrap().hash(), hash);
        state.at_block(number, header.state_root)?;
        assert!(state.receipts(number)?.is_some());
    }
    Ok(())
}

/// Any entry may be missing without the database saying so. No answer is wrong for it: either the store is not opened, or
/// the reader gets an error and the store is not opened the next time, or nothing that is read needs the entry.
#[test]
fn a_store_that_misses_any_one_entry_never_answers_wrongly() {
    ON_DISK.into_iter().for_each(check_misses);
}

fn check_misses(options: StateOptions) {
    let mut model = MemoryView::default();
    (0..6).for_each(|n| model.apply(&wide_diff(n, n * 3, 5)));
    let dir = tempfile::tempdir().unwrap();
    let expected = commit_many(&open(dir.path(), options), 6);
    let store = open_store(dir.path(), options);
    let keys: Vec<_> = store.scan(b"").map(|entry| entry.unwrap().0).collect();
    drop(store);
    let (mut at_open, mut at_read, mut unread) = (0, 0, 0);
    for key in &keys {
        remove_entry(dir.path(), options, key);
        let state = open(dir.path(), options);
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
                fs::write(store_dir(dir.path(), options).join("damaged"), b"").unwrap();
            }
        }
        let state = open(dir.path(), options);
        replay(&state);
        assert_eq!(state.head(), expected.last().copied());
        read_all(&state, &model).unwrap();
    }
    assert!(at_open > 0 && unread > 0, "{at_open} {at_read} {unread}");
    println!(
        "{:?}: of {} entries: {at_open} missed at opening, {at_read} at reading, {unread} not needed",
        options.backend,
        keys.len()
    );
}

/// Where the nodes below a node lie is covered by no hash.
#[test]
fn a_node_that_does_not_say_where_others_lie_is_damage() {
    let history = History::Blocks(100.try_into().unwrap());
    for options in ON_DISK.map(|options| StateOptions { history, ..options }) {
        let dir = tempfile::tempdir().unwrap();
        let heads = commit_many(&open(dir.path(), options), 6);
        let keys: Vec<_> = open_store(dir.path(), options).scan(b"T").map(|entry| entry.unwrap().0).collect();
        let mut at_read = 0;
        for key in keys.iter().step_by(3) {
            let store = open_store(dir.path(), options);
            let mut batch = Batch::default();
            batch.put(key, [&store.get(key).unwrap().unwrap()[..], &[0xff]].concat());
            store.commit(batch).unwrap();
            store.flush().unwrap();
            drop(store);
            let mut state = open(dir.path(), options);
            if state.head().is_some() {
                at_read += 1;
                let error = heads.iter().find_map(|head| read_state(&state, *head).err()).unwrap();
                assert_eq!(error.blame(), Blame::Data);
                drop(state);
                state = open(dir.path(), options);
            }
            assert_eq!(state.head(), None, "it is made again from the log");
            replay(&state);
        }
        assert!(at_read > 0);
    }
}

/// Reads all accounts of a state, and the slots that it may have.
fn read_state(state: &ChainState, head: HeadRecord) -> Result<(), StateError> {
    let view = state.at_block(head.number, head.state_root)?;
    for address in (0..10).map(Address::with_last_byte) {
        view.account(address)?;
        (0..30).try_for_each(|slot| view.storage(address, U256::from(slot)).map(drop))?;
    }
    Ok(())
}

#[test]
fn a_store_with_damaged_settings_is_rebuilt() {
    check_rebuilt(DISK, |dir| overwrite(&dir.join("store/conf"), |bytes| bytes.fill(b'?')));
}

#[test]
fn a_store_that_was_marked_damaged_while_in_use_is_rebuilt() {
    for options in ON_DISK {
        check_rebuilt(options, |dir| fs::write(store_dir(dir, options).join("damaged"), b"").unwrap());
    }
}

#[test]
fn a_store_whose_head_record_is_damaged_is_rebuilt() {
    for options in ON_DISK {
        check_rebuilt(options, |dir| {
            let store = open_store(dir, options);
            let mut head = store.get(b"H").unwrap().unwrap().to_vec();
            head[20] ^= 1;
            let mut batch = Batch::default();
            batch.put("H", head);
            store.commit(batch).unwrap();
            store.flush().unwrap();
        });
    }
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
