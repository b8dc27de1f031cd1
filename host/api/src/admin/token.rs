//! The bearer token of the admin API: a file that the node makes in its data folder, and that only its owner can read.
//!
//! Attacks met: another user of the machine (mode 0600, and a file that others can read is refused, for it may be known
//! already), a link that points elsewhere (refused), guessing by time (comparison in constant time), and a crash while the
//! file is written (it gets its name when it is whole).

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use alloy_primitives::hex;
use subtle::ConstantTimeEq as _;

/// Name of the file in the node's data folder.
pub const TOKEN_FILE: &str = "admin-token";
/// Random bytes in a token.
const TOKEN_BYTES: usize = 32;
/// Permissions of anybody but the owner.
const OTHERS: u32 = 0o077;

/// Who knows it may do everything that the admin API does. Never shown.
#[derive(Clone)]
pub struct Token(String);

/// Why there is no token. The text never holds any part of one.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is no such file.
    #[error("no admin token at {}: it is made by the node that serves the admin API; name its file by --admin-token-file, or the node's folder by --data", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("cannot read the admin token {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others may know it.
    #[error(
        "the admin token {} can be read by others (mode {mode:04o}, needed 0600): remove it, so that the node makes a new one when it starts",
        path.display()
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A link or a folder.
    #[error("the admin token {} is no ordinary file: remove it, so that the node makes a new one when it starts", .0.display())]
    NoFile(PathBuf),
    /// Something else stands there.
    #[error("{} holds no admin token (64 hexadecimal digits): remove it, so that the node makes a new one when it starts", .0.display())]
    Malformed(PathBuf),
    /// It cannot be made.
    #[error("cannot make the admin token {}: {source}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Token {
    /// The token of a data folder, made if there is none yet.
    pub fn settle(folder: &Path) -> Result<Self, TokenError> {
        let path = folder.join(TOKEN_FILE);
        match Self::read(&path) {
            Err(TokenError::Missing(_)) => {
                make(folder, &path).map_err(|source| TokenError::Unwritable { path: path.clone(), source })?;
                Self::read(&path)
            }
            found => found,
        }
    }

    /// The token of a file.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => TokenError::Missing(path.to_owned()),
            _ => TokenError::Unreadable { path: path.to_owned(), source },
        };
        if !fs::symlink_metadata(path).map_err(unreadable)?.is_file() {
            return Err(TokenError::NoFile(path.to_owned()));
        }
        let file = File::open(path).map_err(unreadable)?;
        // Asked of the open file, so that what was judged is what is read.
        let mode = file.metadata().map_err(unreadable)?.mode() & 0o7777;
        if mode & OTHERS != 0 {
            return Err(TokenError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(4 * TOKEN_BYTES as u64).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(text.trim()).ok_or_else(|| TokenError::Malformed(path.to_owned()))
    }

    fn parse(text: &str) -> Option<Self> {
        let whole = text.len() == 2 * TOKEN_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        whole.then(|| Self(text.to_owned()))
    }

    /// Whether somebody gave this token. Takes as long wherever they differ.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }

    /// What a client sends as `Authorization`.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Writes a new token. The name appears when the file is whole and on the disk.
fn make(folder: &Path, path: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut random = [0; TOKEN_BYTES];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(format!("no random bytes: {error}")))?;
    let new = folder.join(format!(".{TOKEN_FILE}.new"));
    // What a crash left behind.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{}", hex::encode(random))?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn it_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        let token = Token::settle(&folder).unwrap();
        let path = folder.join(TOKEN_FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
        assert!(Token::settle(&folder).unwrap().is(token.0.as_bytes()));
        assert!(!token.is(b"") && !token.is(token.0[1..].as_bytes()) && !token.is(&[b'0'; 64]));
        assert!(!format!("{token:?}").contains(&token.0[..4]));
        fs::remove_file(&path).unwrap();
        assert!(!Token::settle(&folder).unwrap().is(token.0.as_bytes()), "a new one is another one");
    }

    /// Puts a file there by `put`, and reads it.
    fn check(put: impl FnOnce(&Path), is: fn(&TokenError) -> bool) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(TOKEN_FILE);
        put(&path);
        let error = Token::settle(dir.path()).unwrap_err();
        assert!(is(&error), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_may_know_or_have_put_there_is_refused_by_name() {
        let digits = "ab".repeat(32);
        for mode in [0o644, 0o640, 0o604, 0o660, 0o666, 0o610, 0o601] {
            check(|path| write(path, &digits, mode), |error| matches!(error, TokenError::Exposed { .. }));
        }
        for text in ["", "short", &"zz".repeat(32), &"ab".repeat(33)] {
            check(|path| write(path, text, 0o600), |error| matches!(error, TokenError::Malformed(_)));
        }
        check(|path| fs::create_dir(path).unwrap(), |error| matches!(error, TokenError::NoFile(_)));
        check(
            |path| {
                let elsewhere = path.with_extension("elsewhere");
                write(&elsewhere, &digits, 0o600);
                symlink(elsewhere, path).unwrap();
            },
            |error| matches!(error, TokenError::NoFile(_)),
        );
        assert!(matches!(Token::read(Path::new("/nowhere/token")), Err(TokenError::Missing(_))));
    }
}
