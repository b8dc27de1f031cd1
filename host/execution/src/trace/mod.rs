//! What a transaction or call did, step by step: `debug_trace*`.
//!
//! The tracers are geth's, as [`revm_inspectors`] writes them. Engines run where revm expects precompiles, so two things
//! are added: the calls of an engine into the EVM stand as frames below its own, and each engine's frame is described by an
//! [`EngineFrame`]: its host calls, its fuel, its fault. The chain's own turn, which is no EVM call, is shown as a call of
//! the registry with one call for each export that ran.
//!
//! Off the path of blocks: a tracer is in the context only when somebody asked for a trace. It changes no outcome.

mod budget;
mod engine_frame;
mod listener;
mod logs;
mod recorded;
mod run;
mod tap;
mod told;
mod tracer;
mod transfers;
mod watched;

use std::{fmt, sync::Arc};

pub use alloy_rpc_types_trace::geth::GethDebugTracingOptions as TraceOptions;
use alloy_rpc_types_trace::geth::GethTrace;

pub use engine_frame::{EngineFrame, HostCall};
pub(crate) use recorded::Recorded;
pub use run::{trace_block, trace_call};
use tap::Tap;
pub(crate) use told::{
    begin, chain_begins, chain_ends, chain_result, engine_begins, engine_ends, is_on, log, log_of_chain,
    logs_were_told, settle,
};
pub(crate) use tracer::Tracer;
pub(crate) use watched::{Watched, WatchedHandler};

/// One transaction's or call's trace.
#[derive(Clone, Debug)]
pub struct Trace {
    /// In geth's shape.
    pub geth: GethTrace,
    /// The frames in which engines ran, in order of their begin.
    pub engines: Vec<EngineFrame>,
}

/// What a trace may take. Execution reads no clock: whoever counts time does it behind `goes_on`.
#[derive(Clone)]
pub struct TraceLimits {
    /// Most EVM steps recorded for one question.
    pub steps: u64,
    /// Most bytes kept for one question: stacks, memories, slots, inputs and outputs, of all its transactions together.
    pub bytes: usize,
    /// Asked every few thousand steps and before each transaction.
    pub goes_on: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for TraceLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceLimits").field("steps", &self.steps).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
