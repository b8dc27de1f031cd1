//! Files that nobody but this node's user may have touched or read.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Rights of others and of the group.
const NOT_OURS: u32 = 0o077;

/// Why a file is not read.
#[derive(Debug)]
pub(super) enum Distrust {
    /// It is not there.
    Absent,
    /// Somebody else may have written or read it, or it is no file of the expected kind.
    NotPrivate(String),
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for Distrust {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOENT) => Self::Absent,
            // What O_NOFOLLOW says of a symbolic link.
            Some(libc::ELOOP) => Self::NotPrivate("it is a symbolic link".to_owned()),
            _ => Self::Io(error),
        }
    }
}

/// Opens a plain file of at most `most` bytes that is this user's alone.
pub(super) fn open(path: &Path, most: u64) -> Result<File, Distrust> {
    // O_NONBLOCK: a pipe that lies there must not make the node wait.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    let about = file.metadata()?;
    let why = if !about.is_file() {
        "it is no plain file".to_owned()
    } else if about.uid() != this_user() {
        format!("it belongs to user {}", about.uid())
    } else if about.mode() & NOT_OURS != 0 {
        format!("its permissions are {:o}, not 600", about.mode() & 0o777)
    } else if about.len() > most {
        format!("it has {} bytes, at most {most} are expected", about.len())
    } else {
        return Ok(file);
    };
    Err(Distrust::NotPrivate(why))
}

/// Reads such a file.
pub(super) fn read(path: &Path, most: u64) -> Result<(File, Vec<u8>), Distrust> {
    let file = open(path, most)?;
    let mut bytes = Vec::with_capacity(usize::try_from(file.metadata()?.len()).unwrap_or_default());
    // It may grow while it is read.
    (&file).take(most + 1).read_to_end(&mut bytes)?;
    Ok((file, bytes))
}

/// Writes a new file that is this user's alone.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes a folder that is this user's alone, or makes sure that it is. What is another's is refused.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let about = fs::symlink_metadata(path)?;
    if !about.is_dir() {
        return Err(io::Error::other("it is no folder (a symbolic link to one is not taken either)"));
    }
    if about.uid() != this_user() {
        return Err(io::Error::other(format!("it belongs to user {}", about.uid())));
    }
    if about.mode() & NOT_OURS != 0 {
        tracing::warn!(folder = %path.display(), mode = format!("{:o}", about.mode() & 0o777), "others could enter: set to 700");
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn this_user() -> u32 {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::geteuid() }
}
