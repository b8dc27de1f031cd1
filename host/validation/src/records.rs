//! What was signed, on disk before it is: the one thing that a validator must not forget.
//!
//! One file of records of one length, each a statement with its CRC-32. A record that was cut off by a crash is at the end and
//! was never signed, because signing waits for the disk. A damaged record before the end is an error: who does not know
//! what was signed must not sign. Once the file is long it is written anew with the newest records, under another name, and renamed.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use caldera_types::Statement;

use crate::FileError;

/// Statement and check.
const RECORD_BYTES: usize = Statement::BYTES + 4;
/// Records after which the file is written anew: a megabyte.
const MOST_RECORDS: usize = 8_192;
/// Records that are kept then: as many as others may still ask for.
const KEPT_RECORDS: usize = 1_024;

const REMEDY: &str =
    "what was signed is not known, so nothing more is signed: restore the file, or give the validator a new key";

/// The newest statements signed, by height.
#[derive(Debug)]
pub(crate) struct Records {
    path: PathBuf,
    file: File,
    in_file: usize,
    newest: BTreeMap<u64, Statement>,
}

impl Records {
    /// Opens or makes the file.
    pub(crate) fn open(path: PathBuf) -> Result<Self, FileError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(FileError::io("make folder", folder))?;
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(FileError::io("read", &path))?,
        };
        let damaged = |what| FileError::Damaged { path: path.clone(), what, remedy: REMEDY };
        let (mut newest, mut whole) = (BTreeMap::new(), 0);
        let records = bytes.chunks(RECORD_BYTES);
        let last = records.len().saturating_sub(1);
        for (place, record) in records.enumerate() {
            match read(record) {
                Some(statement) => {
                    newest.insert(statement.height, statement);
                    whole += 1;
                }
                // The append that a crash cut off.
                None if place == last => break,
                None => return Err(damaged("a record does not read")),
            }
        }
        if newest.len() != whole {
            return Err(damaged("two records of one height"));
        }
        let open = OpenOptions::new().create(true).append(true).open(&path);
        let file = open.map_err(FileError::io("open", &path))?;
        file.set_len((whole * RECORD_BYTES) as u64).map_err(FileError::io("cut", &path))?;
        file.sync_all().map_err(FileError::io("sync", &path))?;
        sync_folder(folder)?;
        Ok(Self { path, file, in_file: whole, newest })
    }

    /// What was signed for a height, as far back as is kept.
    pub(crate) fn get(&self, height: u64) -> Option<&Statement> {
        self.newest.get(&height)
    }

    /// The newest that was signed.
    pub(crate) fn last(&self) -> Option<&Statement> {
        self.newest.last_key_value().map(|(_, statement)| statement)
    }

    /// Statements from a height on.
    pub(crate) fn from(&self, height: u64) -> impl Iterator<Item = &Statement> {
        self.newest.range(height..).map(|(_, statement)| statement)
    }

    /// Adds a statement above all others, and returns once it is on disk.
    pub(crate) fn append(&mut self, statement: Statement) -> Result<(), FileError> {
        if self.in_file >= MOST_RECORDS {
            self.rewrite()?;
        }
        let before = (self.in_file * RECORD_BYTES) as u64;
        let wrote = self.file.write_all(&record(&statement)).and_then(|()| self.file.sync_data());
        if let Err(source) = wrote {
            // What is half there must not stand before the next; if it stays, opening finds it.
            let _ = self.file.set_len(before);
            return Err(FileError::Io { action: "write", path: self.path.clone(), source });
        }
        self.in_file += 1;
        self.newest.insert(statement.height, statement);
        Ok(())
    }

    fn rewrite(&mut self) -> Result<(), FileError> {
        while self.newest.len() > KEPT_RECORDS {
            self.newest.pop_first();
        }
        let new = self.path.with_extension("new");
        let bytes: Vec<u8> = self.newest.values().flat_map(record).collect();
        let mut file = File::create(&new).map_err(FileError::io("make", &new))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(FileError::io("write", &new))?;
        fs::rename(&new, &self.path).map_err(FileError::io("rename", &new))?;
        sync_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        let open = OpenOptions::new().append(true).open(&self.path);
        self.file = open.map_err(FileError::io("open", &self.path))?;
        self.in_file = self.newest.len();
        Ok(())
    }
}

fn record(statement: &Statement) -> Vec<u8> {
    let bytes = statement.encode();
    [bytes.as_slice(), &crc32fast::hash(&bytes).to_be_bytes()].concat()
}

fn read(record: &[u8]) -> Option<Statement> {
    let (bytes, check) = record.split_at_checked(Statement::BYTES)?;
    (check == crc32fast::hash(bytes).to_be_bytes()).then(|| Statement::decode(bytes).ok()).flatten()
}

/// Makes a new name durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(FileError::io("sync", folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;
    use caldera_types::Finality;

    fn statement(height: u64) -> Statement {
        let (block_hash, state_root, committee_root) = (B256::repeat_byte(1), B256::repeat_byte(2), B256::ZERO);
        Statement {
            chain_id: 1,
            height,
            block_hash,
            state_root,
            epoch: 0,
            committee_root,
            finality: Finality::Certified,
        }
    }

    #[test]
    fn what_is_written_is_there_and_a_torn_end_was_never_signed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/votes");
        let mut records = Records::open(path.clone()).unwrap();
        (1..=3).for_each(|height| records.append(statement(height)).unwrap());
        drop(records);
        for cut in 1..=RECORD_BYTES {
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..3 * RECORD_BYTES - cut]).unwrap();
            let mut records = Records::open(path.clone()).unwrap();
            assert_eq!(records.last(), Some(&statement(2)), "cut by {cut}");
            records.append(statement(3)).unwrap();
        }
    }

    #[test]
    fn damage_before_the_end_stops_the_signing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("votes");
        let mut records = Records::open(path.clone()).unwrap();
        (1..=3).for_each(|height| records.append(statement(height)).unwrap());
        let good = fs::read(&path).unwrap();
        for at in 0..2 * RECORD_BYTES {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert!(matches!(Records::open(path.clone()), Err(FileError::Damaged { .. })), "byte {at}");
        }
        fs::write(&path, [&good[..], &good[..RECORD_BYTES]].concat()).unwrap();
        assert!(matches!(Records::open(path), Err(FileError::Damaged { .. })));
    }

    #[test]
    fn a_long_file_is_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("votes");
        let bytes: Vec<u8> = (1..=MOST_RECORDS as u64).flat_map(|height| record(&statement(height))).collect();
        fs::write(&path, bytes).unwrap();
        let mut records = Records::open(path.clone()).unwrap();
        let next = MOST_RECORDS as u64 + 1;
        records.append(statement(next)).unwrap();
        drop(records);
        assert_eq!(fs::metadata(&path).unwrap().len(), ((KEPT_RECORDS + 1) * RECORD_BYTES) as u64);
        let records = Records::open(path).unwrap();
        assert_eq!((records.last(), records.get(next - 1)), (Some(&statement(next)), Some(&statement(next - 1))));
    }
}
