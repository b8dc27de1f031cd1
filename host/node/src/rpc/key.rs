//! The key that signs an operator's transactions. It comes from a file or the environment, never from the command line,
//! where every process of the machine could read it; it is never printed and never logged.

use std::{
    env, fmt, fs, io,
    path::{Path, PathBuf},
};

use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;

/// The environment variable that may hold a key.
pub const ENV: &str = "CALDERA_KEY";

/// A private key. Shows its address only.
#[derive(Clone)]
pub struct Key(PrivateKeySigner);

/// Why there is no key. The text never holds any part of one.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the key file {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What was found is no key.
    #[error("{0} holds no private key: expected 32 bytes as 64 hexadecimal digits, with or without 0x")]
    Malformed(String),
    /// Nobody gave one, and the chain's governor is not the one that the whole world can sign for.
    #[error(
        "no key to sign with: the chain is governed by {0}; give its key by --key-file FILE or in the environment \
         variable {ENV}"
    )]
    None(Address),
}

impl Key {
    /// A key from its signer.
    pub fn new(signer: PrivateKeySigner) -> Self {
        Self(signer)
    }

    /// The key of a file, else of the environment, else none.
    pub fn find(file: Option<&Path>) -> Result<Option<Self>, KeyError> {
        if let Some(path) = file {
            let text =
                fs::read_to_string(path).map_err(|source| KeyError::Unreadable { path: path.to_owned(), source })?;
            return Self::parse(&text, &path.display().to_string()).map(Some);
        }
        match env::var(ENV) {
            Ok(text) => Self::parse(&text, &format!("the environment variable {ENV}")).map(Some),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(KeyError::Malformed(format!("the environment variable {ENV}"))),
        }
    }

    fn parse(text: &str, place: &str) -> Result<Self, KeyError> {
        text.trim().parse().map(Self).map_err(|_| KeyError::Malformed(place.to_owned()))
    }

    /// Whose key it is.
    pub fn address(&self) -> Address {
        self.0.address()
    }

    /// The means to sign.
    pub fn signer(&self) -> &PrivateKeySigner {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[test]
    fn keys_are_read_from_files_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, format!("{SECRET}\n")).unwrap();
        let key = Key::find(Some(&path)).unwrap().unwrap();
        assert_eq!(key.address().to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert!(!format!("{key:?}").to_lowercase().contains(&SECRET[2..10]));
    }

    #[test]
    fn a_bad_key_is_not_repeated_in_the_message() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, &SECRET[..60]).unwrap();
        let message = Key::find(Some(&path)).unwrap_err().to_string();
        assert!(message.contains("64 hexadecimal digits") && !message.contains("ac0974"), "{message}");
        assert!(matches!(Key::find(Some(&dir.path().join("none"))), Err(KeyError::Unreadable { .. })));
    }
}
