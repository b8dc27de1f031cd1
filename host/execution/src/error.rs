//! What can go wrong, by whose fault: the node's ([`ExecutionError`]) or the transaction's ([`TxError`]).

use caldera_engine::EngineError;
use caldera_state::StateError;
use caldera_types::Digest;

/// A block could not be executed here. Not a verdict on the block: the chain must halt or the node be mended.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The state could not be read.
    #[error("reading state: {0}")]
    State(#[from] StateError),
    /// The engine runtime failed for its own reasons.
    #[error("engine runtime: {0}")]
    Engine(#[from] EngineError),
    /// A mounted component is nowhere to be found.
    #[error(
        "component {0} is mounted but neither compiled here nor in the block log: restore the log or replay the chain"
    )]
    MissingComponent(Digest),
    /// The registry's own records do not read back.
    #[error("registry record '{key}' is damaged: {why}")]
    Registry {
        /// Which record.
        key: String,
        /// How it is damaged.
        why: String,
    },
    /// revm gave up for a reason that no transaction can cause.
    #[error("EVM: {0}")]
    Evm(String),
    /// The block names a transaction that cannot be part of it.
    #[error("transaction {index} does not belong in this block: {why}")]
    BadTransaction {
        /// Its place.
        index: usize,
        /// What is wrong.
        why: TxRefusal,
    },
    /// A genesis mount does not come up.
    #[error("genesis mount {address}: {why}")]
    Genesis {
        /// Where it was to be mounted.
        address: alloy_primitives::Address,
        /// What is wrong.
        why: String,
    },
}

impl ExecutionError {
    /// The component that is only not ready on this node: it may be later, and nothing else is wrong.
    pub fn unready(&self) -> Option<Digest> {
        match self {
            Self::Engine(error) => error.unready(),
            Self::MissingComponent(digest) => Some(*digest),
            _ => None,
        }
    }
}

/// A transaction was not applied.
#[derive(Debug, thiserror::Error)]
pub enum TxError {
    /// The transaction's fault, or the block's lack of room.
    #[error(transparent)]
    Refused(#[from] TxRefusal),
    /// The node's fault.
    #[error(transparent)]
    Node(#[from] ExecutionError),
}

/// Why a transaction cannot be part of a block.
#[derive(Debug, thiserror::Error)]
pub enum TxRefusal {
    /// Its gas limit does not fit in what the block has left: try a later block.
    #[error("needs {needs} gas, the block has {left} left")]
    BlockFull {
        /// The transaction's gas limit.
        needs: u64,
        /// What the block can still give.
        left: u64,
    },
    /// Its nonce is ahead of the account's: try once the gap is filled.
    #[error("nonce {tx} is ahead of the account's {account}")]
    NonceAhead {
        /// The transaction's nonce.
        tx: u64,
        /// The account's nonce.
        account: u64,
    },
    /// It can never be included as it stands.
    #[error("{0}")]
    Invalid(String),
}
