//! Stateless verification of blocks, and committees whose votes make certificates.
//!
//! [`verify`] executes a block with nothing but its witness. A validator does that and signs what came out; enough signatures
//! are a certificate:
//!
//! ```text
//!   block + witness ──▶ verify ──▶ Signer ──vote──▶ Network ──vote──▶ Tally ──▶ certificate, evidence
//!                                    │ record, fsynced before                       │
//!                                    ▼                                              ▼
//!                                  votes                                          Archive
//! ```
//!
//! Invariants:
//! - Only `types`, `bls`, `state`, `engine` and `execution` are linked: a validator needs no node.
//! - What [`verify`] accepts has the roots that its execution gives. A witness can only lack things, which is an error.
//! - A [`Signer`] signs one statement for one height, whatever crashes: what it signs is on disk before.
//! - [`Tally`] and [`Validator`] are pure: messages in, messages out. Disk, clock and threads are their caller's.
//! - Nothing here panics on what came from outside.

mod archive;
mod certified;
mod evidence_store;
mod file_error;
mod network;
mod records;
mod registration;
mod signed;
mod signer;
mod tally;
mod twin;
mod validator;
mod verify;
mod witness_file;

pub use archive::Archive;
pub use certified::Certified;
pub use evidence_store::EvidenceStore;
pub use file_error::FileError;
pub use network::{Message, Network};
pub use registration::{Registration, RegistrationError, committee_of};
pub use signed::{SignatureFault, check_certificate, check_evidence, check_vote};
pub use signer::{SignError, Signer};
pub use tally::{Found, Tally};
pub use twin::{Faults, Twin, TwinPort};
pub use validator::{Outcome, Validator};
pub use verify::{ChainRules, Verified, VerifyError, verify};
pub use witness_file::WitnessFile;
