//! Keys, and the proof that somebody holds the secret one.

use blst::min_pk;
use std::{cmp::Ordering, fmt};

use crate::{BlsError, Domain, Signature};

/// A secret key. Overwritten in memory when dropped, and never printed.
#[derive(Clone)]
pub struct SecretKey(min_pk::SecretKey);

impl SecretKey {
    /// Length, in bytes: a big-endian number.
    pub const BYTES: usize = 32;

    /// The key of 32 bytes from a random source, after the draft's KeyGen: whatever they are, the key is valid.
    pub fn from_entropy(entropy: &[u8; 32]) -> Self {
        // Only entropy of fewer than 32 bytes is refused.
        Self(min_pk::SecretKey::key_gen(entropy, &[]).unwrap_or_default())
    }

    /// A key that was written down.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BlsError> {
        let got = bytes.len();
        if got != Self::BYTES {
            return Err(BlsError::Length { what: "secret key", want: Self::BYTES, got });
        }
        min_pk::SecretKey::from_bytes(bytes).map(Self).map_err(|_| BlsError::Secret)
    }

    /// The key itself, to be kept: never for a log, a metric or an answer.
    pub fn reveal(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// What others know it by.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.sk_to_pk())
    }

    /// Signs `message` as one of `domain`.
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        self.sign_tagged(domain.tag(), message)
    }

    pub(crate) fn sign_tagged(&self, tag: &[u8], message: &[u8]) -> Signature {
        Signature(self.0.sign(message, tag, &[]))
    }

    /// The proof that whoever registers the public key holds this one.
    pub fn prove_possession(&self) -> Signature {
        self.sign(Domain::Possession, &self.public_key().to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public_key())
    }
}

/// A public key: a point of G1, of the right subgroup, not infinity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub(crate) min_pk::PublicKey);

impl PublicKey {
    /// Length, in bytes.
    pub const BYTES: usize = 48;

    /// Reads and checks a key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BlsError> {
        let got = bytes.len();
        if got != Self::BYTES {
            return Err(BlsError::Length { what: "public key", want: Self::BYTES, got });
        }
        min_pk::PublicKey::key_validate(bytes).map(Self).map_err(|error| BlsError::of("public key", error))
    }

    /// Its only encoding.
    pub fn to_bytes(&self) -> [u8; 48] {
        self.0.to_bytes()
    }

    /// Whether `proof` was made with the secret key. Ask before the key joins a committee.
    pub fn verify_possession(&self, proof: &Signature) -> bool {
        proof.verify(Domain::Possession, &self.to_bytes(), self)
    }
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_bytes().cmp(&other.to_bytes())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", crate::signature::hex(&self.to_bytes()))
    }
}
