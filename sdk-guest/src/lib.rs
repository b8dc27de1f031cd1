//! What a plugin author imports: bindings, ABI dispatch, typed storage, typed calls and a native test host.
//!
//! An author writes a type with typed storage ([`storage!`]), a Solidity interface ([`sol!`]), implements [`Engine`] and
//! calls [`export!`]. On `wasm32` the crate talks to the node through WIT imports; natively it talks to
//! [`testing::TestHost`], so that `cargo test` runs the same engine code.
//!
//! **Invariants.** Nothing here reads a clock, a random source or the order of a hash map. Nothing lives longer than a
//! call, because the node gives each call a fresh instance. An interface that an engine does not use is not imported.

mod engine;
mod env;
mod export;
mod host;
mod revert;

pub mod contract;
pub mod crypto;
pub mod log;
pub mod migration;
pub mod storage;
pub mod verify;

#[cfg(target_arch = "wasm32")]
mod arena;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod bindings;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use engine::{Engine, answer};
pub use env::{BlockEnv, BlockSummary, CallEnv};
pub use export::run_call;
pub use migration::{Migrated, Migration, Progress};
pub use revert::{CallFailed, MalformedCalldata, NotPayable, Revert, UnknownSelector};

#[doc(hidden)]
pub use alloy_primitives;
#[doc(hidden)]
pub use alloy_sol_types;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use export::Component;

/// Everything an engine normally needs.
pub mod prelude {
    pub use crate::contract::{CallError, balance_of, contract, emit};
    pub use crate::storage::{List, Map, OrderedMap, Queue, Stored, Value};
    pub use crate::{BlockEnv, BlockSummary, CallEnv, Engine, Migrated, Migration, Progress, Revert};
    pub use crate::{answer, ensure, migrations, sol, storage, stored_struct};
    pub use alloy_primitives::{Address, B256, Bytes, U256, address, b256};
    pub use alloy_sol_types::{SolCall, SolError, SolEvent, SolInterface};
}

/// Solidity syntax to Rust types: alloy's [`sol!`](alloy_sol_types::sol) without a dependency on alloy. The types can be
/// printed and compared; only the answer of a function that returns nothing cannot.
///
/// Natively each interface also gets a module `abi`, from which [`testing::check_abi`] writes and checks the ABI file.
#[cfg(not(target_arch = "wasm32"))]
#[macro_export]
macro_rules! sol {
    ($($solidity:tt)*) => {
        $crate::alloy_sol_types::sol! { #![sol(abi, extra_derives(Debug, PartialEq, Eq), alloy_sol_types = $crate::alloy_sol_types)] $($solidity)* }
    };
}

/// Solidity syntax to Rust types: alloy's [`sol!`](alloy_sol_types::sol) without a dependency on alloy.
#[cfg(target_arch = "wasm32")]
#[macro_export]
macro_rules! sol {
    ($($solidity:tt)*) => {
        $crate::alloy_sol_types::sol! { #![sol(extra_derives(Debug, PartialEq, Eq), alloy_sol_types = $crate::alloy_sol_types)] $($solidity)* }
    };
}
