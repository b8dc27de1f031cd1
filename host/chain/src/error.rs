//! What can go wrong with a chain ([`ChainError`]: the node's or its data's fault) and with what clients send it
//! ([`SubmitError`], [`SimulateError`]: theirs unless it says otherwise).

use std::sync::Arc;

use alloy_primitives::{Address, B256, U256};
use caldera_execution::{CallError, EstimateError, EthereumError, ExecutionError, HeaderMismatch, OverrideError};
use caldera_state::StateError;
use caldera_types::Digest;

use crate::{pool::journal::JournalError, questions::OrderError};

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
    /// A block of another client is not what its rules ask for.
    #[error(transparent)]
    Ethereum(#[from] EthereumError),
    /// A block of another client in a chain that did not begin with another client's genesis, or after a block of ours.
    #[error("block {number} follows Ethereum's rules, but {why}")]
    NotOfHistory {
        /// The block.
        number: u64,
        /// Why it cannot be here.
        why: &'static str,
    },
    /// The configuration names another governor than the one to whom a chain that was brought in was handed over.
    #[error(
        "the chain was handed over to this node at block {number} with governor {found}, the configuration says {expected}: restore `governor` of [[chain]]"
    )]
    OtherGovernor {
        /// The first block of ours.
        number: u64,
        /// Who governs from there.
        found: Address,
        /// What the configuration says.
        expected: Address,
    },
    /// The same of whether it is a development chain.
    #[error(
        "the chain was handed over to this node at block {number} with development = {found}, the configuration says {expected}: restore `development` of [[chain]]"
    )]
    OtherPurpose {
        /// The first block of ours.
        number: u64,
        /// What it is from there.
        found: bool,
        /// What the configuration says.
        expected: bool,
    },
    /// The same for the block of a leader that is followed.
    #[error("{why}")]
    NotOurs {
        /// What differs.
        why: HeaderMismatch,
        /// The state root that its execution gives here.
        own_root: B256,
    },
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
    /// A block that has no witness.
    #[error("block {number} has no witness: {why}")]
    NoWitness {
        /// Height.
        number: u64,
        /// Why not.
        why: &'static str,
    },
    /// Making a block panicked. The state on disk is that of the block before.
    #[error("making a block panicked, which is a bug: {0}")]
    Panicked(String),
    /// The pool's journal cannot be written or read.
    #[error(transparent)]
    Journal(#[from] Arc<JournalError>),
    /// The block-building thread could not be started.
    #[error("starting the block producer: {0}")]
    Thread(std::io::Error),
}

impl From<JournalError> for ChainError {
    fn from(error: JournalError) -> Self {
        Self::Journal(Arc::new(error))
    }
}

impl ChainError {
    /// Whether it may pass without anybody touching the data, such as a full disk: the next block can be tried later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::State(error) | Self::Execution { error: ExecutionError::State(error), .. } => error.may_pass(),
            _ => false,
        }
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
    /// Too many nonces are missing before it.
    #[error(
        "nonce too high: next nonce {next}, tx nonce {tx}, at most {most} may be missing before it (`nonce-gap` of [pool])"
    )]
    NonceTooHigh {
        /// The first nonce that neither the state nor the pool has.
        next: u64,
        /// The transaction's.
        tx: u64,
        /// How many may be missing.
        most: u64,
    },
    /// Another transaction holds this nonce and pays as much or nearly.
    #[error(
        "replacement transaction underpriced: needs a fee and a tip at least {percent} % above those of the one that waits, whose fee is {fee} wei per gas (`replacement-percent` of [pool])"
    )]
    Underpriced {
        /// What the one in the pool offers.
        fee: u64,
        /// How much more is needed.
        percent: u64,
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
    /// The pool is full and nothing in it pays less than this one.
    #[error(
        "transaction pool is full: it holds {most} transactions (`transactions` of [pool]), and none pays less than this one"
    )]
    PoolFull {
        /// How many it holds at most.
        most: usize,
    },
    /// The pool's memory is full and too little in it pays less than this one.
    #[error(
        "transaction pool is full: it takes {most} bytes (`memory-mib` of [pool]), and too few of them pay less than this one"
    )]
    PoolMemory {
        /// Bytes that it takes at most.
        most: u64,
    },
    /// It alone is more than the pool may hold.
    #[error("transaction too large: it takes {needs} bytes in the pool, which holds {most} (`memory-mib` of [pool])")]
    TooLarge {
        /// Bytes that it takes.
        needs: u64,
        /// Bytes that there may be.
        most: u64,
    },
    /// The sender has as many waiting as one may have.
    #[error(
        "too many transactions of this sender wait: at most {most} (`sender-transactions` of [pool]); send more once blocks have taken some"
    )]
    SenderFull {
        /// How many may wait.
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
    Call(#[from] CallError),
    /// Simulated blocks that do not follow each other, or are too many.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A block that has no parent, and so nothing to be executed on again.
    #[error("the genesis block cannot be traced: it has no parent")]
    Genesis,
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
            Self::Call(CallError::Node(error)) | Self::Estimate(EstimateError::Call(CallError::Node(error))) => {
                error.unready()
            }
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

impl From<OverrideError> for SimulateError {
    fn from(error: OverrideError) -> Self {
        Self::Call(error.into())
    }
}

impl From<StateError> for SubmitError {
    fn from(error: StateError) -> Self {
        Self::Node(error.into())
    }
}
