//! A chain's folder: its lock, and the acts on folders that must reach the disk.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::error::StateError;

const LOCK_FILE: &str = "lock";

/// The right to write in a folder, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock of a folder that must be there.
    pub fn take_existing(dir: &Path) -> Result<Self, StateError> {
        let there = fs::metadata(dir);
        there.map_err(|source| StateError::Io { action: "look into", path: dir.to_owned(), source })?;
        Self::take(dir)
    }

    /// Makes the folder if need be and takes its lock.
    pub fn take(dir: &Path) -> Result<Self, StateError> {
        let path = dir.join(LOCK_FILE);
        let io = |source| StateError::Io { action: "lock", path: path.clone(), source };
        make(dir).map_err(io)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StateError::FolderInUse(dir.to_owned())),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

/// Makes a folder that is not there, with those above it, so that they are still there after a power cut.
fn make(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    make(above(dir))?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !dir.is_dir() => return Err(error),
        _ => {}
    }
    sync(above(dir))
}

/// The folder that something is in.
pub(crate) fn above(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes everything from a folder but its lock, which is held.
pub(crate) fn clear(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if entry.file_name() != LOCK_FILE {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes names that were added to or removed from a folder durable.
pub(crate) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Renames a damaged folder, so that a new one can take its place, and returns its new name. Nothing is deleted.
pub(crate) fn quarantine(path: &Path) -> Result<PathBuf, StateError> {
    let io = |source| StateError::Io { action: "move aside", path: path.to_owned(), source };
    let aside = (1u32..).map(|n| path.with_extension(format!("damaged-{n}"))).find(|aside| !aside.exists());
    let aside = aside.ok_or_else(|| io(io::Error::other("all names are taken")))?;
    fs::rename(path, &aside).map_err(io)?;
    sync(above(path)).map_err(io)?;
    Ok(aside)
}
