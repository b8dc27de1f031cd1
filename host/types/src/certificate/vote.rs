//! A vote: one member's signature under a statement.

use super::{BlsSignature, CertificateError, Statement, must_be, take};

/// What one member says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// What it says.
    pub statement: Statement,
    /// Its place in the committee.
    pub member: u16,
    /// Its signature.
    pub signature: BlsSignature,
}

impl Vote {
    /// Length of its one encoding, in bytes.
    pub const BYTES: usize = Statement::BYTES + 2 + 96;

    /// Statement (121 bytes), member (2, big-endian), signature (96).
    pub fn encode(&self) -> Vec<u8> {
        [self.statement.encode().as_slice(), &self.member.to_be_bytes(), self.signature.as_slice()].concat()
    }

    /// Reads it.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, CertificateError> {
        must_be("vote", bytes, Self::BYTES)?;
        let statement = Statement::decode(&take::<{ Statement::BYTES }>(&mut bytes))?;
        let member = u16::from_be_bytes(take(&mut bytes));
        Ok(Self { statement, member, signature: take(&mut bytes).into() })
    }
}
