//! A committee: who may sign, and how much each counts.

use alloy_primitives::{Address, B256, keccak256};

use super::{BlsKey, CertificateError, Statement, must_be, take};
use crate::limits::MAX_COMMITTEE_MEMBERS;

/// A validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// What its signatures are checked with. Its possession was proven before it got here.
    pub key: BlsKey,
    /// How much it counts.
    pub weight: u64,
    /// Whose bond answers for it.
    pub owner: Address,
}

/// The validators of one epoch, in order. At most [`MAX_COMMITTEE_MEMBERS`], no key twice, none without weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    epoch: u64,
    members: Vec<Member>,
    root: B256,
}

/// Bytes of one member in the encoding.
const MEMBER_BYTES: usize = 48 + 8 + 20;
/// Bytes before the members.
const HEAD_BYTES: usize = 8 + 4;

impl Committee {
    /// A committee of these members.
    pub fn new(epoch: u64, members: Vec<Member>) -> Result<Self, CertificateError> {
        if members.is_empty() {
            return Err(CertificateError::NoMembers);
        }
        if members.len() > MAX_COMMITTEE_MEMBERS {
            return Err(CertificateError::TooManyMembers(members.len()));
        }
        for (second, member) in (0u16..).zip(&members) {
            if member.weight == 0 {
                return Err(CertificateError::NoWeight(second));
            }
            let same = (0u16..second).zip(&members).find(|(_, earlier)| earlier.key == member.key);
            if let Some((first, _)) = same {
                return Err(CertificateError::DuplicateKey { first, second });
            }
        }
        let root = keccak256(encode(epoch, &members));
        Ok(Self { epoch, members, root })
    }

    /// Which committee of the chain, counted.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The members, in order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member at a place.
    pub fn member(&self, place: u16) -> Result<&Member, CertificateError> {
        let missing = CertificateError::NotAMember { member: place, members: self.members.len() };
        self.members.get(usize::from(place)).ok_or(missing)
    }

    /// The place of a key.
    pub fn place_of(&self, key: &BlsKey) -> Option<u16> {
        (0u16..).zip(&self.members).find(|(_, member)| member.key == *key).map(|(place, _)| place)
    }

    /// Keccak-256 of [`Self::encode`]: what statements name it by.
    pub fn root(&self) -> B256 {
        self.root
    }

    /// The weight of all.
    pub fn total_weight(&self) -> u128 {
        self.members.iter().map(|member| u128::from(member.weight)).sum()
    }

    /// Whether `signed` of the weight is a quorum: strictly more than two thirds.
    pub fn is_quorum(&self, signed: u128) -> bool {
        // At most 128 members of 64 bits each, so nothing overflows.
        signed * 3 > self.total_weight() * 2
    }

    /// Whether a statement is by this committee.
    pub fn must_be_of(&self, statement: &Statement) -> Result<(), CertificateError> {
        if statement.epoch != self.epoch {
            return Err(CertificateError::UnknownEpoch { given: statement.epoch, expected: self.epoch });
        }
        if statement.committee_root != self.root {
            return Err(CertificateError::OtherCommittee { given: statement.committee_root, expected: self.root });
        }
        Ok(())
    }

    /// Epoch (8 bytes), count (4), then for each member key (48), weight (8), owner (20); numbers big-endian.
    pub fn encode(&self) -> Vec<u8> {
        encode(self.epoch, &self.members)
    }

    /// Reads it.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, CertificateError> {
        if bytes.len() < HEAD_BYTES {
            return Err(CertificateError::Length { what: "committee", want: HEAD_BYTES, got: bytes.len() });
        }
        let whole = bytes;
        let (epoch, count) = (u64::from_be_bytes(take(&mut bytes)), u32::from_be_bytes(take(&mut bytes)) as usize);
        if count > MAX_COMMITTEE_MEMBERS {
            return Err(CertificateError::TooManyMembers(count));
        }
        must_be("committee", whole, HEAD_BYTES + count * MEMBER_BYTES)?;
        let member = |bytes: &mut &[u8]| Member {
            key: take(bytes).into(),
            weight: u64::from_be_bytes(take(bytes)),
            owner: take(bytes).into(),
        };
        Self::new(epoch, (0..count).map(|_| member(&mut bytes)).collect())
    }
}

fn encode(epoch: u64, members: &[Member]) -> Vec<u8> {
    let mut bytes = epoch.to_be_bytes().to_vec();
    // At most `MAX_COMMITTEE_MEMBERS`.
    bytes.extend((members.len() as u32).to_be_bytes());
    for Member { key, weight, owner } in members {
        bytes.extend_from_slice(key.as_slice());
        bytes.extend(weight.to_be_bytes());
        bytes.extend_from_slice(owner.as_slice());
    }
    bytes
}
