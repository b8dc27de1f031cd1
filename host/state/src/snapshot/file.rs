//! The file of a snapshot: records with checksums, one after another.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::SnapshotError;
use crate::{
    folder,
    frame::{FrameHead, HEAD_BYTES},
};

/// First bytes of the file, with the format's version.
const FILE_HEADER: [u8; 12] = *b"CALDSNAP\0\0\0\x01";
/// What a record holds of things that are many, in bytes, before it is written.
const RECORD_BYTES: usize = 1 << 20;
/// Items of a record at most: one takes a byte or more of it, and far more in memory, and the last may be longer than all others.
const MOST_ITEMS: usize = RECORD_BYTES;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Base = 1,
    Nodes = 2,
    Codes = 3,
    Components = 4,
    End = 5,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Base, Self::Nodes, Self::Codes, Self::Components, Self::End].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// A record: its kind, and the items in it.
pub(super) type Record = (Kind, Vec<Vec<u8>>);

/// A snapshot that is being written: it has its name once it is whole and on the disk.
pub(super) struct Writer {
    path: PathBuf,
    unfinished: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    waits: Option<(Kind, Vec<u8>)>,
}

impl Writer {
    pub fn create(path: &Path) -> Result<Self, SnapshotError> {
        if path.exists() {
            return Err(SnapshotError::NotFresh(path.to_owned()));
        }
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        let io = |source| SnapshotError::Io { action: "make", path: unfinished.clone(), source };
        let mut file = BufWriter::new(File::create(&unfinished).map_err(io)?);
        file.write_all(&FILE_HEADER).map_err(io)?;
        Ok(Self { path: path.to_owned(), unfinished, file, bytes: FILE_HEADER.len() as u64, waits: None })
    }

    /// Adds one of many things; those of a kind that follow each other share records.
    pub fn item(&mut self, kind: Kind, item: &[u8]) -> Result<(), SnapshotError> {
        let other = self.waits.as_ref().is_some_and(|(waits, bytes)| *waits != kind || bytes.len() >= RECORD_BYTES);
        if other {
            self.write_waiting()?;
        }
        let (_, bytes) = self.waits.get_or_insert_with(|| (kind, vec![kind as u8]));
        alloy_rlp::Encodable::encode(item, bytes);
        Ok(())
    }

    /// Adds a record of its own.
    pub fn record(&mut self, kind: Kind, items: &[&[u8]]) -> Result<(), SnapshotError> {
        self.write_waiting()?;
        items.iter().try_for_each(|item| self.item(kind, item))?;
        self.write_waiting()
    }

    fn write_waiting(&mut self) -> Result<(), SnapshotError> {
        let Some((_, payload)) = self.waits.take() else { return Ok(()) };
        let io = |source| SnapshotError::Io { action: "write", path: self.unfinished.clone(), source };
        let too_long = || io(io::Error::new(io::ErrorKind::FileTooLarge, "a record is too long"));
        let head = FrameHead::of(&payload).ok_or_else(too_long)?;
        self.file.write_all(&head.encode()).and_then(|()| self.file.write_all(&payload)).map_err(io)?;
        self.bytes += (HEAD_BYTES + payload.len()) as u64;
        Ok(())
    }

    /// Gives it its name; gives its length in bytes.
    pub fn finish(mut self) -> Result<u64, SnapshotError> {
        self.write_waiting()?;
        let io = |source| SnapshotError::Io { action: "write", path: self.unfinished.clone(), source };
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).map_err(io)?;
        fs::rename(&self.unfinished, &self.path).map_err(io)?;
        folder::sync(folder::above(&self.path)).map_err(io)?;
        Ok(self.bytes)
    }
}

/// A snapshot that is being read.
pub(super) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    left: u64,
}

impl Reader {
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        let io = |source| SnapshotError::Io { action: "open", path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut header = FILE_HEADER;
        match file.read_exact(&mut header) {
            Ok(()) if header == FILE_HEADER => {}
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(io(error)),
            _ => return Err(SnapshotError::NotASnapshot(path.to_owned())),
        }
        Ok(Self { path: path.to_owned(), file, left: len - FILE_HEADER.len() as u64 })
    }

    /// The next record; none at the end of the file.
    pub fn next(&mut self) -> Result<Option<Record>, SnapshotError> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES];
        self.read(&mut head)?;
        let head = FrameHead::decode(head).ok_or_else(|| self.damaged("the head of a record"))?;
        if u64::from(head.length) > self.left {
            return Err(self.damaged("it ends within a record"));
        }
        let mut payload = vec![0; head.length as usize];
        self.read(&mut payload)?;
        if !head.fits(&payload) {
            return Err(self.damaged("the checksum of a record"));
        }
        let kind = payload.first().copied().and_then(Kind::of).ok_or_else(|| self.damaged("the kind of a record"))?;
        let mut rest = &payload[1..];
        let mut items = Vec::new();
        while !rest.is_empty() {
            if items.len() == MOST_ITEMS {
                return Err(self.damaged("a record with too many items"));
            }
            let item = alloy_rlp::Header::decode_bytes(&mut rest, false);
            items.push(item.map_err(|_| self.damaged("an item of a record"))?.to_vec());
        }
        Ok(Some((kind, items)))
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), SnapshotError> {
        if (into.len() as u64) > self.left {
            return Err(self.damaged("it ends within a record"));
        }
        self.left -= into.len() as u64;
        let path = &self.path;
        self.file.read_exact(into).map_err(|source| SnapshotError::Io { action: "read", path: path.clone(), source })
    }

    /// Which file it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn damaged(&self, what: &str) -> SnapshotError {
        SnapshotError::Damaged { path: self.path.clone(), what: what.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items_of(count: usize) -> Result<usize, SnapshotError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let payload = [vec![Kind::Codes as u8], vec![1; count]].concat();
        let head = FrameHead::of(&payload).unwrap().encode();
        fs::write(&path, [&FILE_HEADER[..], &head, &payload].concat()).unwrap();
        Ok(Reader::open(&path)?.next()?.map_or(0, |(_, items)| items.len()))
    }

    #[test]
    fn a_record_has_no_more_items_than_a_writer_puts_in() {
        assert_eq!(items_of(MOST_ITEMS).unwrap(), MOST_ITEMS);
        let error = items_of(MOST_ITEMS + 1).unwrap_err();
        assert!(error.to_string().contains("too many items"), "{error}");
    }
}
