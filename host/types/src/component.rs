//! A component and its identity.

use alloy_primitives::{B256, Bytes};
use alloy_rlp::{RlpDecodableWrapper, RlpEncodableWrapper};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};

use crate::limits::MAX_COMPONENT_BYTES;

/// zstd level of components on the wire and in the block log. Only the bytes inside have an identity, so a change of
/// level is not a change of consensus.
const ZSTD_LEVEL: i32 = 9;

/// SHA-256 of a component's bytes: what an engine *is*. Names, versions and signatures are claims about a digest.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    RlpEncodableWrapper,
    RlpDecodableWrapper,
)]
#[serde(transparent)]
pub struct Digest(pub B256);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(B256::from_slice(&Sha256::digest(bytes)))
    }

    /// The first eight hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..10].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Digest {
    type Err = ComponentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| ComponentError::BadDigest(text.to_owned()))
    }
}

/// The bytes of a component with their digest. The pair always agrees: it can only be made from the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    digest: Digest,
    bytes: Bytes,
}

impl Component {
    /// Takes a component's bytes. Only their number is checked here; what they mean is the engine runtime's question.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, ComponentError> {
        let bytes = bytes.into();
        if bytes.len() > MAX_COMPONENT_BYTES {
            return Err(ComponentError::TooLarge { bytes: bytes.len() });
        }
        Ok(Self { digest: Digest::of(&bytes), bytes })
    }

    /// Its identity.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The form in which it travels and is stored.
    pub fn compress(&self) -> Bytes {
        // Compressing to memory fails only when memory does, and allocation aborts then.
        zstd::bulk::compress(&self.bytes, ZSTD_LEVEL).expect("zstd compresses into memory").into()
    }

    /// Reads what [`Self::compress`] wrote; never more than [`MAX_COMPONENT_BYTES`].
    pub fn decompress(compressed: &[u8]) -> Result<Self, ComponentError> {
        let bytes = zstd::bulk::decompress(compressed, MAX_COMPONENT_BYTES).map_err(ComponentError::Compression)?;
        Self::new(bytes)
    }
}

/// Bytes that are no component.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// Over [`MAX_COMPONENT_BYTES`].
    #[error("component of {bytes} bytes is over the limit of {MAX_COMPONENT_BYTES}")]
    TooLarge {
        /// How long it is.
        bytes: usize,
    },
    /// Not zstd, damaged, or over the limit once unpacked.
    #[error("component does not unpack to at most {MAX_COMPONENT_BYTES} bytes: {0}")]
    Compression(std::io::Error),
    /// Not 32 bytes of hexadecimal digits.
    #[error("'{0}' is no digest: expected 0x and 64 hexadecimal digits")]
    BadDigest(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn compression_keeps_identity(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
            let component = Component::new(bytes).unwrap();
            prop_assert_eq!(Component::decompress(&component.compress()).unwrap(), component);
        }

        #[test]
        fn noise_is_an_error(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = Component::decompress(&bytes);
        }
    }

    #[test]
    fn a_bomb_does_not_unpack() {
        let bomb = zstd::bulk::compress(&vec![0; 64 * 1024 * 1024], 19).unwrap();
        assert!(matches!(Component::decompress(&bomb), Err(ComponentError::Compression(_))));
        assert!(matches!(Component::new(vec![0; MAX_COMPONENT_BYTES + 1]), Err(ComponentError::TooLarge { .. })));
    }
}
