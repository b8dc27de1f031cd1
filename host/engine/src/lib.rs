//! Runs engines: WebAssembly components, metered and sandboxed, that reach the chain only through the EngineHost port.
//!
//! This is the only crate that knows wasmtime, and it knows nothing of the EVM. [`Engines`] stages components and calls
//! them; [`EngineHost`] is what they can reach.
//!
//! Invariants:
//! - Each call has a fresh instance in a fresh store. A fault discards both.
//! - Every fault of a guest has a name ([`caldera_types::Fault`]) and takes all the gas of the call; it never stops a
//!   block. Only [`EngineError`] does, and that is this node's own fault.
//! - The same component, grants, limits, arguments and answers of the port give the same result, fuel and gas on every
//!   node. Nothing that leads to them reads a clock or a random source; an [`Observer`] times calls from outside.
//! - An interface that is not granted does not link.
//! - Work is charged before or as it is done: instructions and bulk bytes by wasmtime's fuel, host calls and the bytes
//!   they move by [`caldera_types::metering`], instances and memory by their pages.

mod bindings;
mod border;
mod call;
pub mod checks;
pub mod compile;
mod config;
mod cost;
mod engines;
mod error;
mod exports;
mod fault;
mod guest;
mod imports;
mod memory;
mod mpt;
mod observer;
pub mod port;
mod run;
mod slots;
mod staged;

pub use call::{CallEnv, CallOutcome, CallUnit, Description, EngineResult, Export, Progress};
pub use compile::{CompileFailure, CompileOptions, CompileState, CompileStats, Compiler, Lane};
pub use config::EngineOptions;
pub use engines::Engines;
pub use error::{EngineError, Rejection, StageError};
pub use observer::{Observation, Observer, Purpose};
pub use port::{EngineHost, GasMeter, HostError, LogLevel, Subcall, SubcallResult};
pub use run::WarmInstance;
