//! The block log: what a torn end is, what damage is, and who may open it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes};
use caldera_state::{Blame, BlockLog, ChainState, FrameHead, HeadRecord, LogError, StateError};
use caldera_types::{Block, system_transaction};
use common::{Body, MEMORY, commit, commit_many, limit_files, open, receipt, try_commit, wide_diff};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
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

/// Records of blocks from this height on, as anybody can make them.
fn forged(heights: std::ops::Range<u64>) -> Vec<u8> {
    let (mut records, mut parent_hash) = (Vec::new(), B256::ZERO);
    for number in heights {
        let header = Header { number, parent_hash, ..Default::default() };
        let block = Block { header, transactions: Vec::new(), sidecar: Vec::new(), ethereum: None }.seal();
        parent_hash = block.hash();
        let payload = alloy_rlp::encode(&*block);
        records.extend(FrameHead::of(&payload).unwrap().encode());
        records.extend(payload);
    }
    records
}

/// A transaction with this calldata.
fn calling(input: &[u8]) -> Body {
    let transaction = system_transaction(1, 3, 5, Address::ZERO, Bytes::copy_from_slice(input));
    Body { transactions: vec![transaction], receipts: vec![receipt()], sidecar: Vec::new() }
}

/// A block may hold bytes that look like records. Torn, it is the end all the same, and before others it is damage.
#[test]
fn records_within_a_torn_record_are_none() {
    let other = four_blocks().0;
    for inside in [forged(3..4), forged(4..5), forged(4..9), forged(1 << 60..(1 << 60) + 3), other] {
        let dir = tempfile::tempdir().unwrap();
        let state = open(dir.path(), MEMORY);
        let mut heads = commit_many(&state, 3);
        let at = fs::metadata(log_file(dir.path())).unwrap().len() as usize;
        heads.push(try_commit(&state, &wide_diff(3, 9, 5), &calling(&inside)).unwrap());
        let log = fs::read(log_file(dir.path())).unwrap();
        assert!(log[at..].windows(inside.len()).any(|bytes| bytes == inside), "as it is");
        commit_many_after(&state);
        let longer = fs::read(log_file(dir.path())).unwrap();
        drop(state);
        // With its head, and with its block's header too.
        for hole in [at..at + 12, at..at + 200, at..at + 600] {
            let mut torn = log.clone();
            torn[hole.clone()].fill(0);
            check_torn(&torn, 3, &[0, 0, 0, at], &heads);
            let mut damaged = longer.clone();
            damaged[hole.clone()].fill(0);
            check_damaged(&damaged, at);
            // Where the end is torn too, what comes after it is known by its parent.
            if hole.len() == 12 {
                check_damaged(&damaged[..damaged.len() - 7], at);
            }
        }
    }
}

/// Two blocks more.
fn commit_many_after(state: &ChainState) {
    for n in 4..6 {
        commit(state, &wide_diff(n, n * 3, 5));
    }
}

#[test]
fn what_is_longer_than_a_record_is_not_torn() {
    let (log, bounds, _) = four_blocks();
    let dir = tempfile::tempdir().unwrap();
    fs::write(log_file(dir.path()), log).unwrap();
    let file = fs::OpenOptions::new().write(true).open(log_file(dir.path())).unwrap();
    // None of it is on the disk, nor may it be in memory.
    file.set_len(1 << 50).or_else(|_| file.set_len(1 << 40)).unwrap();
    let error = ChainState::open(dir.path(), MEMORY).unwrap_err();
    let end = bounds[4] as u64;
    assert!(matches!(error, StateError::Log(LogError::Damaged { offset, .. }) if offset == end), "{error}");
}

#[test]
fn what_was_torn_before_is_not_written_over() {
    let (log, bounds, _) = four_blocks();
    let dir = tempfile::tempdir().unwrap();
    let mut torn = Vec::new();
    // The second is as the first, which was kept already.
    for byte in [1, 1, 2, 3] {
        torn.push(vec![byte; 100]);
        fs::write(log_file(dir.path()), [&log[..], &[byte; 100]].concat()).unwrap();
        assert_eq!(open(dir.path(), MEMORY).log_height(), Some(3));
    }
    let kept = |name: String| fs::read(dir.path().join(name)).unwrap_or_default();
    let name = format!("blocks.log.torn-{}", bounds[4]);
    assert_eq!(kept(name.clone()), torn[0]);
    assert_eq!(kept(format!("{name}-2")), torn[2]);
    assert_eq!(kept(format!("{name}-3")), torn[3]);
    assert_eq!(kept(format!("{name}-4")), Vec::<u8>::new());
}

const CHILD: &str = "CALDERA_TEST_TORN";

/// Not a test of its own: the process in which [`a_torn_end_waits_for_space`] fills the disk.
#[test]
fn torn_without_space() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let dir = Path::new(&dir);
    let (log, bounds, heads) = four_blocks();
    let torn = &log[..bounds[4] - 1];
    fs::write(log_file(dir), torn).unwrap();
    limit_files(Some(100));
    let state = open(dir, MEMORY);
    assert_eq!(state.log_height(), Some(2));
    // They are in the log, to which nothing is written.
    assert_eq!(commit_many(&state, 3), heads[..3]);
    for _ in 0..2 {
        let error = try_commit(&state, &wide_diff(3, 9, 5), &Body::default()).unwrap_err();
        assert!(error.may_pass(), "{error}");
        assert_eq!(fs::read(log_file(dir)).unwrap(), torn, "nothing is lost");
        assert_eq!(fs::read_dir(dir).unwrap().filter(|file| is_kept(file.as_ref().unwrap())).count(), 0);
    }
    limit_files(None);
    assert_eq!(commit(&state, &wide_diff(3, 9, 5)), heads[3]);
    assert_eq!(fs::read(log_file(dir)).unwrap(), log);
    assert_eq!(fs::read_dir(dir).unwrap().filter(|file| is_kept(file.as_ref().unwrap())).count(), 1);
    println!("went on");
}

fn is_kept(file: &fs::DirEntry) -> bool {
    file.file_name().to_string_lossy().contains(".torn-")
}

/// What is torn is kept aside first, and for that there may be no space. The chain opens, and waits.
#[test]
fn a_torn_end_waits_for_space() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "torn_without_space", "--nocapture"]).env(CHILD, dir.path());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("went on"), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
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
