//! The keys of a validator, and the rule that they sign one statement for one height.

use std::path::PathBuf;

use alloy_primitives::FixedBytes;
use caldera_bls::{Domain, SecretKey};
use caldera_types::{Committee, Statement, Vote};

use crate::{FileError, records::Records};

/// Members of a committee whose keys are here. They sign together or not at all, so one record serves them all.
#[derive(Debug)]
pub struct Signer {
    keys: Vec<(u16, SecretKey)>,
    committee: Committee,
    records: Records,
}

/// Nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A key that is not in the committee.
    #[error("key {0} is not that of a member of the committee")]
    NotAMember(FixedBytes<48>),
    /// Another statement was signed for that height, here, perhaps before a crash.
    #[error("another statement was signed for height {height}: block {signed}, not {asked}")]
    Signed {
        /// Height.
        height: u64,
        /// The block that was signed.
        signed: alloy_primitives::B256,
        /// The block that was to be.
        asked: alloy_primitives::B256,
    },
    /// A height below the last that was signed, whose record is not kept: it may have been signed.
    #[error("height {asked} is below {last}, the last that was signed, and what was signed for it is not known")]
    Below {
        /// What was to be signed.
        asked: u64,
        /// The last that was.
        last: u64,
    },
    /// By another committee than the signer's.
    #[error(transparent)]
    Form(#[from] caldera_types::CertificateError),
    /// What is to be signed could not be written down first.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Signer {
    /// The signer of these keys; `path` is the file of what they signed.
    pub fn open(path: PathBuf, committee: Committee, keys: Vec<SecretKey>) -> Result<Self, SignError> {
        let place = |key: SecretKey| {
            let bytes = FixedBytes(key.public_key().to_bytes());
            committee.place_of(&bytes).map(|place| (place, key)).ok_or(SignError::NotAMember(bytes))
        };
        let keys = keys.into_iter().map(place).collect::<Result<_, _>>()?;
        Ok(Self { keys, committee, records: Records::open(path)? })
    }

    /// The committee that it signs in.
    pub fn committee(&self) -> &Committee {
        &self.committee
    }

    /// Signs with every key, once the statement is on disk. The same statement is signed again; another never.
    pub fn sign(&mut self, statement: &Statement) -> Result<Vec<Vote>, SignError> {
        self.committee.must_be_of(statement)?;
        let height = statement.height;
        match (self.records.get(height), self.records.last()) {
            (Some(signed), _) if signed == statement => {}
            (Some(signed), _) => {
                let (signed, asked) = (signed.block_hash, statement.block_hash);
                return Err(SignError::Signed { height, signed, asked });
            }
            (None, Some(last)) if last.height > height => {
                return Err(SignError::Below { asked: height, last: last.height });
            }
            _ => self.records.append(*statement)?,
        }
        Ok(self.votes(statement))
    }

    /// The last statement that was signed.
    pub fn last(&self) -> Option<&Statement> {
        self.records.last()
    }

    /// Votes for heights from `height` on, as far as what was signed is kept: for who missed them.
    pub fn votes_from(&self, height: u64, most: usize) -> Vec<Vote> {
        self.records.from(height).take(most).flat_map(|statement| self.votes(statement)).collect()
    }

    fn votes(&self, statement: &Statement) -> Vec<Vote> {
        let message = statement.encode();
        let vote = |(member, key): &(u16, SecretKey)| {
            let signature = key.sign(Domain::Certificate, &message).to_bytes().into();
            Vote { statement: *statement, member: *member, signature }
        };
        self.keys.iter().map(vote).collect()
    }
}
