//! A secret key in a file: made once, read by nobody but its owner, never written anywhere else.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use alloy_primitives::hex;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file system refused.
    #[error("{what} {}: {source}", path.display())]
    File {
        /// Whose key.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is no key. What it holds is not said.
    #[error("{} holds no {what} (64 hexadecimal digits): restore it, or remove it for {instead}", path.display())]
    Malformed {
        /// Whose key.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What comes of removing it.
        instead: &'static str,
    },
    /// Others could read it.
    #[error("{} can be read by others: its mode must be 0600", .0.display())]
    Open(PathBuf),
    /// The system has no random numbers.
    #[error("no random numbers for a {what}: {why}")]
    Random {
        /// Whose key.
        what: &'static str,
        /// What the system says.
        why: String,
    },
}

/// A key that can stand in such a file.
pub(crate) trait Secret: Sized {
    /// Whose key it is, for errors.
    const WHAT: &'static str;
    /// What its owner gets in its place who removes the file.
    const INSTEAD: &'static str;

    /// The key of 32 random bytes; none if they happen to be no key.
    fn of_entropy(entropy: &[u8; 32]) -> Option<Self>;

    /// The key that was written so; none if it is no key.
    fn of_bytes(bytes: &[u8]) -> Option<Self>;

    /// What to write.
    fn reveal(&self) -> [u8; 32];
}

/// The key in a file, which is made if it is not there.
pub(crate) fn load<S: Secret>(path: &Path) -> Result<S, SecretFileError> {
    let failed = failed::<S>(path);
    if !path.exists() {
        return make(path);
    }
    if fs::metadata(path).map_err(&failed)?.permissions().mode() & 0o077 != 0 {
        return Err(SecretFileError::Open(path.to_owned()));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    let key = hex::decode(text.trim()).ok().and_then(|bytes| S::of_bytes(&bytes));
    key.ok_or_else(|| SecretFileError::Malformed { what: S::WHAT, path: path.to_owned(), instead: S::INSTEAD })
}

fn make<S: Secret>(path: &Path) -> Result<S, SecretFileError> {
    let failed = failed::<S>(path);
    let key = loop {
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy)
            .map_err(|error| SecretFileError::Random { what: S::WHAT, why: error.to_string() })?;
        // Bytes that are no key are one in 2^128.
        if let Some(key) = S::of_entropy(&entropy) {
            break key;
        }
    };
    // Under another name until it is whole: half a key is worse than none.
    let new = path.with_extension("new");
    let mut file =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new).map_err(&failed)?;
    let text = hex::encode(key.reveal()) + "\n";
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(&failed)?;
    fs::rename(&new, path).map_err(failed)?;
    Ok(key)
}

fn failed<S: Secret>(path: &Path) -> impl Fn(io::Error) -> SecretFileError {
    |source| SecretFileError::File { what: S::WHAT, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_signer_local::PrivateKeySigner;
    use caldera_bls::SecretKey;

    fn check<S: Secret>(bad: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.key");
        let made = load::<S>(&path).unwrap().reveal();
        assert_eq!(load::<S>(&path).unwrap().reveal(), made);
        assert_ne!(load::<S>(&dir.path().join("other.key")).unwrap().reveal(), made);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load::<S>(&path), Err(SecretFileError::Open(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for bad in bad {
            fs::write(&path, bad).unwrap();
            let Err(error) = load::<S>(&path) else { panic!("{bad}") };
            assert!(matches!(error, SecretFileError::Malformed { .. }), "{bad}: {error}");
            assert!(bad.len() < 2 || !error.to_string().contains(bad), "{error}");
        }
    }

    #[test]
    fn keys_are_made_once_and_kept_from_others() {
        let bad = ["", "00", &"0".repeat(64), &"f".repeat(64), "no key at all"];
        check::<PrivateKeySigner>(&bad);
        check::<SecretKey>(&bad);
    }
}
