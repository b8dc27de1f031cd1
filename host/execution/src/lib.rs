//! The rules, as one pure function: revm with engines mounted, the registry, activation, fees and receipts.
//!
//! [`execute`] takes a block and a view of its parent's state and gives back a state diff and receipts. The builder, a
//! follower, `eth_call` and replay all run this code. There is no I/O here but reads of the view, no clock, no thread.
//! What only asks ([`simulate`], [`simulate_block`], [`access_list`], [`trace`]) runs the same code with the checks relaxed
//! or a tracer listening.
//!
//! Invariants:
//! - The same block over the same state gives the same [`BlockOutcome`] on every node.
//! - A guest's fault halts its call by name; only this node's own fault ([`ExecutionError`]) stops a block.
//! - Only on a chain whose genesis says that it is for development is a state changed by hand ([`StateEdit`]) or an account
//!   impersonated; both are transactions of the block.
//! - The mount table is fixed within a block: it moves only in the chain's own turn before the first transaction.

mod access_list;
mod block_engines;
mod bytes_map;
mod call_error;
mod edit;
mod error;
mod estimate;
mod ethereum;
mod evm;
mod executor;
mod genesis;
mod header;
mod hooks;
mod host;
mod mounts;
mod overrides;
pub mod registry;
mod road;
pub mod shadow;
mod simulate;
mod simulate_block;
mod slots;
mod source;
pub mod trace;
mod transaction;
mod view_db;
mod witness;

pub use access_list::{AccessListed, access_list};
pub use bytes_map::slot_of;
pub use call_error::CallError;
pub use edit::StateEdit;
pub use error::{ExecutionError, TxError, TxRefusal};
pub use estimate::{EstimateError, estimate_gas};
pub use ethereum::{
    Ancestors, EthereumError, EthereumGenesis, Executed, GenesisError, Mismatch, Place, ethereum_env, execute_ethereum,
};
pub use evm::BrokenRule;
pub use executor::{BlockExecutor, BlockOutcome, execute, execute_sent};
pub use genesis::{Genesis, GenesisAccount, GenesisMount, execute_genesis};
pub use header::{HeaderMismatch, child_env, seal, verify_header};
pub use mounts::engine_code;
pub use overrides::{OverrideError, Overrides};
pub use simulate::{Simulation, SimulationRequest, SimulationResult, simulate};
pub use simulate_block::{BlockAsked, SimulatedBlock, simulate_block};
pub use source::{ComponentSource, NoComponents};
pub use transaction::{least_gas, sender_of, senders_of};
pub use witness::{RecordError, Recording, record};

/// What execution stands on: the parent's state and the means to run engines.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// State after the parent block.
    pub view: &'a dyn caldera_state::StateView,
    /// Compiled engines. What is missing is staged from `components`.
    pub engines: &'a caldera_engine::Engines,
    /// Components that earlier blocks brought.
    pub components: &'a dyn ComponentSource,
}
