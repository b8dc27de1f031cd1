//! A certificate: one statement, who signed it, and their signatures in one.

use super::{BlsSignature, CertificateError, Committee, Statement, must_be};
use crate::limits::MAX_COMMITTEE_MEMBERS;

/// Bytes of the sum of signatures.
const SIGNATURE_BYTES: usize = 96;

/// What a quorum of a committee signed. Whether the signature is theirs is for who links the curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// What they say.
    pub statement: Statement,
    /// Who signed: member i is bit i % 8, from the least significant, of byte i / 8. As many bytes as the committee needs.
    pub bitmap: Vec<u8>,
    /// The sum of their signatures.
    pub signature: BlsSignature,
}

impl Certificate {
    /// The certificate of these members of a committee; `signature` is the sum of theirs.
    pub fn new(
        statement: Statement,
        committee: &Committee,
        signers: &[u16],
        signature: BlsSignature,
    ) -> Result<Self, CertificateError> {
        let mut bitmap = vec![0; bitmap_bytes(committee.members().len())];
        for signer in signers {
            committee.member(*signer)?;
            let (byte, bit) = (usize::from(*signer / 8), 1 << (signer % 8));
            if bitmap[byte] & bit != 0 {
                return Err(CertificateError::DuplicateSigner(*signer));
            }
            bitmap[byte] |= bit;
        }
        let certificate = Self { statement, bitmap, signature };
        certificate.signers(committee)?;
        Ok(certificate)
    }

    /// The places of who signed, in order, once all but the signature is as it must be.
    pub fn signers(&self, committee: &Committee) -> Result<Vec<u16>, CertificateError> {
        committee.must_be_of(&self.statement)?;
        let members = committee.members();
        must_be("bitmap", &self.bitmap, bitmap_bytes(members.len()))?;
        let places = 0..(self.bitmap.len() * 8) as u16;
        let signers: Vec<_> = places.filter(|place| self.is_set(*place)).collect();
        if signers.last().is_some_and(|last| usize::from(*last) >= members.len()) {
            return Err(CertificateError::BitsPastEnd { members: members.len() });
        }
        let signed = signers.iter().map(|place| u128::from(members[usize::from(*place)].weight)).sum();
        if !committee.is_quorum(signed) {
            return Err(CertificateError::UnderQuorum { signed, total: committee.total_weight() });
        }
        Ok(signers)
    }

    fn is_set(&self, place: u16) -> bool {
        self.bitmap[usize::from(place / 8)] & (1 << (place % 8)) != 0
    }

    /// Statement (121 bytes), bitmap, signature (96).
    pub fn encode(&self) -> Vec<u8> {
        [self.statement.encode().as_slice(), &self.bitmap, self.signature.as_slice()].concat()
    }

    /// Reads it. The bitmap is what is left between the other two: whether it fits, only the committee tells.
    pub fn decode(bytes: &[u8]) -> Result<Self, CertificateError> {
        let got = bytes.len();
        let bitmap = got.saturating_sub(Statement::BYTES + SIGNATURE_BYTES);
        if bitmap == 0 || bitmap > bitmap_bytes(MAX_COMMITTEE_MEMBERS) {
            let want = Statement::BYTES + SIGNATURE_BYTES + 1;
            return Err(CertificateError::Length { what: "certificate", want, got });
        }
        let (statement, rest) = bytes.split_at(Statement::BYTES);
        let (bitmap, signature) = rest.split_at(bitmap);
        Ok(Self {
            statement: Statement::decode(statement)?,
            bitmap: bitmap.to_vec(),
            signature: BlsSignature::from_slice(signature),
        })
    }
}

fn bitmap_bytes(members: usize) -> usize {
    members.div_ceil(8)
}
