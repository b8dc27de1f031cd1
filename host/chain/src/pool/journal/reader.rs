//! Reading what earlier runs of the node accepted.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use caldera_state::{FRAME_HEAD_BYTES, FrameHead};

use super::{
    JournalError,
    record::{FILE_HEADER, Record},
};

/// The records of all generations in a folder, oldest first.
///
/// Zeros to a file's end are room for more. A record that is not whole ends its file: that is what `kill -9` and power cuts
/// leave, and nobody was told that it was accepted; one that is damaged, but says how long it is, ends nothing. What cannot be read is kept in a file beside it, for there may be more in it.
pub(crate) struct Reader {
    files: std::vec::IntoIter<(u64, PathBuf)>,
    open: Option<Generation>,
}

struct Generation {
    path: PathBuf,
    file: BufReader<File>,
    /// Bytes that were read and are whole.
    at: u64,
}

impl Reader {
    /// Those in a chain's folder, which must be there.
    pub(crate) fn open(dir: &Path) -> Result<Self, JournalError> {
        Ok(Self { files: generations(dir)?.into_iter(), open: None })
    }

    fn next_record(&mut self) -> Result<Option<Record>, JournalError> {
        loop {
            if let Some(generation) = &mut self.open {
                if let Some(record) = generation.next_record()? {
                    return Ok(Some(record));
                }
                self.open = None;
            }
            let Some((_, path)) = self.files.next() else { return Ok(None) };
            self.open = Generation::open(path)?;
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

impl Generation {
    /// None for a file that was never finished being made.
    fn open(path: PathBuf) -> Result<Option<Self>, JournalError> {
        let file = File::open(&path).map_err(|source| JournalError::io("open", &path, source))?;
        let mut generation = Self { path, file: BufReader::with_capacity(1 << 18, file), at: 0 };
        let mut header = [0; FILE_HEADER.len()];
        if !generation.fill(&mut header)? {
            return Ok(None);
        }
        if header != FILE_HEADER {
            return Err(JournalError::Foreign { path: generation.path });
        }
        generation.at = FILE_HEADER.len() as u64;
        Ok(Some(generation))
    }

    fn next_record(&mut self) -> Result<Option<Record>, JournalError> {
        while !self.file.fill_buf().map_err(|source| JournalError::io("read", &self.path, source))?.is_empty() {
            let mut head = [0; FRAME_HEAD_BYTES];
            let head = if self.fill(&mut head)? { FrameHead::decode(head) } else { None };
            let Some(head) = head else { break };
            let mut payload = vec![0; head.length as usize];
            if !self.fill(&mut payload)? {
                break;
            }
            let record = if head.fits(&payload) { Record::read(&payload) } else { None };
            if record.is_none() {
                // Its head says where the next begins.
                self.keep_rest();
            }
            self.at += (FRAME_HEAD_BYTES + payload.len()) as u64;
            if record.is_some() {
                return Ok(record);
            }
        }
        if !self.rest_is_room().map_err(|source| JournalError::io("read", &self.path, source))? {
            self.keep_rest();
        }
        Ok(None)
    }

    /// Fills a buffer; false if the file ends before.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, JournalError> {
        match self.file.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(source) => Err(JournalError::io("read", &self.path, source)),
        }
    }

    /// Whether there are only zeros after what is whole.
    fn rest_is_room(&mut self) -> io::Result<bool> {
        self.file.seek(SeekFrom::Start(self.at))?;
        loop {
            let bytes = self.file.fill_buf()?;
            let read = bytes.len();
            if read == 0 || bytes.iter().any(|byte| *byte != 0) {
                return Ok(read == 0);
            }
            self.file.consume(read);
        }
    }

    /// Whether that works or not: a full disk must not keep back what can be read.
    fn keep_rest(&self) {
        let kept = self.path.with_extension(format!("torn-{}", self.at));
        let keep = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.at))?;
            io::copy(&mut file, &mut File::create(&kept)?)
        };
        let (offset, kept_in) = (self.at, kept.display());
        match keep() {
            Ok(bytes) => tracing::warn!(
                offset,
                bytes,
                %kept_in,
                "the end of the pool's journal is torn: it was never acknowledged or is damaged; kept aside"
            ),
            Err(error) => {
                tracing::error!(offset, %error, "the end of the pool's journal is torn and cannot be kept aside")
            }
        }
    }
}

/// The generations in a folder, oldest first.
pub(super) fn generations(dir: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let failed = |source| JournalError::io("look for", dir, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("pool-")?.strip_suffix(".journal")?.parse().ok());
        found.extend(number.map(|number: u64| (number, entry.path())));
    }
    found.sort_unstable();
    Ok(found)
}
