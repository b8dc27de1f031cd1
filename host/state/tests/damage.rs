//! Damage: what a database lost or what was changed in its files is noticed, and rebuilt from the log.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_primitives::{Address, U256};
use caldera_state::{
    Batch, Blame, ChainState, HeadRecord, History, MemoryView, StateError, StateOptions, StateView as _,
};
use common::{
    DISK, MEMORY, ON_DISK, catch_up, commit, commit_many, files, moved_aside, open, open_store, replay, store_dir,
    wide_diff,
};
use std::{fs, path::Path};

fn overwrite(path: &Path, with: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    with(&mut bytes);
    fs::write(path, bytes).unwrap();
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
