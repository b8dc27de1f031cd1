//! Reading a block log from its beginning: every checksum, every height and every parent hash is checked.
//!
//! What is wrong at the very end is a torn write: the scan ends there and says so. What is wrong before that is
//! damage, an error with its offset. The two are told apart as in [`log_torn`].

use alloy_consensus::Header;
use alloy_primitives::B256;
use alloy_rlp::Decodable;
use caldera_types::{Block, SealedBlock};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::{
    frame::{BASE_BYTES, BASE_FILE_HEADER, FILE_HEADER, FrameHead, HEAD_BYTES, MAX_RECORD_BYTES, base_header},
    log_error::LogError,
    log_torn,
};

/// Where a log stands: which block may come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tip {
    /// Height of the first block: 0, or that of a snapshot.
    pub first: u64,
    /// Height of the next block.
    pub next: u64,
    /// Hash of the last block; zero when there is none.
    pub hash: B256,
}

impl Tip {
    /// Before the first block.
    pub fn before(first: u64) -> Self {
        Self { first, next: first, hash: B256::ZERO }
    }

    /// Height of the last block.
    pub fn height(&self) -> Option<u64> {
        (self.next > self.first).then(|| self.next - 1)
    }

    /// Whether this block may come next. The first may name any parent.
    pub fn admits(&self, header: &Header) -> bool {
        header.number == self.next && (self.next == self.first || header.parent_hash == self.hash)
    }
}

/// One record.
#[derive(Debug)]
pub(crate) struct Record {
    /// Where its head begins, in bytes.
    pub offset: u64,
    /// The block, RLP.
    pub payload: Vec<u8>,
}

/// Goes through the records of a log.
#[derive(Debug)]
pub(crate) struct Scanner {
    path: PathBuf,
    file: BufReader<File>,
    at: u64,
    len: u64,
    tip: Tip,
}

impl Scanner {
    /// Starts at the beginning. The length is taken now: what is appended later is not seen.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let io = |source| LogError::Io { action: "open", path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let mut file = BufReader::new(file);
        let mut header = [0; FILE_HEADER.len()];
        let (mut at, mut first) = (FILE_HEADER.len(), 0);
        let mut base = [0; BASE_BYTES];
        let read = file.read_exact(&mut header).and_then(|()| match header {
            BASE_FILE_HEADER => file.read_exact(&mut base),
            _ => Ok(()),
        });
        match read {
            Ok(()) if header == FILE_HEADER => {}
            Ok(()) if header == BASE_FILE_HEADER => {
                let [height @ .., _, _, _, _] = base;
                first = u64::from_be_bytes(height);
                if base_header(first)[at..] != base {
                    return Err(LogError::NotALog(path.to_owned()));
                }
                at += BASE_BYTES;
            }
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(io(error)),
            _ => return Err(LogError::NotALog(path.to_owned())),
        }
        Ok(Self { path: path.to_owned(), file, at: at as u64, len, tip: Tip::before(first) })
    }

    /// Where the next record would begin: after the end, where good records end.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether something that is no whole record follows the last good one.
    pub fn is_torn(&self) -> bool {
        self.at < self.len
    }

    /// How long that is, in bytes.
    pub fn left(&self) -> u64 {
        self.len - self.at
    }

    /// Which block would come next.
    pub fn tip(&self) -> Tip {
        self.tip
    }

    /// The next record, checked; none at the end, torn or not.
    pub fn next(&mut self) -> Result<Option<Record>, LogError> {
        let left = self.len - self.at;
        if left < HEAD_BYTES as u64 {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        self.read(&mut head)?;
        let Some(head) = FrameHead::decode(head) else { return self.classify("the head of a record") };
        let after = left - HEAD_BYTES as u64;
        if u64::from(head.length) > after {
            return Ok(None);
        }
        let mut payload = vec![0; head.length as usize];
        self.read(&mut payload)?;
        if !head.fits(&payload) {
            let last = u64::from(head.length) == after;
            return if last { Ok(None) } else { Err(self.damaged("checksum of a record")) };
        }
        let header = decode_header(&payload).map_err(|error| self.damaged(&format!("a block's header: {error}")))?;
        if !self.tip.admits(&header) {
            return Err(self.damaged(&format!("block {} does not follow its predecessor", header.number)));
        }
        let next = self.tip.next.checked_add(1).ok_or_else(|| self.damaged("no chain is so long"))?;
        self.tip = Tip { next, hash: header.hash_slow(), ..self.tip };
        let record = Record { offset: self.at, payload };
        self.at += (HEAD_BYTES + record.payload.len()) as u64;
        Ok(Some(record))
    }

    /// The record here has a bad head, so its end is not known. A write is torn only at the end of the file: if a later
    /// block stands further on, or more than one record can be, this is damage, else it is the end. (A torn head can be
    /// anything, since the pages of one write reach the disk in any order.)
    fn classify(&mut self, what: &str) -> Result<Option<Record>, LogError> {
        let io = |source| LogError::Io { action: "read", path: self.path.clone(), source };
        let left = self.left();
        if left > (HEAD_BYTES + MAX_RECORD_BYTES) as u64 {
            return Err(self.damaged(what));
        }
        let mut tail = Vec::new();
        self.file.seek(SeekFrom::Start(self.at)).map_err(io)?;
        self.file.by_ref().take(left).read_to_end(&mut tail).map_err(io)?;
        if log_torn::has_later_block(&tail, self.tip) { Err(self.damaged(what)) } else { Ok(None) }
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), LogError> {
        let path = &self.path;
        self.file.read_exact(into).map_err(|source| LogError::Io { action: "read", path: path.clone(), source })
    }

    fn damaged(&self, what: &str) -> LogError {
        LogError::Damaged { path: self.path.clone(), offset: self.at, what: what.to_owned() }
    }
}

/// Only the header of a stored block: its first field.
pub(crate) fn decode_header(mut payload: &[u8]) -> alloy_rlp::Result<Header> {
    let list = alloy_rlp::Header::decode(&mut payload)?;
    if !list.list {
        return Err(alloy_rlp::Error::UnexpectedString);
    }
    Header::decode(&mut payload)
}

/// The blocks of a log that somebody else may be writing, from block 0. A torn end is the end.
#[derive(Debug)]
pub struct BlockReader {
    scanner: Scanner,
    failed: bool,
}

impl BlockReader {
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        Ok(Self { scanner: Scanner::open(path)?, failed: false })
    }

    fn read(&mut self) -> Result<Option<SealedBlock>, LogError> {
        let Some(record) = self.scanner.next()? else { return Ok(None) };
        decode_block(&self.scanner.path, &record).map(Some)
    }
}

impl Iterator for BlockReader {
    type Item = Result<SealedBlock, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let block = self.read().transpose();
        self.failed = matches!(block, Some(Err(_)));
        block
    }
}

/// The block in a record.
pub(crate) fn decode_block(path: &Path, record: &Record) -> Result<SealedBlock, LogError> {
    let damaged = |error: alloy_rlp::Error| LogError::Damaged {
        path: path.to_owned(),
        offset: record.offset,
        what: format!("a block: {error}"),
    };
    let block = Block::decode(&mut record.payload.as_slice()).map_err(damaged)?;
    Ok(block.seal())
}
