//! Who signed: the public key behind a secp256k1 signature, and the Ethereum address of its owner (SEC 1, 4.1.6; Yellow Paper,
//! appendix F).
//!
//! One recovery is libsecp256k1's work. Of many, eight are done at once where the processor has AVX-512 IFMA, with the same
//! results: what the eight lanes cannot decide, libsecp256k1 decides.

#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod many;
#[cfg(target_arch = "x86_64")]
mod scalars;
mod single;
#[cfg(target_arch = "x86_64")]
mod words;

use alloy_primitives::{Address, B256, U256};

/// A signature and what it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Hash of what was signed.
    pub digest: B256,
    /// x of the signature's point modulo the order.
    pub r: U256,
    /// The signature's proof. Both halves of the order count.
    pub s: U256,
    /// Whether y of the signature's point is odd.
    pub odd: bool,
}

/// Who signed; nobody if the signature is not one.
pub fn signer(signed: &Signed) -> Option<Address> {
    single::signer(signed)
}

/// Who signed each.
pub fn signers(signed: &[Signed]) -> Vec<Option<Address>> {
    #[cfg(target_arch = "x86_64")]
    if many::is_sound() {
        return many::signers(signed);
    }
    signed.iter().map(single::signer).collect()
}
