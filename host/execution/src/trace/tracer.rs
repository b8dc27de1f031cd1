//! A tracer and what it must remember while a transaction runs.

use alloy_primitives::{Bytes, Log};
use alloy_rpc_types_trace::geth::GethDebugTracingOptions;
use revm::{
    bytecode::opcode::{self, OpCode},
    context::result::{ExecutionResult, ResultAndState},
    inspector::NoOpInspector,
    interpreter::{CallScheme, Interpreter},
    state::EvmState,
};
use revm_inspectors::tracing::{DebugInspector, TransactionContext, types::CallTraceStep};

use super::{EngineFrame, Trace, TraceLimits, budget::Budget, listener::Listener, logs, transfers::Transfers};
use crate::{call_error::CallError, error::ExecutionError, evm::Ctx};

/// Listens to a transaction, or to all of a block.
pub(crate) struct Tracer {
    pub(super) listener: Listener,
    /// What it may keep; none of one that keeps little.
    budget: Option<Budget>,
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
        Ok(Self {
            budget: Some(Budget::new(limits, &inspector)),
            only,
            ..Self::new(Listener::Debug(Box::new(inspector)))
        })
    }

    /// One that keeps a log for each transfer of wei, between those of the EVM.
    pub(crate) fn of_transfers() -> Self {
        Self { on: true, ..Self::new(Listener::Transfers(Transfers::default())) }
    }

    /// The logs of [`Self::of_transfers`].
    pub(crate) fn into_transfers(self) -> Vec<Log> {
        match self.listener {
            Listener::Transfers(transfers) => transfers.into_logs(),
            Listener::Debug(_) => Vec::new(),
        }
    }

    fn new(listener: Listener) -> Self {
        let (open, engines_open, engines, done) = Default::default();
        Self { listener, budget: None, only: None, on: false, open, next: 1, engines_open, engines, told_logs: 0, done }
    }

    /// Whether it listens to what runs now.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// The transaction of this index begins.
    pub(crate) fn begin(&mut self, index: usize) {
        self.on = self.only.is_none_or(|only| only == index);
        self.told_logs = 0;
        if let Some(budget) = &mut self.budget {
            budget.begin();
        }
    }

    /// Counts what the listener is about to keep. Once that is too much it hears nothing more, and what it kept is let go.
    fn count(&mut self, count: impl FnOnce(&mut Budget)) {
        let Some(budget) = &mut self.budget else { return };
        count(budget);
        if budget.stopped().is_some() {
            self.listener = Listener::Debug(Box::new(DebugInspector::Noop(NoOpInspector)));
            self.done = Vec::new();
        }
    }

    /// A step is about to run: why it must not, if so.
    pub(super) fn step(&mut self, interpreter: &Interpreter) -> Option<&'static str> {
        self.count(|budget| budget.step(interpreter));
        self.budget.as_ref()?.stopped()
    }

    /// A frame begins, with so long an input.
    pub(super) fn enter(&mut self, scheme: Option<CallScheme>, gas: u64, input: usize) {
        self.count(|budget| budget.frame(input));
        if let Some(parent) = self.open.last().copied()
            && self.engines_open.last() == Some(&parent)
        {
            self.step_into(parent, scheme, gas);
        }
        let index = if self.open.is_empty() { 0 } else { self.next };
        self.next = self.next.max(index + 1);
        self.open.push(index);
    }

    /// A frame has ended, with so long an output.
    pub(super) fn leave(&mut self, output: usize) {
        self.count(|budget| budget.output(output));
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
        self.count(|budget| budget.engine(&frame));
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

    /// Takes what a transaction left, before which its block had so many logs: its trace stands in [`Self::into_traces`].
    pub(super) fn settle(
        &mut self,
        ctx: &mut Ctx<'_>,
        index: usize,
        earlier_logs: u64,
        result: ExecutionResult,
        state: EvmState,
    ) -> Result<(), ExecutionError> {
        let engines = std::mem::take(&mut self.engines);
        let Listener::Debug(inspector) = &mut self.listener else { return Ok(()) };
        if let Some(budget) = &mut self.budget {
            budget.state(&*inspector, &state);
            if let Some(why) = budget.stopped() {
                return Err(ExecutionError::Stopped(why));
            }
        }
        if let DebugInspector::CallTracer(inspector, config) = &mut **inspector {
            logs::number(inspector.traces_mut().nodes_mut(), config.only_top_call.unwrap_or(false), earlier_logs);
        }
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
