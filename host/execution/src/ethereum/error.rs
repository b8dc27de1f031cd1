//! What can be wrong with a block that another client is said to have made.

use crate::error::{ExecutionError, TxRefusal};

/// A block cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum EthereumError {
    /// Something it states is not what its parent, its body or its execution gives.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// One of its transactions cannot be in it.
    #[error("block {number}: transaction {index} cannot be in it: {why}")]
    Transaction {
        /// The block.
        number: u64,
        /// Its place.
        index: usize,
        /// What is wrong.
        why: TxRefusal,
    },
    /// Its end cannot be executed.
    #[error("block {number}: {why}")]
    Invalid {
        /// The block.
        number: u64,
        /// What is wrong.
        why: String,
    },
    /// This node's fault.
    #[error("block {number}: {error}")]
    Node {
        /// The block.
        number: u64,
        /// What failed.
        error: ExecutionError,
    },
}

/// A field of a block is not what it must be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("block {number}: {field} is {given}, but must be {expected}")]
pub struct Mismatch {
    /// The block.
    pub number: u64,
    /// The field.
    pub field: &'static str,
    /// What the block says.
    pub given: String,
    /// What it must be.
    pub expected: String,
}

/// Compares what a block says with what it must say.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(
    number: u64,
    field: &'static str,
    given: &T,
    expected: &T,
) -> Result<(), Mismatch> {
    if given == expected {
        return Ok(());
    }
    Err(Mismatch { number, field, given: format!("{given:?}"), expected: format!("{expected:?}") })
}

/// A value that breaks a bound.
pub(super) fn bound(
    number: u64,
    field: &'static str,
    holds: bool,
    given: impl ToString,
    expected: impl FnOnce() -> String,
) -> Result<(), Mismatch> {
    if holds {
        return Ok(());
    }
    Err(Mismatch { number, field, given: given.to_string(), expected: expected() })
}
