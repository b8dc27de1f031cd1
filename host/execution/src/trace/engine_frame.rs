//! A frame in which an engine ran, in the words of engines.

use alloy_primitives::{Address, Bytes};
use caldera_engine::{CallOutcome, EngineResult, Export};
use caldera_types::{Digest, Fault, Mount};

/// What an engine did in one frame of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineFrame {
    /// Index of the frame among all frames of the trace, in order of their begin; the root is 0.
    pub frame: usize,
    /// Where the engine is mounted.
    pub address: Address,
    /// Which component ran.
    pub digest: Digest,
    /// Which export: `call`, or what the chain itself runs.
    pub export: &'static str,
    /// Gas used, the instance included.
    pub gas_used: u64,
    /// Fuel of the guest and its host calls; the instance's price is not in it.
    pub fuel_used: u64,
    /// Most linear memory that the instance had, in bytes.
    pub memory_peak_bytes: u64,
    /// What halted it, if something did.
    pub fault: Option<Fault>,
    /// What it asked of the host, in order. Hashes and signatures are computed beside it and are not told.
    pub host_calls: Vec<HostCall>,
    /// Host calls after the first `MAX_HOST_CALLS`, which are not kept.
    pub host_calls_left_out: u64,
}

/// One call that an engine made to its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCall {
    /// Interface and function, as in WIT: `state.get`.
    pub name: &'static str,
    /// EVM gas that it took beyond the price of a host call.
    pub gas: u64,
    /// The key of an entry in the engine's storage.
    pub key: Option<Bytes>,
    /// The account that was asked or called.
    pub to: Option<Address>,
    /// Bytes of the value, the log's data or the call's input.
    pub bytes: Option<usize>,
    /// What came of it, unless it is plain: a sub-call's end, or the fault that it brought.
    pub outcome: Option<String>,
}

impl EngineFrame {
    /// A frame that ended.
    pub(crate) fn new(frame: usize, mount: &Mount, export: &'static str, outcome: &CallOutcome) -> Self {
        let fault = match outcome.result {
            EngineResult::Fault(fault) => Some(fault),
            _ => None,
        };
        Self {
            frame,
            address: mount.address,
            digest: mount.digest,
            export,
            gas_used: outcome.gas_used,
            fuel_used: outcome.fuel_used,
            memory_peak_bytes: outcome.memory_peak_bytes,
            fault,
            host_calls: Vec::new(),
            host_calls_left_out: 0,
        }
    }
}

/// An export by its name in WIT.
pub(crate) fn name(export: &Export<'_>) -> &'static str {
    match export {
        Export::Init { .. } => "init",
        Export::Configure { .. } => "configure",
        Export::Migrate { .. } => "migrate",
        Export::Call { .. } => "call",
        Export::BeginBlock { .. } => "begin-block",
        Export::EndBlock { .. } => "end-block",
    }
}
