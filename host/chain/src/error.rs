//! What can go wrong with a chain ([`ChainError`]: the node's or its data's fault) and with what clients send it
//! ([`SubmitError`], [`SimulateError`]: theirs unless it says otherwise).

use alloy_primitives::{Address, U256};
use caldera_execution::{EstimateError, ExecutionError, HeaderMismatch, TxError};
use caldera_state::StateError;
use caldera_types::Digest;

/// The chain cannot go on, or cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Reading or writing its folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// Executing a block.
    #[error("block {number}: {error}")]
    Execution {
        /// The block.
        number: u64,
        /// What failed.
        error: ExecutionError,
    },
    /// A logged block is not what its execution gives: damaged, made under other rules, or of another chain.
    #[error(transparent)]
    Mismatch(#[from] HeaderMismatch),
    /// The folder belongs to a chain with another genesis.
    #[error(
        "the folder holds a chain whose genesis is {found}, the configuration gives {expected}: choose another folder or restore the configuration"
    )]
    OtherGenesis {
        /// Hash of the logged block 0.
        found: alloy_primitives::B256,
        /// Hash of the configured one.
        expected: alloy_primitives::B256,
    },
    /// The chain has no such block.
    #[error("block {0} is not known")]
    UnknownBlock(u64),
    /// Making a block panicked. The state on disk is that of the block before.
    #[error("making a block panicked, which is a bug: {0}")]
    Panicked(String),
    /// The block-building thread could not be started.
    #[error("starting the block producer: {0}")]
    Thread(std::io::Error),
}

impl ChainError {
    /// Whether it may pass without anybody touching the data, such as a full disk: the next block can be tried later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::State(error) if error.may_pass())
    }
}

/// A transaction was not accepted into the pool.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The signature recovers to nobody.
    #[error("invalid signature: the sender cannot be recovered")]
    BadSignature,
    /// A kind of transaction that no block of ours can hold.
    #[error("{0}")]
    Unsupported(String),
    /// Signed for another chain.
    #[error("invalid chain id: the transaction is for {tx}, this chain is {chain}")]
    WrongChain {
        /// What was signed.
        tx: u64,
        /// What this is.
        chain: u64,
    },
    /// Already in the pool or in a block.
    #[error("already known")]
    AlreadyKnown,
    /// The account has used this nonce.
    #[error("nonce too low: next nonce {next}, tx nonce {tx}")]
    NonceTooLow {
        /// The account's nonce.
        next: u64,
        /// The transaction's.
        tx: u64,
    },
    /// Too far ahead of the account's nonce to be kept.
    #[error("nonce too high: next nonce {next}, tx nonce {tx}, at most {most} ahead are kept")]
    NonceTooHigh {
        /// The account's nonce.
        next: u64,
        /// The transaction's.
        tx: u64,
        /// How far ahead is kept.
        most: u64,
    },
    /// Another transaction holds this nonce and pays as much or nearly.
    #[error("replacement transaction underpriced: needs a fee at least 10 % above {fee} wei per gas")]
    Underpriced {
        /// What the one in the pool offers.
        fee: u128,
    },
    /// The account cannot pay value and gas.
    #[error("insufficient funds for gas * price + value: address {address} has {balance} want {cost}")]
    InsufficientFunds {
        /// The sender.
        address: Address,
        /// Wei it has.
        balance: U256,
        /// Wei it would need.
        cost: U256,
    },
    /// The gas limit cannot pay even for the transaction itself.
    #[error("intrinsic gas too low: have {have}, want {want}")]
    IntrinsicGas {
        /// The gas limit.
        have: u64,
        /// The least it needs.
        want: u64,
    },
    /// The gas limit is over what one transaction may have (EIP-7825).
    #[error("transaction gas limit too high: {have}, at most {most}")]
    GasLimit {
        /// The gas limit.
        have: u64,
        /// The most it may be.
        most: u64,
    },
    /// A priority fee over the whole fee.
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFee,
    /// More components than a block's sidecar holds.
    #[error("{count} components come with the transaction, a block carries at most {most}")]
    TooManyComponents {
        /// How many came.
        count: usize,
        /// How many may.
        most: usize,
    },
    /// The pool is full and this one pays less than all in it.
    #[error("transaction pool is full: {most} transactions, and this one offers less than each of them")]
    PoolFull {
        /// How many it holds.
        most: usize,
    },
    /// The chain makes no blocks.
    #[error("the chain is halted: {0}")]
    Halted(String),
    /// The node's fault.
    #[error(transparent)]
    Node(#[from] ChainError),
}

/// A simulated call could not be run.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The caller's fault, or the state's.
    #[error(transparent)]
    Tx(#[from] TxError),
    /// There is no estimate.
    #[error(transparent)]
    Estimate(#[from] EstimateError),
    /// The node's fault.
    #[error(transparent)]
    Node(#[from] ChainError),
}

impl SimulateError {
    /// The component that is only not ready on this node: the same may be asked again later.
    pub fn unready(&self) -> Option<Digest> {
        match self {
            Self::Tx(TxError::Node(error)) | Self::Estimate(EstimateError::Tx(TxError::Node(error))) => error.unready(),
            Self::Node(ChainError::Execution { error, .. }) => error.unready(),
            _ => None,
        }
    }
}

impl From<StateError> for SimulateError {
    fn from(error: StateError) -> Self {
        Self::Node(error.into())
    }
}

impl From<StateError> for SubmitError {
    fn from(error: StateError) -> Self {
        Self::Node(error.into())
    }
}
