//! How far a link has read and what is still open, in one file that is replaced whole.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

use crate::errand::Errand;

const VERSION: u32 = 1;

/// Why a link's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It does not read.
    #[error("{} does not read: {why}; remove it and the link reads the origin again from block 1, which repeats nothing", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    version: u32,
    /// Every block up to here was read, and what it asks for is done or open.
    pub(crate) read: u64,
    pub(crate) open: BTreeMap<B256, Errand>,
}

impl Cursor {
    /// What was written last; the beginning if nothing was.
    pub(crate) fn load(path: &Path) -> Result<Self, CursorError> {
        let malformed = |why: String| CursorError::Malformed { path: path.to_owned(), why };
        match fs::read(path) {
            Ok(bytes) => {
                let cursor: Self = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
                if cursor.version != VERSION {
                    return Err(malformed(format!("version {}, this program reads {VERSION}", cursor.version)));
                }
                Ok(cursor)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { version: VERSION, ..Self::default() }),
            Err(source) => Err(CursorError::File { path: path.to_owned(), source }),
        }
    }

    /// Puts it in the place of what was there.
    pub(crate) fn save(&self, path: &Path) -> Result<(), CursorError> {
        let write = || -> io::Result<()> {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let new = path.with_extension("new");
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&new, path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|source| CursorError::File { path: path.to_owned(), source })
    }
}
