//! The block log: append-only, fsynced, the truth from which everything else can be rebuilt.
//!
//! Invariants: heights are 0, 1, 2, … without a gap (from a snapshot's height on in a chain that was begun from one), each block names its predecessor's hash; `append` returns after the
//! fsync; a reader sees whole blocks only. One process writes (the folder's lock sees to that) and any thread reads.

use alloy_primitives::B256;
use caldera_types::SealedBlock;
use parking_lot::RwLock;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::{
    folder,
    frame::{FILE_HEADER, FrameHead, HEAD_BYTES, base_header},
    log_error::LogError,
    log_scan::{BlockReader, Record, Scanner, Tip, decode_block},
    log_torn,
};

/// The log's name in its folder.
pub(crate) const LOG_FILE: &str = "blocks.log";

/// A chain's block log, open for writing.
#[derive(Debug)]
pub struct BlockLog {
    dir: PathBuf,
    path: PathBuf,
    file: File,
    index: RwLock<Index>,
}

/// What is known of the file: grows by one block at a time, after that block's fsync.
#[derive(Debug)]
struct Index {
    /// Where the record of each height begins.
    offsets: Vec<u64>,
    /// Where the next record goes.
    end: u64,
    tip: Tip,
    /// Something that is no record stands there, for want of space to keep it aside.
    torn: bool,
    /// A write failed and could not be undone for certain.
    poisoned: bool,
}

impl Index {
    /// Where the record of a height begins.
    fn offset(&self, height: u64) -> Option<u64> {
        let place = height.checked_sub(self.tip.first)?;
        usize::try_from(place).ok().and_then(|place| self.offsets.get(place)).copied()
    }
}

impl BlockLog {
    /// The blocks of the log at `path`, a file or a chain's folder, from block 0. Nothing is locked or changed, so it
    /// also works on another node's log, even while that one writes.
    pub fn read(path: &Path) -> Result<BlockReader, LogError> {
        let file = if path.is_dir() { path.join(LOG_FILE) } else { path.to_owned() };
        BlockReader::open(&file)
    }

    /// Opens or makes the log in `dir`; the caller holds the folder's lock. A torn last record is cut off, and kept in a
    /// file beside the log; without space for that it is left, until the next block comes.
    pub(crate) fn open(dir: &Path) -> Result<Self, LogError> {
        Self::open_and(dir, true)
    }

    /// The same without making or cutting anything: a torn end is left where it is.
    pub(crate) fn open_as_is(dir: &Path) -> Result<Self, LogError> {
        Self::open_and(dir, false)
    }

    fn open_and(dir: &Path, mend: bool) -> Result<Self, LogError> {
        let path = dir.join(LOG_FILE);
        let io = |action| {
            let path = path.clone();
            move |source| LogError::Io { action, path, source }
        };
        if mend && !path.exists() {
            create(dir, &path, &FILE_HEADER).map_err(io("make"))?;
        }
        let mut scanner = Scanner::open(&path)?;
        let mut offsets = Vec::new();
        while let Some(record) = scanner.next()? {
            offsets.push(record.offset);
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(io("open"))?;
        let (end, torn) = (scanner.at(), scanner.is_torn());
        let index = Index { offsets, end, tip: scanner.tip(), torn, poisoned: !mend };
        let log = Self { dir: dir.to_owned(), path, file, index: RwLock::new(index) };
        if mend {
            match log.mend(&mut log.index.write()) {
                Err(error) if error.may_pass() => tracing::error!(%error, "the torn end stays until there is space"),
                mended => mended?,
            }
        }
        Ok(log)
    }

    /// Cuts off what is torn, if something is.
    fn mend(&self, index: &mut Index) -> Result<(), LogError> {
        if index.torn {
            let failed = |source| LogError::Io { action: "cut the torn end of", path: self.path.clone(), source };
            log_torn::cut(&self.dir, &self.file, index.end).map_err(failed)?;
            index.torn = false;
        }
        Ok(())
    }

    /// Appends the block after the last one and returns once it is on disk.
    pub(crate) fn append(&self, block: &SealedBlock) -> Result<(), LogError> {
        let mut index = self.index.write();
        if index.poisoned {
            return Err(LogError::Poisoned(self.path.clone()));
        }
        let number = block.header.number;
        let Tip { next: expected, hash: parent, .. } = index.tip;
        if !index.tip.admits(&block.header) {
            return Err(LogError::NotNext { number, expected, parent });
        }
        let payload = alloy_rlp::encode(&**block);
        let head = FrameHead::of(&payload).ok_or(LogError::TooLong { number, bytes: payload.len() })?;
        self.mend(&mut index)?;
        let record = [head.encode().as_slice(), &payload].concat();
        let failed = |source| LogError::Io { action: "write", path: self.path.clone(), source };
        if let Err(source) = self.file.write_all_at(&record, index.end) {
            // Everything up to `end` was fsynced. With the remains cut off, and that on disk, the log is what it was, and
            // may be tried again when there is space.
            let cut = self.file.set_len(index.end).and_then(|()| self.file.sync_all());
            index.poisoned = cut.is_err();
            return Err(failed(source));
        }
        if let Err(source) = self.file.sync_data() {
            // After a failed fsync nobody can say what is on disk, so nothing more is written before the log is read
            // again. Cutting the record off spares that reading a warning; it may fail too.
            index.poisoned = true;
            let _ = self.file.set_len(index.end);
            return Err(failed(source));
        }
        let offset = index.end;
        index.offsets.push(offset);
        index.end += record.len() as u64;
        index.tip = Tip { next: expected + 1, hash: block.hash(), ..index.tip };
        Ok(())
    }

    /// Takes back the blocks above `number`, whose hash is `hash`, and returns once that is on disk. Who dies in between
    /// finds all of them or none: the file's length changes at once.
    pub(crate) fn cut_back(&self, number: u64, hash: B256) -> Result<(), LogError> {
        let mut index = self.index.write();
        if index.poisoned {
            return Err(LogError::Poisoned(self.path.clone()));
        }
        let Some(place) = number.checked_sub(index.tip.first) else { return Ok(()) };
        let kept = usize::try_from(place).map_or(usize::MAX, |place| place.saturating_add(1));
        let Some(end) = index.offsets.get(kept).copied() else { return Ok(()) };
        self.mend(&mut index)?;
        let failed = |source| LogError::Io { action: "cut back", path: self.path.clone(), source };
        self.file.set_len(end).map_err(failed)?;
        index.offsets.truncate(kept);
        (index.end, index.tip) = (end, Tip { next: number + 1, hash, ..index.tip });
        // As after a failed write: nobody can say how long the file on disk is.
        index.poisoned = true;
        self.file.sync_all().map_err(failed)?;
        index.poisoned = false;
        Ok(())
    }

    /// Height of the last block.
    pub(crate) fn height(&self) -> Option<u64> {
        self.index.read().tip.height()
    }

    /// Height of the first block that is in it, or would be.
    pub(crate) fn first(&self) -> u64 {
        self.index.read().tip.first
    }

    /// Makes the log of a chain that begins with a snapshot's block.
    pub(crate) fn begin(dir: &Path, block: &SealedBlock) -> Result<(), LogError> {
        let number = block.header.number;
        let path = dir.join(LOG_FILE);
        let failed = |source| LogError::Io { action: "make", path: path.clone(), source };
        create(dir, &path, &base_header(number)).map_err(failed)?;
        Self::open(dir)?.append(block)
    }

    /// How long the records of these blocks are together, in bytes; of blocks that are not there, nothing.
    pub(crate) fn bytes_of(&self, blocks: std::ops::Range<u64>) -> u64 {
        let index = self.index.read();
        let at = |height| index.offset(height).unwrap_or(index.end);
        at(blocks.end).saturating_sub(at(blocks.start))
    }

    /// The block at `number`.
    pub(crate) fn block(&self, number: u64) -> Result<Option<SealedBlock>, LogError> {
        let (offset, end) = {
            let index = self.index.read();
            let Some(offset) = index.offset(number) else { return Ok(None) };
            (offset, index.offset(number + 1).unwrap_or(index.end))
        };
        // Records end where the next begins, so both differences are the lengths that were written.
        let mut record = vec![0; (end - offset) as usize];
        let io = |source| LogError::Io { action: "read", path: self.path.clone(), source };
        self.file.read_exact_at(&mut record, offset).map_err(io)?;
        let damaged =
            || LogError::Damaged { path: self.path.clone(), offset, what: "a record changed after it was read".into() };
        let (head, payload) = record.split_first_chunk::<HEAD_BYTES>().ok_or_else(damaged)?;
        let head = FrameHead::decode(*head).filter(|head| head.fits(payload)).ok_or_else(damaged)?;
        debug_assert_eq!(head.length as usize, payload.len());
        decode_block(&self.path, &Record { offset, payload: payload.to_vec() }).map(Some)
    }

    /// The blocks from `height` to what is then the end.
    pub(crate) fn iter_from(&self, height: u64) -> LoggedBlocks<'_> {
        LoggedBlocks { log: self, next: height }
    }
}

/// Blocks of an open log, in order.
#[derive(Debug)]
pub struct LoggedBlocks<'a> {
    log: &'a BlockLog,
    next: u64,
}

impl Iterator for LoggedBlocks<'_> {
    type Item = Result<SealedBlock, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.log.block(self.next).transpose()?;
        self.next += 1;
        Some(block)
    }
}

/// Makes an empty log. It gets its name once it is whole, so that a log without a header never exists.
fn create(dir: &Path, path: &Path, header: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(header)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    folder::sync(dir)
}
