//! Certificates: what a committee of validators says of a block, and what proves that one of them lied.
//!
//! Here is their form, and every check that needs no curve: lengths, quorum, epoch, who signed. Signatures are checked by who
//! links the curve; each is over [`Statement::encode`] in the certificate domain.

mod committee;
mod error;
mod evidence;
mod quorum;
mod statement;
mod vote;

pub use committee::{Committee, Member};
pub use error::CertificateError;
pub use evidence::Evidence;
pub use quorum::Certificate;
pub use statement::{Finality, Statement};
pub use vote::Vote;

use alloy_primitives::FixedBytes;

/// A public key of BLS12-381 in G1, compressed. Only bytes: not known to be a point.
pub type BlsKey = FixedBytes<48>;
/// A signature of BLS12-381 in G2, compressed. Only bytes: not known to be a point.
pub type BlsSignature = FixedBytes<96>;

/// Takes the next bytes of something whose length was checked; what is missing reads as zero.
fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let mut taken = [0; N];
    if let Some((head, rest)) = bytes.split_at_checked(N) {
        taken.copy_from_slice(head);
        *bytes = rest;
    }
    taken
}

/// Whether `what` has as many bytes as it must.
fn must_be(what: &'static str, bytes: &[u8], want: usize) -> Result<(), CertificateError> {
    let got = bytes.len();
    if got == want { Ok(()) } else { Err(CertificateError::Length { what, want, got }) }
}
