//! Evidence on disk: one file each, named by its hash, synced before anybody is told.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
};

use alloy_primitives::keccak256;
use caldera_types::Evidence;

use crate::{FileError, records::sync_folder};

/// A folder of evidence.
#[derive(Debug)]
pub struct EvidenceStore {
    folder: PathBuf,
}

impl EvidenceStore {
    /// Opens or makes the folder.
    pub fn open(folder: PathBuf) -> Result<Self, FileError> {
        fs::create_dir_all(&folder).map_err(FileError::io("make folder", &folder))?;
        Ok(Self { folder })
    }

    /// Keeps a piece of evidence; tells whether it is new.
    pub fn put(&self, evidence: &Evidence) -> Result<bool, FileError> {
        let bytes = evidence.encode();
        let path = self.folder.join(format!("{:x}.evidence", keccak256(&bytes)));
        if path.exists() {
            return Ok(false);
        }
        // Under another name until it is whole.
        let new = path.with_extension("new");
        let mut file = File::create(&new).map_err(FileError::io("make", &new))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(FileError::io("write", &new))?;
        fs::rename(&new, &path).map_err(FileError::io("rename", &new))?;
        sync_folder(&self.folder)?;
        Ok(true)
    }

    /// All of it, in the order of the names. What does not read is an error: somebody touched it.
    pub fn all(&self) -> Result<Vec<Evidence>, FileError> {
        let entries = fs::read_dir(&self.folder).map_err(FileError::io("list", &self.folder))?;
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "evidence"));
        paths.sort();
        let read = |path: PathBuf| {
            let bytes = fs::read(&path).map_err(FileError::io("read", &path))?;
            Evidence::decode(&bytes).map_err(|_| FileError::Damaged {
                path,
                what: "it is no evidence",
                remedy: "restore the file, or remove it",
            })
        };
        paths.into_iter().map(read).collect()
    }
}
