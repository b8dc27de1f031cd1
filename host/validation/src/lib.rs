//! Stateless verification of blocks, and committees whose votes make certificates.
//!
//! [`verify`] executes a block with nothing but its witness. A validator does that and signs what came out; enough signatures
//! are a certificate.
//!
//! Invariants:
//! - Only `types`, `bls`, `state`, `engine` and `execution` are linked: a validator needs no node.
//! - What [`verify`] accepts has the roots that its execution gives. A witness can only lack things, which is an error.
//! - Nothing here panics on what came from outside.

mod signed;
mod verify;
mod witness_file;

pub use signed::{SignatureFault, check_certificate, check_evidence, check_vote};
pub use verify::{ChainRules, Verified, VerifyError, verify};
pub use witness_file::WitnessFile;
