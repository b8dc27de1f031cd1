//! How a call on the test chain failed.

use alloy_sol_types::SolError;

use crate::Revert;

/// A failed call; everything it wrote is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It reverted.
    Reverted(Revert),
    /// It halted: a fault by its name, or `unreachable: ` and the message of a panic.
    Halted(String),
}

impl Failure {
    /// The typed error that it reverted with, if it is an `E`.
    pub fn error<E: SolError>(&self) -> Option<E> {
        match self {
            Self::Reverted(revert) => revert.error(),
            Self::Halted(_) => None,
        }
    }

    /// The text of a revert, or why it halted.
    pub fn message(&self) -> String {
        match self {
            Self::Reverted(revert) => revert.clone().into(),
            Self::Halted(reason) => reason.clone(),
        }
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Failure {}
