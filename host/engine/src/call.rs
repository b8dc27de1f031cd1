//! What a call of an engine is and what comes of it.

use alloy_primitives::{Address, U256};
use caldera_types::{BlockEnv, BlockSummary, Digest, EngineLimits, Fault, Grants, Hooks};

/// What a component says of itself. A claim: identity is its digest.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Name, at most 64 bytes without control characters.
    pub name: String,
    /// Semantic version of its code, at most 64 bytes without control characters.
    pub version: String,
    /// Version of the layout of its stored state.
    pub state_version: u32,
    /// Solidity ABI as JSON; not parsed here.
    pub abi: String,
    /// Which block hooks it asks for.
    pub hooks: Hooks,
}

/// What an engine is told of one call by ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallEnv {
    /// Who called.
    pub caller: Address,
    /// Who signed the transaction.
    pub origin: Address,
    /// Where the engine is mounted.
    pub self_address: Address,
    /// Wei sent along, already credited.
    pub value: U256,
    /// Whether this is below a STATICCALL.
    pub is_static: bool,
    /// Gas left when the call began.
    pub gas_left: u64,
    /// The block that is being executed.
    pub block: BlockEnv,
}

/// Which export is called, with its arguments.
#[derive(Clone, Copy, Debug)]
pub enum Export<'a> {
    /// `init`, at the first activation.
    Init {
        /// What the mount was configured with.
        config: &'a [u8],
    },
    /// `configure`: another configuration for the engine that is there.
    Configure {
        /// What the mount is to be configured with.
        config: &'a [u8],
    },
    /// One step of `migrate`, when the layout of the stored state changes. Calls that it makes are static.
    Migrate {
        /// Layout of the state that is there.
        from: u32,
        /// Layout that is wanted.
        to: u32,
        /// Empty in the first step, then the cursor of the step before.
        cursor: &'a [u8],
    },
    /// `call`, by ABI.
    Call {
        /// Who calls, and where.
        env: CallEnv,
        /// Calldata.
        input: &'a [u8],
    },
    /// `begin-block`.
    BeginBlock {
        /// The block that begins.
        env: BlockEnv,
    },
    /// `end-block`.
    EndBlock {
        /// The block that ends.
        env: BlockEnv,
        /// What it did.
        summary: BlockSummary,
    },
}

/// One call of an engine.
#[derive(Clone, Copy, Debug)]
pub struct CallUnit<'a> {
    /// Which component.
    pub digest: Digest,
    /// Under which grants it was staged.
    pub grants: Grants,
    /// What it may use.
    pub limits: EngineLimits,
    /// Whether it was instantiated before in this block, which is cheaper.
    pub warm: bool,
    /// Whether writes, logs and calls with value are faults.
    pub is_static: bool,
    /// What is called.
    pub export: Export<'a>,
}

/// Where a step of a migration stopped.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What the next step is to be called with, at most [`MAX_CURSOR_BYTES`](caldera_types::limits::MAX_CURSOR_BYTES).
    pub cursor: Vec<u8>,
    /// Work done so far, in the engine's own units.
    pub done: u64,
    /// All the work in these units, as far as it is known; 0: unknown.
    pub total: u64,
}

/// How an engine call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineResult {
    /// It returned: output of `call`, nothing for the other exports.
    Return(Vec<u8>),
    /// A step of `migrate` that was not the last.
    More(Progress),
    /// It failed by its own rules: revert data of `call`, the UTF-8 message of the other exports.
    Revert(Vec<u8>),
    /// It was halted by this name.
    Fault(Fault),
}

/// What one call did and used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// How it ended.
    pub result: EngineResult,
    /// Gas used, the instance included; all of it after a fault.
    pub gas_used: u64,
    /// Fuel used by the guest and its host calls; the instance's price is not in it.
    pub fuel_used: u64,
    /// Most linear memory that the instance had, in bytes.
    pub memory_peak_bytes: u64,
}
