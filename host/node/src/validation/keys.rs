//! The validators' secret keys: made once, read by nobody but their owner, never written anywhere else.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use alloy_primitives::hex;
use caldera_bls::SecretKey;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system refused.
    #[error("validator key {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is no key. What it holds is not said.
    #[error("{} holds no validator key (64 hexadecimal digits): restore it, or remove it for a new validator", .0.display())]
    Malformed(PathBuf),
    /// Others could read it.
    #[error("{} can be read by others: its mode must be 0600", .0.display())]
    Open(PathBuf),
    /// The system has no random numbers.
    #[error("no random numbers for a validator key: {0}")]
    Random(String),
}

/// So many keys of a folder; those that are not there yet are made.
pub(super) fn load(folder: &Path, count: usize) -> Result<Vec<SecretKey>, KeyError> {
    fs::create_dir_all(folder).map_err(|source| KeyError::File { path: folder.to_owned(), source })?;
    (0..count).map(|n| key(folder.join(format!("{n}.key")))).collect()
}

fn key(path: PathBuf) -> Result<SecretKey, KeyError> {
    let failed = |source| KeyError::File { path: path.clone(), source };
    if !path.exists() {
        return make(&path);
    }
    let mode = fs::metadata(&path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyError::Open(path));
    }
    let text = fs::read_to_string(&path).map_err(failed)?;
    let bytes = hex::decode(text.trim()).map_err(|_| KeyError::Malformed(path.clone()))?;
    SecretKey::from_bytes(&bytes).map_err(|_| KeyError::Malformed(path))
}

fn make(path: &Path) -> Result<SecretKey, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map_err(|error| KeyError::Random(error.to_string()))?;
    let key = SecretKey::from_entropy(&entropy);
    // Under another name until it is whole: half a key is worse than none.
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new).map_err(failed)?;
    let text = hex::encode(key.reveal()) + "\n";
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_kept_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let public =
            |count| load(dir.path(), count).map(|keys| keys.iter().map(SecretKey::public_key).collect::<Vec<_>>());
        let two = public(2).unwrap();
        assert_ne!(two[0], two[1]);
        assert_eq!(public(3).unwrap()[..2], two);
        let path = dir.path().join("0.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(public(1), Err(KeyError::Open(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for bad in ["", "00", &"0".repeat(64), &"f".repeat(64), "no key"] {
            fs::write(&path, bad).unwrap();
            let error = public(1).unwrap_err();
            assert!(matches!(error, KeyError::Malformed(_)), "{bad}: {error}");
        }
    }
}
