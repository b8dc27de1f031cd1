//! The key of the account that carries: made once, read by nobody but its owner, never written anywhere else.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use alloy_primitives::{B256, hex};
use alloy_signer_local::PrivateKeySigner;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum CarrierKeyError {
    /// The file system refused.
    #[error("carrier key {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is no key. What it holds is not said.
    #[error("{} holds no key (64 hexadecimal digits): restore it, or remove it for a new account, which needs funds", .0.display())]
    Malformed(PathBuf),
    /// Others could read it.
    #[error("{} can be read by others: its mode must be 0600", .0.display())]
    Open(PathBuf),
    /// The system has no random numbers.
    #[error("no random numbers for the carrier's key: {0}")]
    Random(String),
}

/// The key in a file, which is made if it is not there.
pub(super) fn load(path: &Path) -> Result<PrivateKeySigner, CarrierKeyError> {
    let failed = |source| CarrierKeyError::File { path: path.to_owned(), source };
    if !path.exists() {
        return make(path);
    }
    if fs::metadata(path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(CarrierKeyError::Open(path.to_owned()));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    let malformed = || CarrierKeyError::Malformed(path.to_owned());
    let bytes = hex::decode(text.trim()).map_err(|_| malformed())?;
    PrivateKeySigner::from_slice(&bytes).map_err(|_| malformed())
}

fn make(path: &Path) -> Result<PrivateKeySigner, CarrierKeyError> {
    let failed = |source| CarrierKeyError::File { path: path.to_owned(), source };
    let signer = loop {
        let mut bytes = B256::ZERO;
        getrandom::fill(bytes.as_mut_slice()).map_err(|error| CarrierKeyError::Random(error.to_string()))?;
        // One in 2^128 is no key.
        if let Ok(signer) = PrivateKeySigner::from_bytes(&bytes) {
            break signer;
        }
    };
    // Under another name until it is whole: half a key is worse than none.
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new).map_err(failed)?;
    let text = hex::encode(signer.to_bytes()) + "\n";
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    Ok(signer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("carrier.key");
        let address = load(&path).unwrap().address();
        assert_eq!(load(&path).unwrap().address(), address);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&path), Err(CarrierKeyError::Open(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for bad in ["", "00", &"0".repeat(64), "no key"] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(load(&path), Err(CarrierKeyError::Malformed(_))), "{bad}");
        }
    }
}
