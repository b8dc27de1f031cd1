//! The block log torn: cut, zeroed to its end or with one byte changed, at every boundary of a record, a byte before it, a byte
//! after it, and within records at random. With the store at the log's end, and with one that is half-way behind.

use std::fs;

use caldera_chain::ChainError;
use caldera_state::{FRAME_HEAD_BYTES, LogError, StateError};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::made::{LOG, LOG_HEADER, Made};

/// What happens to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tear {
    /// It ends there.
    Cut,
    /// From there on it is zeros.
    Zeroed,
    /// One byte is another.
    Flipped,
}

/// What must come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// So many whole blocks are left; what follows them is cut off.
    After(usize),
    /// The record that begins there is damaged, and others follow: refused.
    Damaged(usize),
    /// It is no log any more: refused.
    NoLog,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Places that were torn.
    pub places: u32,
    /// How often the tail was cut off and the chain went on from the blocks before it.
    pub cut: u32,
    /// How often the store was ahead of what was left: refused by name, then set aside and executed again.
    pub ahead: u32,
    /// How often it was refused by name, with every byte as it was.
    pub refused: u32,
}

/// Tears a chain's log at all those places.
pub fn tear(made: &Made, random: u64, seed: u64) -> [(Tear, Row); 3] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let len = made.log.len();
    let mut places: Vec<_> =
        made.records.iter().chain([&len]).flat_map(|record| [record - 1, *record, record + 1]).collect();
    // One within each record, and more at random.
    let ends = made.records[1..].iter().chain([&len]);
    places.extend(made.records.iter().zip(ends).map(|(from, to)| from + rng.next_u64() as usize % (to - from)));
    places.extend((0..random).map(|_| rng.next_u64() as usize % len));
    places.retain(|place| *place < len);
    [Tear::Cut, Tear::Zeroed, Tear::Flipped].map(|tear| {
        let mut row = Row::default();
        for place in &places {
            row.places += 1;
            for half in [false, true] {
                check(made, tear, *place, half, &mut row);
            }
        }
        (tear, row)
    })
}

fn check(made: &Made, tear: Tear, place: usize, half: bool, row: &mut Row) {
    let folder = made.copied(half);
    let log = folder.path().join(LOG);
    let torn = torn(&made.log, tear, place);
    fs::write(&log, &torn).expect("the folder takes files");
    let what = format!("{tear:?} at {place}, store at {}", made.stored(half));
    match ends(made, tear, &torn) {
        Ends::NoLog | Ends::Damaged(_) => {
            let error = made.open(folder.path()).err().expect(&what);
            match (&error, ends(made, tear, &torn)) {
                (ChainError::State(StateError::Log(LogError::NotALog(_))), Ends::NoLog) => {}
                (ChainError::State(StateError::Log(LogError::Damaged { offset, .. })), Ends::Damaged(at)) => {
                    assert_eq!(*offset, at as u64, "{what}");
                }
                _ => panic!("{what}: {error}"),
            }
            assert!(fs::read(&log).expect("it is there") == torn, "{what}: the log was changed");
            row.refused += 1;
        }
        Ends::After(blocks) => {
            let height = (blocks as u64).checked_sub(1);
            if height.is_none_or(|height| height < made.stored(half)) {
                let error = made.open(folder.path()).err().expect(&what);
                let ahead = |store, log| store == made.stored(half) && log == height;
                assert!(
                    matches!(error, ChainError::State(StateError::LogBehindStore { store, log }) if ahead(store, log)),
                    "{what}: {error}"
                );
                // What `caldera db repair` does: a decision of the operator's, since acknowledged blocks are gone.
                fs::remove_dir_all(made.store(folder.path())).expect("it can be removed");
                row.ahead += 1;
            } else {
                row.cut += 1;
            }
            made.is_whole(folder.path(), height.unwrap_or(0));
            kept(made, &folder, &torn, blocks, &what);
        }
    }
}

/// What was cut off lies beside the log.
fn kept(made: &Made, folder: &tempfile::TempDir, torn: &[u8], blocks: usize, what: &str) {
    let end = made.records.get(blocks).copied().unwrap_or(made.log.len());
    if torn.len() > end {
        let kept = folder.path().join(format!("{LOG}.torn-{end}"));
        assert!(fs::read(&kept).expect(what) == torn[end..], "{what}: what was cut off is another");
    }
}

fn torn(log: &[u8], tear: Tear, place: usize) -> Vec<u8> {
    let mut torn = log.to_vec();
    match tear {
        Tear::Cut => torn.truncate(place),
        Tear::Zeroed => torn[place..].fill(0),
        Tear::Flipped => torn[place] ^= 0x5a,
    }
    torn
}

/// What must come of a torn log: told by where it first differs and by the tear alone.
fn ends(made: &Made, tear: Tear, torn: &[u8]) -> Ends {
    let log = &made.log;
    let first = log.iter().zip(torn).position(|(a, b)| a != b).unwrap_or(torn.len());
    if first < LOG_HEADER {
        return Ends::NoLog;
    }
    let record = made.records.partition_point(|record| *record <= first) - 1;
    let (begins, last) = (made.records[record], record + 1 == made.records.len());
    if first == log.len() {
        return Ends::After(record + 1);
    }
    match tear {
        Tear::Cut => Ends::After(record),
        // A head that is none has no end: if no whole record follows, the log ends there.
        Tear::Zeroed if last || first < begins + FRAME_HEAD_BYTES => Ends::After(record),
        Tear::Flipped if last => Ends::After(record),
        // A record is written once the one before it is on the disk: this one was whole.
        Tear::Zeroed | Tear::Flipped => Ends::Damaged(begins),
    }
}
