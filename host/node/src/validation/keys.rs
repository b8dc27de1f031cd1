//! The validators' secret keys.

use std::{fs, path::Path};

use caldera_bls::SecretKey;

use crate::secret_file::{self, Secret, SecretFileError};

impl Secret for SecretKey {
    const WHAT: &'static str = "validator key";
    const INSTEAD: &'static str = "a new validator";

    fn of_entropy(entropy: &[u8; 32]) -> Option<Self> {
        Some(Self::from_entropy(entropy))
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_bytes(bytes).ok()
    }

    fn reveal(&self) -> [u8; 32] {
        Self::reveal(self)
    }
}

/// So many keys of a folder; those that are not there yet are made.
pub(super) fn load(folder: &Path, count: usize) -> Result<Vec<SecretKey>, SecretFileError> {
    let failed = |source| SecretFileError::File { what: SecretKey::WHAT, path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    (0..count).map(|n| secret_file::load(&folder.join(format!("{n}.key")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_validators_keep_the_keys_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let public = |count| {
            let keys = load(dir.path(), count).unwrap();
            keys.iter().map(SecretKey::public_key).collect::<Vec<_>>()
        };
        let two = public(2);
        assert_ne!(two[0], two[1]);
        assert_eq!(public(3)[..2], two);
    }
}
