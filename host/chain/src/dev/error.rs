//! Why a development chain did not do what it was told.

use caldera_execution::TxRefusal;
use caldera_state::StateError;

use crate::error::ChainError;

/// What was told cannot be done. All but [`DevError::Chain`] are the caller's doing.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The chain's genesis does not say that it is for development.
    #[error("this is no development chain: only the chains of `caldera dev`, or with development = true, take this")]
    NotDevelopment,
    /// The chain's blocks come from another node.
    #[error("this node follows {0}: tell that one")]
    Follows(String),
    /// Time does not go back.
    #[error("timestamp {asked} is before that of the newest block, {newest}")]
    Past {
        /// What was asked.
        asked: u64,
        /// The newest block's.
        newest: u64,
    },
    /// A time that is out of all bounds.
    #[error("the time is beyond what a clock can show")]
    Time,
    /// More blocks than one call makes.
    #[error("{blocks} blocks are too many for one call, at most {most}")]
    TooMany {
        /// How many were asked for.
        blocks: u64,
        /// How many may be.
        most: u64,
    },
    /// The change cannot be made.
    #[error("{0}")]
    Refused(TxRefusal),
    /// The chain makes no blocks.
    #[error("the chain is halted: {0}")]
    Halted(String),
    /// The node's fault.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl From<StateError> for DevError {
    fn from(error: StateError) -> Self {
        Self::Chain(error.into())
    }
}
