//! Signatures, alone and many in one.

use blst::{BLST_ERROR, min_pk};
use std::fmt;

use crate::{BlsError, Domain, PublicKey};

/// A signature: a point of G2, of the right subgroup, not infinity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub(crate) min_pk::Signature);

impl Signature {
    /// Length, in bytes.
    pub const BYTES: usize = 96;

    /// Reads and checks a signature. That it is one of a message is another question.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BlsError> {
        let got = bytes.len();
        if got != Self::BYTES {
            return Err(BlsError::Length { what: "signature", want: Self::BYTES, got });
        }
        min_pk::Signature::sig_validate(bytes, true).map(Self).map_err(|error| BlsError::of("signature", error))
    }

    /// Its only encoding.
    pub fn to_bytes(&self) -> [u8; 96] {
        self.0.to_bytes()
    }

    /// Whether the holder of `key` signed `message` as one of `domain`.
    pub fn verify(&self, domain: Domain, message: &[u8], key: &PublicKey) -> bool {
        self.verify_tagged(domain.tag(), message, std::slice::from_ref(key))
    }

    pub(crate) fn verify_tagged(&self, tag: &[u8], message: &[u8], keys: &[PublicKey]) -> bool {
        let keys: Vec<_> = keys.iter().map(|key| &key.0).collect();
        // The subgroup was checked when it was read or follows from how it was made.
        self.0.fast_aggregate_verify(false, message, tag, &keys) == BLST_ERROR::BLST_SUCCESS
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex(&self.to_bytes()))
    }
}

/// Many signatures in one. Signatures that cancel each other out have no sum.
pub fn aggregate(signatures: &[Signature]) -> Result<Signature, BlsError> {
    let points: Vec<_> = signatures.iter().map(|signature| &signature.0).collect();
    let sum = min_pk::AggregateSignature::aggregate(&points, false).map_err(|_| BlsError::Nothing)?.to_signature();
    sum.validate(true).map_err(|error| BlsError::of("aggregate signature", error))?;
    Ok(Signature(sum))
}

/// Whether the holders of all `keys` signed `message` as one of `domain`. Nobody signs nothing: no keys is false.
///
/// Sound only for keys whose possession was proven.
pub fn fast_aggregate_verify(domain: Domain, keys: &[PublicKey], message: &[u8], signature: &Signature) -> bool {
    !keys.is_empty() && signature.verify_tagged(domain.tag(), message, keys)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
