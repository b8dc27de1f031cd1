//! Where a value stands in an account's storage, as clients write it.

use alloy_primitives::B256;
use alloy_serde::JsonStorageKey;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IntoDeserializer as _},
};

/// At most 32 bytes in hex, left-padded if they are fewer. Proofs give it back in its form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot(pub(crate) JsonStorageKey);

impl Slot {
    pub(crate) fn word(self) -> B256 {
        self.0.as_b256()
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").ok_or_else(|| D::Error::custom("a storage key begins with 0x"))?;
        // The library takes any number of zeros.
        if digits.len() > 64 {
            return Err(D::Error::custom("a storage key has at most 64 digits"));
        }
        JsonStorageKey::deserialize(text.into_deserializer()).map(Self)
    }
}
