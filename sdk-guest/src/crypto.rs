//! Cryptography that the host runs as native code.

use alloy_primitives::{Address, B256};

use crate::host;

/// Keccak-256.
pub fn keccak256(data: &[u8]) -> B256 {
    host::keccak256(data)
}

/// The signer of a digest by a 65-byte signature (r, s, v with v in 0, 1, 27, 28), or none when it is not valid, is
/// malleable (s in the upper half) or has another length.
pub fn recover(digest: B256, signature: &[u8]) -> Option<Address> {
    if signature.len() != 65 {
        return None;
    }
    host::recover(digest, signature)
}

/// Whether a 64-byte Ed25519 signature holds, by the strict rules. Another length does not hold.
pub fn verify_ed25519(public_key: B256, message: &[u8], signature: &[u8]) -> bool {
    signature.len() == 64 && host::verify_ed25519(public_key, message, signature)
}
