//! Evidence: what proves to anybody who knows the committee that one of its members lied.

use super::{Certificate, CertificateError, Committee, Vote, must_be};

/// A member's lie. Whether the signatures are good is for who links the curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It signed two statements about one height that cannot both be true.
    Equivocation {
        /// One vote: the one whose statement has the lesser bytes.
        first: Vote,
        /// The other, of the same member.
        second: Vote,
    },
    /// It signed something else than the quorum of its committee.
    WrongRoot {
        /// What it said.
        vote: Vote,
        /// What the quorum said.
        certificate: Certificate,
    },
}

impl Evidence {
    /// The evidence that two votes of one member are, in either order.
    pub fn equivocation(one: Vote, other: Vote) -> Result<Self, CertificateError> {
        let (first, second) = if one.statement <= other.statement { (one, other) } else { (other, one) };
        if first.member == second.member && first.statement.contradicts(&second.statement) {
            Ok(Self::Equivocation { first, second })
        } else {
            Err(CertificateError::NoConflict)
        }
    }

    /// The evidence that a vote is against what the quorum signed.
    pub fn wrong_root(vote: Vote, certificate: Certificate) -> Result<Self, CertificateError> {
        if vote.statement.contradicts(&certificate.statement) {
            Ok(Self::WrongRoot { vote, certificate })
        } else {
            Err(CertificateError::NoConflict)
        }
    }

    /// Who lied, by its place.
    pub fn member(&self) -> u16 {
        match self {
            Self::Equivocation { first, .. } => first.member,
            Self::WrongRoot { vote, .. } => vote.member,
        }
    }

    /// Its name in metrics and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Equivocation { .. } => "equivocation",
            Self::WrongRoot { .. } => "wrong-root",
        }
    }

    /// All votes in it.
    pub fn votes(&self) -> impl Iterator<Item = &Vote> {
        let (one, other) = match self {
            Self::Equivocation { first, second } => (first, Some(second)),
            Self::WrongRoot { vote, .. } => (vote, None),
        };
        std::iter::once(one).chain(other)
    }

    /// Whether it is about this committee and would prove a lie if its signatures are good.
    pub fn check(&self, committee: &Committee) -> Result<(), CertificateError> {
        committee.member(self.member())?;
        for vote in self.votes() {
            committee.must_be_of(&vote.statement)?;
        }
        match self {
            Self::Equivocation { first, second } => {
                if first.statement > second.statement {
                    return Err(CertificateError::Unordered);
                }
                Self::equivocation(*first, *second).map(drop)
            }
            Self::WrongRoot { vote, certificate } => {
                certificate.signers(committee)?;
                Self::wrong_root(*vote, certificate.clone()).map(drop)
            }
        }
    }

    /// Kind (1 byte), a vote (219), then the other vote or the certificate.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Equivocation { first, second } => [&[EQUIVOCATION], &*first.encode(), &second.encode()].concat(),
            Self::WrongRoot { vote, certificate } => [&[WRONG_ROOT], &*vote.encode(), &certificate.encode()].concat(),
        }
    }

    /// Reads it.
    pub fn decode(bytes: &[u8]) -> Result<Self, CertificateError> {
        let want = 1 + Vote::BYTES;
        let short = CertificateError::Length { what: "piece of evidence", want, got: bytes.len() };
        let (kind, rest) = bytes.split_first().ok_or(short)?;
        let (vote, other) = rest.split_at_checked(Vote::BYTES).ok_or(short)?;
        let vote = Vote::decode(vote)?;
        match *kind {
            EQUIVOCATION => {
                must_be("vote", other, Vote::BYTES)?;
                let second = Vote::decode(other)?;
                if vote.statement > second.statement {
                    return Err(CertificateError::Unordered);
                }
                Self::equivocation(vote, second)
            }
            WRONG_ROOT => Self::wrong_root(vote, Certificate::decode(other)?),
            kind => Err(CertificateError::UnknownEvidence(kind)),
        }
    }
}

const EQUIVOCATION: u8 = 1;
const WRONG_ROOT: u8 = 2;
