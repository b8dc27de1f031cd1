//! Why a certificate, a vote, a committee or evidence is none. Always the fault of who made it.

use alloy_primitives::B256;

use crate::limits::MAX_COMMITTEE_MEMBERS;

/// What is wrong, in the order in which it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Too few bytes or too many.
    #[error("a {what} of this committee has {want} bytes, not {got}")]
    Length {
        /// What was to be read.
        what: &'static str,
        /// Its length, in bytes.
        want: usize,
        /// What came, in bytes.
        got: usize,
    },
    /// A class that is not defined yet.
    #[error("finality class {0} is not known; 0 is certified")]
    UnknownFinality(u8),
    /// A kind that is not defined.
    #[error("evidence of kind {0} is not known; 1 is equivocation, 2 a wrong root")]
    UnknownEvidence(u8),
    /// It is of another time than the committee.
    #[error("epoch {given} is not that of this committee, which is {expected}")]
    UnknownEpoch {
        /// What it says.
        given: u64,
        /// The committee's.
        expected: u64,
    },
    /// It names another committee of the same epoch.
    #[error("committee {given} is not this one, which is {expected}")]
    OtherCommittee {
        /// What it says.
        given: B256,
        /// This committee's root.
        expected: B256,
    },
    /// A bit is set that stands for nobody.
    #[error("the bitmap has bits past the last of {members} members")]
    BitsPastEnd {
        /// How many there are.
        members: usize,
    },
    /// A place that stands for nobody.
    #[error("there is no member {member} in a committee of {members}")]
    NotAMember {
        /// The place.
        member: u16,
        /// How many there are.
        members: usize,
    },
    /// A member was counted before.
    #[error("member {0} signed already: nobody counts twice")]
    DuplicateSigner(u16),
    /// Votes for different things do not add up.
    #[error("the vote of member {0} is for another statement")]
    OtherStatement(u16),
    /// Too little weight.
    #[error("under quorum: weight {signed} of {total} signed, more than two thirds must")]
    UnderQuorum {
        /// Weight that signed.
        signed: u128,
        /// Weight of all.
        total: u128,
    },
    /// A committee of nobody.
    #[error("a committee has at least one member")]
    NoMembers,
    /// A committee of too many.
    #[error("a committee has at most {MAX_COMMITTEE_MEMBERS} members, not {0}")]
    TooManyMembers(usize),
    /// A member that counts for nothing.
    #[error("member {0} has no weight")]
    NoWeight(u16),
    /// A key that is there twice.
    #[error("member {second} has the key of member {first}")]
    DuplicateKey {
        /// Whose key it is.
        first: u16,
        /// Who has it too.
        second: u16,
    },
    /// Evidence of nothing: the statements agree or are about different things.
    #[error("the two statements do not contradict each other")]
    NoConflict,
    /// Evidence in another order than the one that it has.
    #[error("the two statements of an equivocation stand in the order of their bytes")]
    Unordered,
}
