//! What validators sign, in the encoding of `caldera-types`, which this crate cannot link: it runs in the sandbox.
//!
//! Every check but the signatures, which the engine asks its host for.

use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolError;

use crate::{MAX_MEMBERS, abi::Weave as abi, unit::take};

/// A refusal, as revert data of the engine's interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(Vec<u8>);

impl Refused {
    /// The revert data.
    pub fn into_data(self) -> Vec<u8> {
        self.0
    }
}

impl<E: SolError> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.abi_encode())
    }
}

/// Length of a statement, in bytes.
pub const STATEMENT_BYTES: usize = 121;
/// Length of a vote: statement, member (2), signature (96).
pub const VOTE_BYTES: usize = STATEMENT_BYTES + 2 + 96;
const KEY_BYTES: usize = 48;
const SIGNATURE_BYTES: usize = 96;
const MEMBER_BYTES: usize = KEY_BYTES + 8 + 20;
const HEAD_BYTES: usize = 8 + 4;

/// That a block of a chain has this hash and leads to this state, said by one committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Chain id.
    pub chain_id: u64,
    /// Height.
    pub height: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Root of the state after it.
    pub state_root: B256,
    /// Which committee of the chain, counted.
    pub epoch: u64,
    /// Keccak-256 of the committee's encoding.
    pub committee_root: B256,
    /// What is signed.
    pub bytes: &'a [u8],
}

impl<'a> Statement<'a> {
    /// Reads a statement off the front.
    pub fn read(bytes: &mut &'a [u8]) -> Result<Self, Refused> {
        let (whole, rest) = bytes.split_at_checked(STATEMENT_BYTES).ok_or_else(malformed)?;
        *bytes = rest;
        let mut fields = whole;
        let statement = Self {
            chain_id: u64::from_be_bytes(take(&mut fields)),
            height: u64::from_be_bytes(take(&mut fields)),
            block_hash: take(&mut fields).into(),
            state_root: take(&mut fields).into(),
            epoch: u64::from_be_bytes(take(&mut fields)),
            committee_root: take(&mut fields).into(),
            bytes: whole,
        };
        match take::<1>(&mut fields)[0] {
            0 => Ok(statement),
            finality => Err(Refused::from(abi::UnknownFinality { finality })),
        }
    }

    /// Whether no honest validator signs both.
    pub fn contradicts(&self, other: &Self) -> bool {
        let about = |s: &Self| (s.chain_id, s.height, s.epoch, s.committee_root);
        let says = |s: &Self| (s.block_hash, s.state_root);
        about(self) == about(other) && says(self) != says(other)
    }
}

/// A statement, who signed it, and their signatures in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// What they say.
    pub statement: Statement<'a>,
    /// Member i is bit i % 8, from the least significant, of byte i / 8.
    pub bitmap: &'a [u8],
    /// The sum of their signatures.
    pub signature: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads a certificate: statement, bitmap, signature.
    pub fn read(mut bytes: &'a [u8]) -> Result<Self, Refused> {
        let statement = Statement::read(&mut bytes)?;
        let bitmap = bytes.len().checked_sub(SIGNATURE_BYTES).ok_or_else(malformed)?;
        let (bitmap, signature) = bytes.split_at(bitmap);
        Ok(Self { statement, bitmap, signature })
    }
}

/// One member's signature under a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote<'a> {
    /// What it says.
    pub statement: Statement<'a>,
    /// Its place in the committee.
    pub member: u16,
    /// Its signature.
    pub signature: &'a [u8],
}

impl<'a> Vote<'a> {
    /// Reads a vote off the front.
    pub fn read(bytes: &mut &'a [u8]) -> Result<Self, Refused> {
        let (mut vote, rest) = bytes.split_at_checked(VOTE_BYTES).ok_or_else(malformed)?;
        *bytes = rest;
        let statement = Statement::read(&mut vote)?;
        let member = u16::from_be_bytes(take(&mut vote));
        Ok(Self { statement, member, signature: vote })
    }
}

/// What proves that a validator lied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence<'a> {
    /// It signed two statements that contradict each other.
    Equivocation(Vote<'a>, Vote<'a>),
    /// It signed something else than its committee.
    WrongRoot(Vote<'a>, Certificate<'a>),
}

impl<'a> Evidence<'a> {
    /// Reads evidence: kind (1 byte), a vote, then the other vote or the certificate.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refused> {
        let (kind, mut rest) = bytes.split_first().ok_or_else(malformed)?;
        let vote = Vote::read(&mut rest)?;
        let (evidence, contradicted) = match kind {
            1 => {
                let other = Vote::read(&mut rest)?;
                if !rest.is_empty() || other.member != vote.member {
                    return Err(malformed());
                }
                (Self::Equivocation(vote, other), other.statement)
            }
            2 => {
                let certificate = Certificate::read(rest)?;
                (Self::WrongRoot(vote, certificate), certificate.statement)
            }
            _ => return Err(malformed()),
        };
        match vote.statement.contradicts(&contradicted) {
            true => Ok(evidence),
            false => Err(Refused::from(abi::NoContradiction {})),
        }
    }

    /// The vote of who is accused.
    pub fn vote(&self) -> &Vote<'a> {
        match self {
            Self::Equivocation(vote, _) | Self::WrongRoot(vote, _) => vote,
        }
    }
}

/// One validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its public key.
    pub key: &'a [u8],
    /// How much it counts.
    pub weight: u64,
    /// Whose bond answers for it.
    pub owner: Address,
}

/// A committee in its encoding: epoch (8 bytes), count (4), then of each member key (48), weight (8) and owner (20).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee(Vec<u8>);

impl Committee {
    /// A committee of these members: at least one and at most [`MAX_MEMBERS`], each with weight, no key twice.
    pub fn new<'a>(epoch: u64, members: impl ExactSizeIterator<Item = Member<'a>>) -> Result<Self, Refused> {
        let count = members.len();
        if count == 0 || count > MAX_MEMBERS {
            let refused = abi::BadCommitteeSize { members: count as u64, most: MAX_MEMBERS as u64 };
            return Err(Refused::from(refused));
        }
        let mut committee = Self(Vec::with_capacity(HEAD_BYTES + count * MEMBER_BYTES));
        committee.0.extend(epoch.to_be_bytes());
        // At most `MAX_MEMBERS`.
        committee.0.extend((count as u32).to_be_bytes());
        for (index, member) in members.enumerate() {
            let index = index as u64;
            if member.key.len() != KEY_BYTES {
                return Err(Refused::from(abi::BadKey { member: index }));
            }
            if member.weight == 0 {
                return Err(Refused::from(abi::NoWeight { member: index }));
            }
            if committee.members().any(|earlier| earlier.key == member.key) {
                return Err(Refused::from(abi::DuplicateSigner { member: index }));
            }
            committee.0.extend_from_slice(member.key);
            committee.0.extend(member.weight.to_be_bytes());
            committee.0.extend_from_slice(member.owner.as_slice());
        }
        Ok(committee)
    }

    /// What [`Self::encoding`] gave.
    pub fn stored(encoding: Vec<u8>) -> Option<Self> {
        let whole = encoding.len() > HEAD_BYTES && (encoding.len() - HEAD_BYTES).is_multiple_of(MEMBER_BYTES);
        whole.then_some(Self(encoding))
    }

    /// The encoding.
    pub fn encoding(&self) -> &[u8] {
        &self.0
    }

    /// What statements name it by.
    pub fn root(&self) -> B256 {
        keccak256(&self.0)
    }

    /// Which committee of its chain, counted.
    pub fn epoch(&self) -> u64 {
        u64::from_be_bytes(take(&mut self.0.as_slice()))
    }

    /// The members, in order.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member<'_>> {
        self.0[HEAD_BYTES..].chunks_exact(MEMBER_BYTES).map(|member| {
            let (key, mut rest) = member.split_at(KEY_BYTES);
            Member { key, weight: u64::from_be_bytes(take(&mut rest)), owner: take(&mut rest).into() }
        })
    }

    /// The member at a place.
    pub fn member(&self, place: u16) -> Result<Member<'_>, Refused> {
        let unknown = Refused::from(abi::UnknownSigner { member: u64::from(place) });
        self.members().nth(usize::from(place)).ok_or(unknown)
    }

    /// Whether it is this committee that a statement names.
    pub fn must_be_of(&self, statement: &Statement<'_>) -> Result<(), Refused> {
        if statement.epoch != self.epoch() {
            let refused = abi::WrongEpoch { epoch: statement.epoch, expected: self.epoch() };
            return Err(Refused::from(refused));
        }
        match statement.committee_root == self.root() {
            true => Ok(()),
            false => Err(Refused::from(abi::WrongCommittee { committeeRoot: statement.committee_root })),
        }
    }

    /// The keys of who signed, one after another, once they are a quorum: strictly more than two thirds of the weight.
    pub fn signers(&self, bitmap: &[u8]) -> Result<Vec<u8>, Refused> {
        let count = self.members().len();
        if bitmap.len() != count.div_ceil(8) {
            return Err(malformed());
        }
        let is_set = |place: usize| bitmap[place / 8] & 1 << (place % 8) != 0;
        if let Some(past) = (count..8 * bitmap.len()).find(|place| is_set(*place)) {
            return Err(Refused::from(abi::UnknownSigner { member: past as u64 }));
        }
        // At most 128 members of 64 bits each, so nothing overflows.
        let (mut keys, mut signed, mut total) = (Vec::new(), 0u128, 0u128);
        for (place, member) in self.members().enumerate() {
            total += u128::from(member.weight);
            if is_set(place) {
                signed += u128::from(member.weight);
                keys.extend_from_slice(member.key);
            }
        }
        match signed * 3 > total * 2 {
            true => Ok(keys),
            false => Err(Refused::from(abi::UnderQuorum { signed, total })),
        }
    }
}

/// What the old committee signs to name the next: chain id (8 bytes), new epoch (8), old root (32), new root (32).
pub fn handover(chain_id: u64, old: &Committee, new: &Committee) -> [u8; 80] {
    let mut bytes = [0; 80];
    bytes[..8].copy_from_slice(&chain_id.to_be_bytes());
    bytes[8..16].copy_from_slice(&new.epoch().to_be_bytes());
    bytes[16..48].copy_from_slice(old.root().as_slice());
    bytes[48..].copy_from_slice(new.root().as_slice());
    bytes
}

fn malformed() -> Refused {
    Refused::from(abi::MalformedCertificate {})
}
