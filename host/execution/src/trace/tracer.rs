//! A tracer and what it must remember while a transaction runs.

use alloy_primitives::Bytes;
use alloy_rpc_types_trace::geth::GethDebugTracingOptions;
use revm::{
    bytecode::opcode::{self, OpCode},
    context::result::{ExecutionResult, ResultAndState},
    interpreter::CallScheme,
    state::EvmState,
};
use revm_inspectors::{
    tracing::{
        DebugInspector, TraceLimitBehavior, TraceLimits as ByteLimits, TransactionContext, types::CallTraceStep,
    },
    transfer::TransferInspector,
};

use super::{EngineFrame, Trace, TraceLimits, listener::Listener};
use crate::{call_error::CallError, error::ExecutionError, evm::Ctx};

/// Steps between two looks at the time.
const STEPS_PER_LOOK: u64 = 4_096;

/// Listens to a transaction, or to all of a block.
pub(crate) struct Tracer {
    pub(super) listener: Listener,
    limits: Option<TraceLimits>,
    /// The one transaction of a block that is traced; all, if none is named.
    only: Option<usize>,
    /// Whether it listens now.
    on: bool,
    /// Frames that are open, by index in order of their begin.
    open: Vec<usize>,
    /// Index of the next frame.
    next: usize,
    /// Frames of engines that are running.
    engines_open: Vec<usize>,
    engines: Vec<EngineFrame>,
    /// Logs that the listener knows already, and that revm is about to tell it.
    pub(super) told_logs: usize,
    steps: u64,
    done: Vec<(usize, Trace)>,
}

impl Tracer {
    /// A tracer of `debug_trace*`.
    pub(crate) fn of_debug(
        options: &GethDebugTracingOptions,
        limits: &TraceLimits,
        only: Option<usize>,
    ) -> Result<Self, CallError> {
        let inspector = DebugInspector::new(options.clone()).map_err(|error| CallError::Tracer(error.to_string()))?;
        let inspector = bounded(inspector, limits.bytes);
        Ok(Self { limits: Some(limits.clone()), only, ..Self::new(Listener::Debug(Box::new(inspector))) })
    }

    /// One that leaves a log for each transfer of wei.
    pub(crate) fn of_transfers(inspector: TransferInspector) -> Self {
        Self { on: true, ..Self::new(Listener::Transfers(inspector)) }
    }

    fn new(listener: Listener) -> Self {
        let (open, engines_open, engines, done) = Default::default();
        Self {
            listener,
            limits: None,
            only: None,
            on: false,
            open,
            next: 1,
            engines_open,
            engines,
            told_logs: 0,
            steps: 0,
            done,
        }
    }

    /// Whether it listens to what runs now.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// The transaction of this index begins.
    pub(crate) fn begin(&mut self, index: usize) {
        self.on = self.only.is_none_or(|only| only == index);
        self.told_logs = 0;
    }

    /// Why it must end, if it must.
    pub(super) fn stop(&mut self) -> Option<&'static str> {
        let limits = self.limits.as_ref()?;
        self.steps += 1;
        if self.steps > limits.steps && self.records_steps() {
            return Some("the trace has more steps than one answer may hold");
        }
        let late = self.steps.is_multiple_of(STEPS_PER_LOOK) && !(limits.goes_on)();
        late.then_some("the time of a trace is used up")
    }

    fn records_steps(&self) -> bool {
        match &self.listener {
            Listener::Debug(inspector) => {
                matches!(
                    **inspector,
                    DebugInspector::Default(..) | DebugInspector::Erc7562Tracer(..) | DebugInspector::Mux(..)
                )
            }
            Listener::Transfers(_) => false,
        }
    }

    /// A frame begins.
    pub(super) fn enter(&mut self, scheme: Option<CallScheme>, gas: u64) {
        if let Some(parent) = self.open.last().copied()
            && self.engines_open.last() == Some(&parent)
        {
            self.step_into(parent, scheme, gas);
        }
        let index = if self.open.is_empty() { 0 } else { self.next };
        self.next = self.next.max(index + 1);
        self.open.push(index);
    }

    /// A frame has ended.
    pub(super) fn leave(&mut self) {
        self.open.pop();
        self.told_logs = 0;
    }

    /// Gives an engine's frame, which has no steps, one for a call that it makes: the struct logs of the callee stand
    /// behind the step that called it.
    fn step_into(&mut self, parent: usize, scheme: Option<CallScheme>, gas: u64) {
        let Listener::Debug(inspector) = &mut self.listener else { return };
        let DebugInspector::Default(inspector, _) = &mut **inspector else { return };
        let Some(node) = inspector.traces_mut().nodes_mut().get_mut(parent) else { return };
        let op = if scheme == Some(CallScheme::StaticCall) { opcode::STATICCALL } else { opcode::CALL };
        node.trace.steps.push(CallTraceStep {
            pc: 0,
            op: OpCode::new_or_unknown(op),
            stack: Some(Box::default()),
            push_stack: None,
            memory: None,
            returndata: Bytes::new(),
            gas_remaining: gas,
            gas_refund_counter: 0,
            gas_used: 0,
            gas_cost: 0,
            state_gas_cost: None,
            state_gas_reservoir: None,
            state_gas_spent: 0,
            storage_change: None,
            status: None,
            immediate_bytes: None,
            decoded: None,
        });
    }

    /// An engine runs in the frame that began last.
    pub(super) fn engine_begins(&mut self) -> usize {
        let frame = self.open.last().copied().unwrap_or_default();
        self.engines_open.push(frame);
        // Its place among the others is that of its begin.
        frame
    }

    /// An engine has ended.
    pub(super) fn engine_ends(&mut self, frame: EngineFrame) {
        self.engines_open.pop();
        let place = self.engines.partition_point(|other| other.frame <= frame.frame);
        self.engines.insert(place, frame);
    }

    /// Forgets what was heard of a turn of the chain that did nothing.
    pub(super) fn forget(&mut self) {
        self.engines.clear();
        (self.open, self.engines_open, self.next) = (Vec::new(), Vec::new(), 1);
        if let Listener::Debug(inspector) = &mut self.listener {
            // Only a mux of tracers could fail, and its configuration was read before.
            let _ = inspector.fuse();
        }
    }

    /// Takes what a transaction left: its trace stands in [`Self::into_traces`].
    pub(super) fn settle(
        &mut self,
        ctx: &mut Ctx<'_>,
        index: usize,
        result: ExecutionResult,
        state: EvmState,
    ) -> Result<(), ExecutionError> {
        let engines = std::mem::take(&mut self.engines);
        let Listener::Debug(inspector) = &mut self.listener else { return Ok(()) };
        let place = TransactionContext::default().with_tx_index(index);
        let outcome = ResultAndState { result, state };
        let (tx, block, db) = (&ctx.tx, &ctx.block, &mut ctx.journaled_state.database);
        let geth = inspector.get_result(Some(place), tx, block, &outcome, db);
        let geth = geth.map_err(|error| ExecutionError::Evm(format!("a trace cannot be put together: {error}")))?;
        self.forget();
        self.done.push((index, Trace { geth, engines }));
        Ok(())
    }

    /// The traces, each with its transaction's index.
    pub(crate) fn into_traces(self) -> Vec<(usize, Trace)> {
        self.done
    }
}

/// The inspector with a bound on what it copies.
fn bounded(inspector: DebugInspector, bytes: usize) -> DebugInspector {
    let limits = ByteLimits::default().set_max_recorded_bytes(Some(bytes)).set_behavior(TraceLimitBehavior::Halt);
    match inspector {
        DebugInspector::Default(inner, config) => DebugInspector::Default(inner.with_limits(limits), config),
        DebugInspector::CallTracer(inner, config) => DebugInspector::CallTracer(inner.with_limits(limits), config),
        DebugInspector::FlatCallTracer(inner) => DebugInspector::FlatCallTracer(inner.with_limits(limits)),
        DebugInspector::Erc7562Tracer(inner, config) => {
            DebugInspector::Erc7562Tracer(inner.with_limits(limits), config)
        }
        other => other,
    }
}
