//! A chain in memory for `cargo test`: it runs engines as native code, with the node's semantics.
//!
//! What it keeps to: each call gets a fresh engine; a revert, a panic or a fault undoes everything below it; a write in
//! a static call halts; calls to other engines and back work. What it does not do: meter. Gas is whatever
//! [`TestHost::set_gas`] says, and [`Accesses`] counts storage operations instead.
//!
//! One chain per thread: [`TestHost::new`] starts an empty one.

mod abi;
mod bls;
mod chain;
mod failure;
pub(crate) mod port;
mod recording;
mod trie;
mod world;

pub use abi::{check_abi, write_abi};
pub use bls::{Secret, aggregate};
pub use chain::TestHost;
pub use failure::Failure;
pub use recording::{Difference, Hook, Kind, Outcome, Recording};
pub use trie::{Proof, State};
pub use world::{Accesses, Log};
