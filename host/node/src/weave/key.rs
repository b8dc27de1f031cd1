//! The key of the account that carries.

use alloy_primitives::B256;
use alloy_signer_local::PrivateKeySigner;

use crate::secret_file::Secret;

impl Secret for PrivateKeySigner {
    const WHAT: &'static str = "carrier key";
    const INSTEAD: &'static str = "a new account, which needs funds";

    fn of_entropy(entropy: &[u8; 32]) -> Option<Self> {
        Self::from_bytes(&B256::from(*entropy)).ok()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_slice(bytes).ok()
    }

    fn reveal(&self) -> [u8; 32] {
        self.to_bytes().0
    }
}
