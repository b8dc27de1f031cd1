//! A statement: the one message that validators sign.

use alloy_primitives::B256;

use super::{CertificateError, must_be, take};

/// How final a block is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finality {
    /// A committee executed it. Other classes, such as settled on another chain, are to come.
    Certified,
}

impl Finality {
    /// The stored form.
    pub const fn code(self) -> u8 {
        match self {
            Self::Certified => 0,
        }
    }

    fn of(code: u8) -> Result<Self, CertificateError> {
        if code == Self::Certified.code() { Ok(Self::Certified) } else { Err(CertificateError::UnknownFinality(code)) }
    }
}

/// That the block of one height of one chain has this hash and leads to this state, said by one committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Height.
    pub height: u64,
    /// Keccak-256 of the header.
    pub block_hash: B256,
    /// Root of the state after the block.
    pub state_root: B256,
    /// Which committee of the chain, counted.
    pub epoch: u64,
    /// [`super::Committee::root`] of it.
    pub committee_root: B256,
    /// How final it is.
    pub finality: Finality,
}

impl Statement {
    /// Length of its one encoding, in bytes.
    pub const BYTES: usize = 8 + 8 + 32 + 32 + 8 + 32 + 1;

    /// The bytes that are signed: the fields in order, numbers big-endian.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let fields: [&[u8]; 7] = [
            &self.chain_id.to_be_bytes(),
            &self.height.to_be_bytes(),
            self.block_hash.as_slice(),
            self.state_root.as_slice(),
            &self.epoch.to_be_bytes(),
            self.committee_root.as_slice(),
            &[self.finality.code()],
        ];
        let mut at = 0;
        for field in fields {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        bytes
    }

    /// Reads it.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, CertificateError> {
        must_be("statement", bytes, Self::BYTES)?;
        let bytes = &mut bytes;
        Ok(Self {
            chain_id: u64::from_be_bytes(take(bytes)),
            height: u64::from_be_bytes(take(bytes)),
            block_hash: take(bytes).into(),
            state_root: take(bytes).into(),
            epoch: u64::from_be_bytes(take(bytes)),
            committee_root: take(bytes).into(),
            finality: Finality::of(take::<1>(bytes)[0])?,
        })
    }

    /// Whether both are about the same height of the same chain, by the same committee.
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        let about = |s: &Self| (s.chain_id, s.height, s.epoch, s.committee_root);
        about(self) == about(other)
    }

    /// Whether no honest validator signs both.
    pub fn contradicts(&self, other: &Self) -> bool {
        let says = |s: &Self| (s.block_hash, s.state_root);
        self.is_about_the_same(other) && says(self) != says(other)
    }
}
