//! A snapshot begins a chain that goes on as the first one does; one that was changed anywhere begins none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_primitives::{Address, B256, U256};
use caldera_state::{
    Blame, ChainState, FRAME_HEAD_BYTES, FrameHead, HeadRecord, History, SnapshotError, SnapshotInfo, StateError,
    StateOptions, StateView as _, export_snapshot, import_snapshot,
};
use caldera_types::Component;
use common::{Body, DISK, FJALL, commit, open, replay, store_dir, try_commit, wide_diff};
use std::{
    fs,
    path::{Path, PathBuf},
};

const BLOCKS: u64 = 300;

fn component() -> Component {
    Component::new(vec![3; 100_000]).unwrap()
}

/// A chain of [`BLOCKS`] blocks, the third of which brought a component, closed.
fn chain(options: StateOptions) -> (tempfile::TempDir, Vec<HeadRecord>) {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), options);
    let heads = (0..BLOCKS).map(|n| {
        let sidecar = if n == 3 { vec![component()] } else { Vec::new() };
        try_commit(&state, &wide_diff(n, n * 3, 5), &Body { sidecar, ..Body::default() }).unwrap()
    });
    let heads = heads.collect();
    drop(state);
    (dir, heads)
}

fn export(dir: &Path, options: StateOptions, block: Option<u64>, out: &Path) -> Result<SnapshotInfo, StateError> {
    export_snapshot(dir, options, block, out, &mut |_| {})
}

fn import(file: &Path, dir: &Path, options: StateOptions) -> Result<SnapshotInfo, StateError> {
    import_snapshot(file, dir, options, None, &mut |_| {})
}

fn check_begun(state: &ChainState, base: u64, heads: &[HeadRecord]) {
    let head = heads[base as usize];
    assert_eq!((state.first_block(), state.first_state()), (base, base));
    assert_eq!(state.genesis_hash().unwrap(), Some(heads[0].hash));
    assert_eq!(state.block(base).unwrap().unwrap().hash(), head.hash);
    assert_eq!(state.receipts(base).unwrap().unwrap(), []);
    assert_eq!(state.component(component().digest()).unwrap(), Some(component()));
    for number in [0, base - 1] {
        let refused: [StateError; 4] = [
            state.block(number).unwrap_err(),
            state.header(number).unwrap_err(),
            state.receipts(number).unwrap_err(),
            state.at_block(number, heads[number as usize].state_root).unwrap_err(),
        ];
        for error in refused {
            let named = matches!(error, StateError::BlockNotKept { number: n, first } | StateError::StateNotKept { number: n, first } if (n, first) == (number, base));
            assert!(named, "{error}");
        }
    }
    // What a transaction may ask for.
    for number in base.saturating_sub(256)..base {
        assert_eq!(state.flat().block_hash(number).unwrap(), heads[number as usize].hash);
    }
    let slot = U256::from(base * 3);
    let address = Address::with_last_byte((base * 3 % 10) as u8);
    assert_eq!(
        state.at_block(head.number, head.state_root).unwrap().storage(address, slot).unwrap() >> 64,
        U256::from(base + 1)
    );
    let audit = state.audit(&mut |_| {}).unwrap();
    assert_eq!((audit.findings, audit.blocks), (Vec::new(), state.head().unwrap().number - base + 1));
}

#[test]
fn a_chain_goes_on_from_a_snapshot() {
    for (from, to, base) in [(DISK, FJALL, None), (FJALL, DISK, Some(280)), (DISK, DISK, Some(5))] {
        let (dir, heads) = chain(from);
        let folder = tempfile::tempdir().unwrap();
        let (file, fresh) = (folder.path().join("file"), folder.path().join("fresh"));
        let wrote = export(dir.path(), from, base, &file).unwrap();
        let base = base.unwrap_or(BLOCKS - 1);
        let head = heads[base as usize];
        assert_eq!(
            (wrote.number, wrote.hash, wrote.state_root, wrote.components),
            (base, head.hash, head.state_root, 1)
        );
        assert_eq!(wrote.bytes, fs::metadata(&file).unwrap().len());
        assert_eq!(import(&file, &fresh, to).unwrap(), wrote);
        let state = open(&fresh, to);
        assert_eq!(state.head(), Some(head));
        check_begun(&state, base, &heads);
        for number in base + 1..BLOCKS {
            assert_eq!(commit(&state, &wide_diff(number, number * 3, 5)), heads[number as usize]);
        }
        check_begun(&state, base, &heads);
        drop(state);
        // With its store gone, and in another database, it is made again from the snapshot and the log.
        fs::remove_dir_all(store_dir(&fresh, to)).unwrap();
        for options in [to, from] {
            let state = open(&fresh, options);
            replay(&state);
            assert_eq!(state.head(), heads.last().copied());
            check_begun(&state, base, &heads);
        }
        // A snapshot of that chain is what one of the first would be.
        let again = folder.path().join("again");
        assert_eq!(export(&fresh, from, None, &again).unwrap().state_root, heads.last().unwrap().state_root);
        let first = folder.path().join("first");
        export(dir.path(), from, None, &first).unwrap();
        assert!(fs::read(&again).unwrap() == fs::read(&first).unwrap());
    }
}

/// States are let go in a chain that was begun from a snapshot as in any other.
#[test]
fn it_may_let_states_go() {
    let (dir, heads) = chain(DISK);
    let folder = tempfile::tempdir().unwrap();
    let (file, fresh) = (folder.path().join("file"), folder.path().join("fresh"));
    export(dir.path(), DISK, None, &file).unwrap();
    let options = StateOptions { history: History::Blocks(10.try_into().unwrap()), behind_bytes: 1 << 20, ..DISK };
    import(&file, &fresh, options).unwrap();
    let state = open(&fresh, options);
    let began = std::time::Instant::now();
    for number in BLOCKS.. {
        commit(&state, &wide_diff(number, 0, 100));
        // Whoever writes as fast as the disk takes it is ahead of every sweep.
        std::thread::sleep(std::time::Duration::from_millis(if state.pruned().sweeping { 50 } else { 0 }));
        if state.pruned().sweeps > 0 {
            break;
        }
        assert!(
            began.elapsed().as_secs() < 60,
            "nothing is let go up to {number}: {:?}, from {}",
            state.pruned(),
            state.first_state()
        );
    }
    assert!(state.first_state() > BLOCKS);
    assert_eq!(state.first_block(), heads.last().unwrap().number);
    assert_eq!(state.audit(&mut |_| {}).unwrap().findings, []);
}

fn check_refused(folder: &Path, bytes: &[u8], what: &str) {
    let (file, fresh): (PathBuf, PathBuf) = (folder.join("changed"), folder.join("fresh"));
    fs::write(&file, bytes).unwrap();
    let error = import(&file, &fresh, DISK).expect_err(what);
    assert_eq!(error.blame(), Blame::Data, "{what}: {error}");
    assert!(!fresh.exists(), "{what}");
}

#[test]
fn one_that_was_changed_is_refused() {
    let (dir, _) = chain(DISK);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    export(dir.path(), DISK, None, &file).unwrap();
    let whole = fs::read(&file).unwrap();
    for place in (0..whole.len()).step_by(whole.len() / 40) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        check_refused(folder.path(), &bytes, &format!("byte {place}"));
        check_refused(folder.path(), &whole[..place], &format!("{place} bytes"));
    }
    // Whole records, with their checksums, that are missing or there twice.
    let mut records = vec![12];
    let mut rest = &whole[12..];
    while let Some((head, after)) = rest.split_first_chunk::<FRAME_HEAD_BYTES>() {
        rest = &after[FrameHead::decode(*head).unwrap().length as usize..];
        records.push(whole.len() - rest.len());
    }
    assert!(records.len() >= 5, "base, components, nodes, end");
    for pair in records.windows(2) {
        let (before, record, after) = (&whole[..pair[0]], &whole[pair[0]..pair[1]], &whole[pair[1]..]);
        check_refused(folder.path(), &[before, after].concat(), "a record is missing");
        check_refused(folder.path(), &[before, record, record, after].concat(), "a record is there twice");
    }
    // What was cut off in the middle leaves nothing that a later one would meet.
    import(&file, &folder.path().join("fresh"), DISK).unwrap();
}

#[test]
fn wrong_questions_have_their_errors() {
    let (dir, heads) = chain(DISK);
    let folder = tempfile::tempdir().unwrap();
    let (file, fresh) = (folder.path().join("file"), folder.path().join("fresh"));
    let error = export(dir.path(), DISK, Some(BLOCKS), &file).unwrap_err();
    assert!(matches!(error, StateError::Snapshot(SnapshotError::NoBlock(BLOCKS))), "{error}");
    let error = export(dir.path(), DISK, Some(0), &file).unwrap_err();
    assert!(matches!(error, StateError::Snapshot(SnapshotError::Genesis)), "{error}");
    export(dir.path(), DISK, None, &file).unwrap();
    let error = export(dir.path(), DISK, None, &file).unwrap_err();
    assert!(matches!(error, StateError::Snapshot(SnapshotError::NotFresh(_))), "{error}");
    let other = import_snapshot(&file, &fresh, DISK, Some(B256::ZERO), &mut |_| {}).unwrap_err();
    let last = heads.last().unwrap().hash;
    assert!(matches!(other, StateError::Snapshot(SnapshotError::OtherBlock { found, .. }) if found == last), "{other}");
    import_snapshot(&file, &fresh, DISK, Some(last), &mut |_| {}).unwrap();
    let error = import(&file, &fresh, DISK).unwrap_err();
    assert!(matches!(error, StateError::Snapshot(SnapshotError::NotFresh(_))), "{error}");
    let none = import(&folder.path().join("none"), &folder.path().join("other"), DISK).unwrap_err();
    assert_eq!(none.blame(), Blame::Environment, "{none}");
    // Without its snapshot a chain that has lost its store cannot be made again.
    fs::remove_dir_all(fresh.join("store")).unwrap();
    fs::remove_file(fresh.join("snapshot")).unwrap();
    let error = ChainState::open(&fresh, DISK).unwrap_err();
    assert!(error.to_string().contains("snapshot"), "{error}");
}

/// The file that a chain was begun from rots, and its store is lost: whoever starts the node again and again is told, and what was
/// filled in vain is not kept.
#[test]
fn a_snapshot_that_cannot_be_read_fills_no_disk() {
    for options in [DISK, FJALL] {
        let folder = tempfile::tempdir().unwrap();
        let (chain, file, fresh) =
            (folder.path().join("chain"), folder.path().join("file"), folder.path().join("fresh"));
        // More than goes into a store at once.
        let sidecar = vec![Component::new(vec![3; 1_500_000]).unwrap()];
        let state = open(&chain, options);
        commit(&state, &wide_diff(0, 0, 50));
        let head = try_commit(&state, &wide_diff(1, 0, 50), &Body { sidecar, ..Body::default() }).unwrap();
        drop(state);
        export(&chain, options, None, &file).unwrap();
        import(&file, &fresh, options).unwrap();
        fs::remove_dir_all(store_dir(&fresh, options)).unwrap();
        let whole = fs::read(fresh.join("snapshot")).unwrap();
        fs::write(fresh.join("snapshot"), &whole[..whole.len() - 1]).unwrap();
        let names = || {
            let names = fs::read_dir(&fresh).unwrap().map(|entry| entry.unwrap().file_name());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let mut left = None;
        for _ in 0..3 {
            let error = ChainState::open(&fresh, options).unwrap_err();
            assert!(matches!(error, StateError::Snapshot(SnapshotError::Damaged { .. })), "{error}");
            assert_eq!(*left.get_or_insert_with(names), names());
        }
        fs::write(fresh.join("snapshot"), whole).unwrap();
        assert_eq!(open(&fresh, options).head(), Some(head));
        assert_eq!(open(&fresh, options).head(), Some(head), "what was filled to its end stays");
        // Damage is kept, as that of any store.
        fs::write(store_dir(&fresh, options).join("damaged"), b"").unwrap();
        assert_eq!(open(&fresh, options).head(), Some(head));
        assert!(names().iter().any(|name| name.to_string_lossy().contains("damaged-1")));
    }
}
