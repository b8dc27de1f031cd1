//! Ethereum's own rules, for the history that another client made: every fork from Frontier to Osaka.
//!
//! A chain that was brought in begins with the other client's genesis and blocks, each executed and checked here under the
//! rules of its fork, with no engine and no registry in it. The first block that this node makes on top hands over: from
//! then on the rules are ours. revm knows what each fork changes within a transaction; what a block does around its
//! transactions (rewards, uncles, withdrawals, system calls, requests, receipts before Byzantium) and what its header must
//! be stand here.
//!
//! Not checked: the seal of proof of work. Who brings a chain in vouches for it; what its blocks *do* is checked in full.
//! Refused by name: the DAO fork's change of state, Clique and other seals, forks after Osaka.

mod difficulty;
mod env;
mod error;
mod execute;
mod genesis;
mod header;
mod ommers;
mod ours;
mod requests;
mod rewards;
mod schedule;
mod system;

use caldera_types::SealedBlock;

pub use env::ethereum_env;
pub(crate) use env::{put_env, spec_id};
pub use error::{EthereumError, Mismatch};
pub use execute::{Executed, execute_ethereum};
pub use genesis::{EthereumGenesis, GenesisError};
pub(crate) use system::begin;

use caldera_state::StateError;

/// The blocks below the one that is checked.
pub trait Ancestors {
    /// The block at a height, if there is one.
    fn block(&self, number: u64) -> Result<Option<SealedBlock>, StateError>;
}

/// Where a block stands in its chain.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The chain's genesis, and with it the heights and times of its forks.
    pub genesis: &'a EthereumGenesis,
    /// The block before.
    pub parent: &'a SealedBlock,
    /// Whether proof of work had ended with the parent.
    pub merged: bool,
    /// The blocks below.
    pub ancestors: &'a dyn Ancestors,
}
