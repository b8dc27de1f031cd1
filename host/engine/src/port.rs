//! The port: everything an engine can reach lies behind [`EngineHost`].
//!
//! `execution` implements it on revm's journal, tests on a map. What is the same for every host (lengths, static calls,
//! the base price of a host call) is checked and charged by this crate before the port is asked, so an implementation
//! sees only well-formed requests and charges only what the act itself costs.

use alloy_primitives::{Address, B256, Bytes, U256};
use caldera_types::Fault;

/// Gas of one engine call, counted down. A port charges here for what an act costs beyond the host call itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GasMeter {
    limit: u64,
    remaining: u64,
}

impl GasMeter {
    /// A meter with `gas` left.
    pub const fn new(gas: u64) -> Self {
        Self { limit: gas, remaining: gas }
    }

    /// Gas left.
    pub const fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Gas charged so far.
    pub const fn used(&self) -> u64 {
        self.limit - self.remaining
    }

    /// Takes `gas`; when less is left, takes all of it and faults with [`Fault::OutOfFuel`].
    pub fn charge(&mut self, gas: u64) -> Result<(), HostError> {
        match self.remaining.checked_sub(gas) {
            Some(rest) => {
                self.remaining = rest;
                Ok(())
            }
            None => {
                self.remaining = 0;
                Err(HostError::Fault(Fault::OutOfFuel))
            }
        }
    }

    /// Returns gas that a sub-call was given and did not use; never more than was there at first.
    pub fn give_back(&mut self, gas: u64) {
        self.remaining = self.remaining.saturating_add(gas).min(self.limit);
    }
}

/// Why a host could not do what the guest asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The guest's fault: it halts the call by this name and the chain goes on.
    #[error("the engine's fault: {0}")]
    Fault(Fault),
    /// This node's own fault, such as a database that does not answer: it stops the block.
    #[error("this node's fault: {0}")]
    Fatal(String),
}

impl From<Fault> for HostError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A call that the engine makes to another contract or engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subcall<'a> {
    /// Who is called.
    pub to: Address,
    /// Wei sent along; zero in a static call.
    pub value: U256,
    /// Calldata.
    pub input: &'a [u8],
    /// Gas the engine offers. The port gives at most 63/64 of what is left (EIP-150).
    pub gas: u64,
    /// Read-only all the way down: asked for by this call, or because the engine itself was called so.
    pub is_static: bool,
}

/// How a sub-call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubcallResult {
    /// It returned this data.
    Return(Bytes),
    /// It reverted with this data.
    Revert(Bytes),
    /// It halted for this reason; the gas given to it is gone. The text is seen by the guest: it must be the same on
    /// every node.
    Halt(String),
    /// Not made: the mount's sub-call depth is used up.
    TooDeep,
    /// Not made: the engine's account holds less than the value.
    InsufficientBalance,
}

/// How much a diagnostic message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Something is wrong.
    Error,
    /// Something may be wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// For the engine's author.
    Debug,
}

/// What an engine can reach, for one call. All of it is undone by the implementation when the call fails.
pub trait EngineHost {
    /// The value stored at `key` (at most 256 bytes), none if there is none.
    fn get(&mut self, key: &[u8], gas: &mut GasMeter) -> Result<Option<Vec<u8>>, HostError>;

    /// Stores `value`, which is not empty and within the mount's limit. Never asked in a static call.
    fn set(&mut self, key: &[u8], value: &[u8], gas: &mut GasMeter) -> Result<(), HostError>;

    /// Removes the value at `key`, if any. Never asked in a static call.
    fn remove(&mut self, key: &[u8], gas: &mut GasMeter) -> Result<(), HostError>;

    /// Calls another contract or engine. A failed callee is a result, not an error.
    fn call(&mut self, call: Subcall<'_>, gas: &mut GasMeter) -> Result<SubcallResult, HostError>;

    /// Emits a log with at most four topics. Never asked in a static call.
    fn emit(&mut self, topics: &[B256], data: &[u8], gas: &mut GasMeter) -> Result<(), HostError>;

    /// An account's balance in wei.
    fn balance(&mut self, of: Address, gas: &mut GasMeter) -> Result<U256, HostError>;

    /// A diagnostic message of at most 1 KiB; never part of consensus.
    fn log(&mut self, level: LogLevel, message: &str);
}
