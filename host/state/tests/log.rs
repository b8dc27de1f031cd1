//! The block log: what a torn end is, what damage is, and who may open it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_primitives::B256;
use caldera_state::{Blame, BlockLog, ChainState, HeadRecord, LogError, StateError};
use common::{MEMORY, commit, commit_many, open, wide_diff};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn log_file(dir: &Path) -> PathBuf {
    dir.join("blocks.log")
}

/// A log of four blocks: its bytes, where each record begins (and the last ends), and the heads.
fn four_blocks() -> (Vec<u8>, Vec<usize>, Vec<HeadRecord>) {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), MEMORY);
    let mut bounds = vec![fs::metadata(log_file(dir.path())).unwrap().len() as usize];
    let mut heads = Vec::new();
    for n in 0..4 {
        heads.push(commit(&state, &wide_diff(n, n * 3, 5)));
        bounds.push(fs::metadata(log_file(dir.path())).unwrap().len() as usize);
    }
    (fs::read(log_file(dir.path())).unwrap(), bounds, heads)
}

fn hashes(dir: &Path) -> Vec<B256> {
    BlockLog::read(dir).unwrap().map(|block| block.unwrap().hash()).collect()
}

/// This log opens with its first `whole` blocks, keeps what was cut aside, and goes on.
fn check_torn(log: &[u8], whole: usize, bounds: &[usize], heads: &[HeadRecord]) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(log_file(dir.path()), log).unwrap();
    let expected: Vec<_> = heads[..whole].iter().map(|head| head.hash).collect();
    assert_eq!(hashes(dir.path()), expected, "a reader stops at the torn end");
    let state = open(dir.path(), MEMORY);
    assert_eq!(state.log_height(), (whole as u64).checked_sub(1));
    assert_eq!(fs::read(log_file(dir.path())).unwrap(), log[..bounds[whole]]);
    let kept = dir.path().join(format!("blocks.log.torn-{}", bounds[whole]));
    let cut = &log[bounds[whole]..];
    assert_eq!(fs::read(kept).unwrap_or_default(), cut);

    // The log goes on: replayed from a fresh state, then one block more.
    let replayed = commit_many(&state, whole as u64);
    assert_eq!(replayed, heads[..whole]);
    let next = commit(&state, &wide_diff(9, 9, 9));
    drop(state);
    assert_eq!(open(dir.path(), MEMORY).log_height(), Some(whole as u64));
    assert_eq!(hashes(dir.path()).last(), Some(&next.hash));
}

/// This log does not open: damage at the record that begins at `offset`. Nothing on disk changes.
fn check_damaged(log: &[u8], offset: usize) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(log_file(dir.path()), log).unwrap();
    let error = ChainState::open(dir.path(), MEMORY).unwrap_err();
    assert_eq!(error.blame(), Blame::Data);
    assert!(matches!(error, StateError::Log(LogError::Damaged { offset: at, .. }) if at == offset as u64), "{error}");
    assert_eq!(fs::read(log_file(dir.path())).unwrap(), log);
    assert!(BlockLog::read(dir.path()).unwrap().any(|block| block.is_err()), "a reader says it too, then stops");
}

#[test]
fn a_last_record_cut_at_any_byte_is_torn() {
    let (log, bounds, heads) = four_blocks();
    for end in bounds[3]..bounds[4] {
        check_torn(&log[..end], 3, &bounds, &heads);
    }
    check_torn(&log, 4, &bounds, &heads);
    check_torn(&log[..bounds[0]], 0, &bounds, &heads);
}

#[test]
fn a_last_record_wrong_at_any_byte_is_torn() {
    let (log, bounds, heads) = four_blocks();
    for at in bounds[3]..bounds[4] {
        let mut log = log.clone();
        log[at] ^= 0x40;
        check_torn(&log, 3, &bounds, &heads);
    }
}

#[test]
fn pages_that_never_reached_the_disk_are_torn() {
    let (log, bounds, heads) = four_blocks();
    for hole in
        [bounds[3]..bounds[3] + 12, bounds[3]..bounds[4], bounds[4] - 20..bounds[4], bounds[3] + 6..bounds[3] + 50]
    {
        let mut log = log.clone();
        log[hole].fill(0);
        check_torn(&log, 3, &bounds, &heads);
    }
    let longer = [log.as_slice(), &[0; 4096]].concat();
    check_torn(&longer, 4, &bounds, &heads);
}

#[test]
fn a_record_in_the_middle_wrong_at_any_byte_is_damage() {
    let (log, bounds, _) = four_blocks();
    for record in [0, 1, 2] {
        for at in bounds[record]..bounds[record + 1] {
            let mut log = log.clone();
            log[at] ^= 0x01;
            check_damaged(&log, bounds[record]);
        }
    }
}

#[test]
fn a_record_missing_or_doubled_is_damage() {
    let (log, bounds, _) = four_blocks();
    let record = |n: usize| &log[bounds[n]..bounds[n + 1]];
    let start = &log[..bounds[0]];
    check_damaged(&[start, record(0), record(2), record(3)].concat(), bounds[1]);
    check_damaged(&[start, record(0), record(1), record(1)].concat(), bounds[2]);
    check_damaged(&[start, record(1)].concat(), bounds[0]);
}

#[test]
fn other_files_are_refused_by_name() {
    for bytes in [b"".as_slice(), b"CALDBLKS", b"CALDBLKS\0\0\0\x02", b"something else entirely"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(log_file(dir.path()), bytes).unwrap();
        let error = ChainState::open(dir.path(), MEMORY).unwrap_err();
        assert!(matches!(error, StateError::Log(LogError::NotALog(_))), "{error}");
    }
}

#[test]
fn a_folder_has_one_owner_but_any_reader() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path(), MEMORY);
    let heads = commit_many(&state, 3);
    let error = ChainState::open(dir.path(), MEMORY).unwrap_err();
    assert_eq!(error.blame(), Blame::Environment);
    assert!(matches!(&error, StateError::FolderInUse(folder) if folder == dir.path()), "{error}");
    let expected: Vec<_> = heads.iter().map(|head| head.hash).collect();
    assert_eq!(hashes(dir.path()), expected);
    assert_eq!(hashes(&log_file(dir.path())), expected);
    drop(state);
    open(dir.path(), MEMORY);
}
