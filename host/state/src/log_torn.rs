//! The torn end of a block log: told from damage, kept aside, cut off.

use alloy_consensus::Header;
use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    folder,
    frame::{FrameHead, HEAD_BYTES},
    log::LOG_FILE,
    log_scan::{Tip, decode_header},
};

/// Whether a later block of the log stands in `tail`, which begins with a record whose head is bad, and whose block would come
/// next at `tip`.
///
/// Not everything that looks like a record is one: a transaction of the bad record's own block may hold any bytes, other records
/// too. Its sender cannot know the hash of the block that they will be in, nor what follows them in the file. So it is a later
/// block if its parent is the block of the bad record, or if records that follow each other go on from it to the end of the file.
pub(crate) fn has_later_block(tail: &[u8], tip: Tip) -> bool {
    let own = tail.get(HEAD_BYTES..).and_then(|payload| decode_header(payload).ok());
    let own = own.filter(|header| tip.admits(header)).map(|header| header.hash_slow());
    let mut seen = BTreeSet::new();
    (1..tail.len()).any(|start| match Found::at(tail, start, tip.next) {
        Some(found) => Some(found.header.parent_hash) == own || found.runs_on(tail, tip.next, &mut seen),
        None => false,
    })
}

/// What looks like the record of a block.
struct Found {
    header: Header,
    /// Where it begins and ends in the tail.
    start: usize,
    end: usize,
}

impl Found {
    /// The record at `start`, if it is one of a block above a height.
    fn at(tail: &[u8], start: usize, above: u64) -> Option<Self> {
        let (head, rest) = tail.get(start..)?.split_first_chunk::<HEAD_BYTES>()?;
        let head = FrameHead::decode(*head)?;
        let payload = rest.get(..head.length as usize)?;
        // First, because it takes less than the checksum, and somebody may have made many heads.
        let header = decode_header(payload).ok().filter(|header| header.number > above)?;
        head.fits(payload).then(|| Self { header, start, end: start + HEAD_BYTES + payload.len() })
    }

    /// Whether records that follow each other go on from here to the end. Where they were `seen`, they do not.
    fn runs_on(self, tail: &[u8], above: u64, seen: &mut BTreeSet<usize>) -> bool {
        let mut here = self;
        while here.end < tail.len() {
            let Some(next) = here.header.number.checked_add(1) else { return false };
            let tip = Tip { first: 0, next, hash: here.header.hash_slow() };
            let follower = Self::at(tail, here.end, above).filter(|follower| tip.admits(&follower.header));
            match follower {
                Some(follower) if seen.insert(here.start) => here = follower,
                _ => return false,
            }
        }
        true
    }
}

/// Cuts the log in `dir` at `end`, once what stands there is in a file of its own, on the disk.
pub(crate) fn cut(dir: &Path, mut file: &File, end: u64) -> io::Result<()> {
    let mut torn = Vec::new();
    file.seek(SeekFrom::Start(end))?;
    file.read_to_end(&mut torn)?;
    if !torn.is_empty() {
        let kept = keep(dir, end, &torn)?;
        folder::sync(dir)?;
        tracing::error!(
            offset = end,
            bytes = torn.len(),
            kept = %kept.display(),
            "the last record of the block log is torn: it was never acknowledged or is damaged; cut off and kept aside"
        );
    }
    file.set_len(end)?;
    file.sync_all()
}

/// Puts what was torn into a file that was not there before, or that has the same: an earlier try may have ended after it.
fn keep(dir: &Path, end: u64, torn: &[u8]) -> io::Result<PathBuf> {
    for n in 1u32.. {
        let again = if n == 1 { String::new() } else { format!("-{n}") };
        let kept = dir.join(format!("{LOG_FILE}.torn-{end}{again}"));
        match OpenOptions::new().write(true).create_new(true).open(&kept) {
            Ok(mut file) => {
                // What is there in part is of no use to anybody, and takes space.
                let wrote = file.write_all(torn).and_then(|()| file.sync_all());
                return wrote.inspect_err(|_| drop(fs::remove_file(&kept))).map(|()| kept);
            }
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) if fs::read(&kept).is_ok_and(|there| there == torn) => return Ok(kept),
            Err(_) => {}
        }
    }
    Err(io::Error::other("all names for what is torn are taken"))
}
