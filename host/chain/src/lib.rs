//! One chain at work: pool, block building, commit and replay; the only writer of its state.
//!
//! [`Chain`] is shared by everyone who reads; one [`BlockProducer`] thread builds blocks and commits them. No lock is
//! held while a block executes, so readers never wait for the builder.
//!
//! Invariants:
//! - A transaction is acknowledged only after the pool's journal has it.
//! - A block is published to readers only after `caldera_state` has it on disk.
//! - Replaying a chain's block log on a fresh folder gives the same roots, or stops at the first block that does not.
//! - A chain that follows another node's takes no block whose execution here gives something else.
//! - This node's own failure halts the chain with its reason; it is never taken for a bad transaction.

mod admission;
mod blooms;
mod builder;
mod chain;
mod clock;
mod dev;
mod error;
mod events;
mod exchange;
mod executed;
mod export;
mod follow;
mod history;
mod import;
mod observer;
mod pool;
mod producer;
mod queries;
mod questions;
mod readiness;
mod recent;
mod replay;
pub mod shadow;
mod source;
mod spec;
mod spread;
mod traces;
mod witness;

pub use admission::{Accepted, Sent};
pub use chain::Chain;
pub use dev::DevError;
pub use error::{ChainError, SimulateError, SubmitError};
pub use events::ChainEvent;
pub use exchange::{BlockFile, BlockFileError};
pub use executed::{ExecutedBlock, FoundTransaction};
pub use export::{ExportError, ExportOptions, Exported, ethereum_genesis, export};
pub use follow::{Alarm, FollowError, FollowStatus};
pub use import::{ImportError, Imported, Importing, import};
pub use observer::BlockObserver;
pub use pool::{Candidates, Pool, PoolContent, PoolLimits, PoolOptions, PoolStatus, PooledTx, journal::JournalError};
pub use producer::BlockProducer;
pub use queries::RegistryView;
pub use questions::{BlobMarket, DreamLimits, DreamtBlock, OrderError};
pub use replay::{Progress, replay};
pub use spec::ChainSpec;
pub use traces::TraceAllowance;
pub use witness::WitnessedBlock;
