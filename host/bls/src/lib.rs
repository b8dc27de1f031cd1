//! BLS signatures of committees: checked keys and signatures, possession, aggregates, one domain a kind of message.
//!
//! Curve BLS12-381, public keys in G1 (48 bytes compressed), signatures in G2 (96 bytes), after
//! draft-irtf-cfrg-bls-signature-05, the proof-of-possession scheme. The pairing is blst's, which also stands behind
//! revm's precompiles.
//!
//! Invariants: a [`PublicKey`] and a [`Signature`] are points of the right subgroup and not infinity, because nothing else
//! can be decoded; a signature of one [`Domain`] says nothing in another.
//!
//! Attacks it meets: small subgroups, infinity, other encodings of the same point, and rogue keys, where a member
//! registers a key made from others' and signs for all of them alone. The last is stopped only if every key's possession was
//! proven before it joined a committee ([`PublicKey::verify_possession`]): [`fast_aggregate_verify`] relies on that and cannot see it.

mod domain;
mod error;
mod keys;
mod signature;

pub use domain::Domain;
pub use error::BlsError;
pub use keys::{PublicKey, SecretKey};
pub use signature::{Signature, aggregate, fast_aggregate_verify};

#[cfg(test)]
mod tests;
