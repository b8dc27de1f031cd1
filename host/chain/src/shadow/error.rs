//! Why a shadow does not start.

use alloy_primitives::Address;
use caldera_engine::{EngineError, Rejection, StageError};
use caldera_execution::ExecutionError;
use caldera_state::StateError;
use caldera_types::Digest;

/// A shadow does not start, or a replay cannot go on. The first four are the caller's doing.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// Nothing to stand in the shadow of.
    #[error("no engine is mounted at {0}: `caldera engine ls` lists the mounts")]
    NotMounted(Address),
    /// The chain does not know the digest, and no bytes were given.
    #[error("component {0} is not staged on this chain: stage it, or give its file")]
    NotStaged(Digest),
    /// The candidate would not be taken by a chain.
    #[error("candidate {digest} is rejected: {why}")]
    Rejected {
        /// Which.
        digest: Digest,
        /// Why.
        why: Rejection,
    },
    /// One at a time for each mount.
    #[error("candidate {candidate} is already in the shadow at {mount}: stop that first")]
    Running {
        /// Where.
        mount: Address,
        /// What.
        candidate: Digest,
    },
    /// Blocks that the chain does not have.
    #[error("blocks {first} to {last} are not all there: the chain has 1 to {head}")]
    NoSuchBlocks {
        /// First asked for.
        first: u64,
        /// Last asked for.
        last: u64,
        /// Height of the chain.
        head: u64,
    },
    /// The blocks do not give the same outcome when they are executed again.
    #[error("block {0} gives another outcome when it is executed again: the folder is damaged, or of other rules")]
    OtherOutcome(u64),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// A block cannot be executed.
    #[error("executing again: {0}")]
    Execution(#[from] ExecutionError),
    /// The engine runtime.
    #[error("engine runtime: {0}")]
    Engine(#[from] EngineError),
    /// No thread.
    #[error("starting the shadow's thread: {0}")]
    Thread(std::io::Error),
}

impl ShadowError {
    pub(super) fn staging(digest: Digest, error: StageError) -> Self {
        match error {
            StageError::Rejected(why) => Self::Rejected { digest, why },
            StageError::Node(error) => Self::Engine(error),
        }
    }
}
