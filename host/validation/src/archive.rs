//! Certificates on disk, each at the place of its height.
//!
//! All certificates of a committee are of one length, so a file of slots needs no index; a slot that was never written is a hole
//! and reads as zero. Not synced: after a power cut the newest are gathered again, since votes are kept by who cast them.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use caldera_types::{Certificate, Committee, Statement};
use parking_lot::Mutex;

use crate::FileError;

/// The certificates of one committee.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    committee: Committee,
    newest: Mutex<u64>,
}

impl Archive {
    /// Opens or makes the archive of a committee in a folder.
    pub fn open(folder: &Path, committee: Committee) -> Result<Self, FileError> {
        fs::create_dir_all(folder).map_err(FileError::io("make folder", folder))?;
        // Another committee's certificates are of another length, and are checked against another root.
        let path = folder.join(format!("certificates-{}", committee.root()));
        let open = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path);
        let file = open.map_err(FileError::io("open", &path))?;
        let archive = Self { path, file, committee, newest: Mutex::new(0) };
        let slots = archive.file.metadata().map_err(FileError::io("look at", &archive.path))?.len();
        let mut height = slots / archive.slot_bytes();
        // The last that reads, past what a crash cut off.
        while height > 0 && archive.get(height)?.is_none() {
            height -= 1;
        }
        *archive.newest.lock() = height;
        Ok(archive)
    }

    /// The committee.
    pub fn committee(&self) -> &Committee {
        &self.committee
    }

    /// Height of the newest certificate; zero if there is none.
    pub fn newest(&self) -> u64 {
        *self.newest.lock()
    }

    /// The certificate of a height. What does not read, or is not of the committee's quorum in its form, is none.
    pub fn get(&self, height: u64) -> Result<Option<Certificate>, FileError> {
        let mut slot = vec![0; self.slot_bytes() as usize];
        // Where no file reaches there is nothing.
        let Some(place) = height.checked_mul(self.slot_bytes()).filter(|place| i64::try_from(*place).is_ok()) else {
            return Ok(None);
        };
        match self.file.read_exact_at(&mut slot, place) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read.map_err(FileError::io("read", &self.path))?,
        }
        let (bytes, check) = slot.split_at(slot.len() - 4);
        if check != crc32fast::hash(bytes).to_be_bytes() {
            return Ok(None);
        }
        let certificate = Certificate::decode(bytes).ok();
        Ok(certificate.filter(|read| read.statement.height == height && read.signers(&self.committee).is_ok()))
    }

    /// Keeps a certificate.
    pub fn put(&self, certificate: &Certificate) -> Result<(), FileError> {
        let bytes = certificate.encode();
        let slot = [bytes.as_slice(), &crc32fast::hash(&bytes).to_be_bytes()].concat();
        let height = certificate.statement.height;
        self.file
            .write_all_at(&slot, height.saturating_mul(self.slot_bytes()))
            .map_err(FileError::io("write", &self.path))?;
        let mut newest = self.newest.lock();
        *newest = height.max(*newest);
        Ok(())
    }

    fn slot_bytes(&self) -> u64 {
        (Statement::BYTES + self.committee.members().len().div_ceil(8) + 96 + 4) as u64
    }
}
