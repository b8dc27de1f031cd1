//! How much the traces of one question may keep: of all its transactions together.
//!
//! revm-inspectors bounds only what it copies, in one transaction. Stacks, buffers that are shared, and what a step repeats of
//! earlier ones once it is shown are not in that. So what a listener is about to keep is counted here before it hears of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::size_of,
};

use alloy_primitives::{Address, U256};
use revm::{
    bytecode::opcode::{self, OpCode},
    interpreter::{
        Interpreter,
        interpreter_types::{Jumps, MemoryTr, ReturnData},
    },
    primitives::eip170::MAX_CODE_SIZE,
    state::EvmState,
};
use revm_inspectors::tracing::{DebugInspector, StackSnapshotType, TracingInspectorConfig, types::CallTraceNode};

use super::{EngineFrame, HostCall, TraceLimits};

/// Steps between two looks at the time.
const STEPS_PER_LOOK: u64 = 4_096;
/// A word of the EVM, in bytes.
const WORD: usize = 32;

const MANY_STEPS: &str = "the trace has more steps than one answer may hold";
const MUCH_MEMORY: &str = "the trace takes more memory than one answer may";
const LATE: &str = "the time of a trace is used up";

/// What is left of a question's limits.
pub(super) struct Budget {
    limits: TraceLimits,
    kept: TracingInspectorConfig,
    /// Whether steps are shown as they are, each with all that stood at it.
    shows_steps: bool,
    steps: u64,
    recorded_steps: u64,
    bytes: usize,
    stopped: Option<&'static str>,
    /// Of the transaction under way: steps that were recorded, the last of them, and the slots that were met, by contract.
    tx_steps: u64,
    last: Option<OpCode>,
    slots: BTreeMap<Address, BTreeSet<U256>>,
}

impl Budget {
    pub(super) fn new(limits: &TraceLimits, inspector: &DebugInspector) -> Self {
        let kept = match inspector {
            DebugInspector::CallTracer(inner, _)
            | DebugInspector::PreStateTracer(inner, _)
            | DebugInspector::FlatCallTracer(inner)
            | DebugInspector::Erc7562Tracer(inner, _)
            | DebugInspector::Default(inner, _) => *inner.config(),
            // None of the tracers that can be in one records steps.
            DebugInspector::Mux(..) => TracingInspectorConfig::none().set_record_inputs(true),
            _ => TracingInspectorConfig::none(),
        };
        Self {
            limits: limits.clone(),
            kept,
            shows_steps: matches!(inspector, DebugInspector::Default(..)),
            steps: 0,
            recorded_steps: 0,
            bytes: 0,
            stopped: None,
            tx_steps: 0,
            last: None,
            slots: BTreeMap::new(),
        }
    }

    /// Why nothing more may be kept, if so.
    pub(super) fn stopped(&self) -> Option<&'static str> {
        self.stopped
    }

    /// A transaction begins.
    pub(super) fn begin(&mut self) {
        (self.tx_steps, self.last) = (0, None);
        self.slots.clear();
    }

    /// A step is about to run.
    pub(super) fn step(&mut self, interpreter: &Interpreter) {
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_PER_LOOK) && !(self.limits.goes_on)() {
            self.stopped.get_or_insert(LATE);
        }
        let most = self.kept.step_limit;
        if !self.kept.record_steps || most.is_some_and(|most| self.tx_steps >= most.get()) {
            return;
        }
        self.tx_steps += 1;
        self.recorded_steps += 1;
        if self.recorded_steps > self.limits.steps {
            self.stopped.get_or_insert(MANY_STEPS);
        }
        let bytes = self.of_step(interpreter);
        self.keep(bytes);
    }

    fn of_step(&mut self, interpreter: &Interpreter) -> usize {
        let op = OpCode::new_or_unknown(interpreter.bytecode.opcode());
        let stack = interpreter.stack.data();
        let mut bytes = 0;
        if self.kept.record_stack_snapshots != StackSnapshotType::None {
            bytes += WORD * stack.len();
        }
        // A copy of the memory serves until it is written to, but is shown with each step.
        let is_written = self.last.replace(op).is_none_or(|last| last.modifies_memory());
        if self.kept.record_memory_snapshots && (self.shows_steps || is_written) {
            bytes += interpreter.memory.size();
        }
        if self.kept.record_returndata_snapshots {
            bytes += interpreter.return_data.buffer().len();
        }
        // A step that reads or writes a slot is shown with all that the contract has met.
        let is_storage = matches!(op.get(), opcode::SLOAD | opcode::SSTORE);
        if self.kept.record_state_diff
            && self.shows_steps
            && is_storage
            && let Some(slot) = stack.last()
        {
            let slots = self.slots.entry(interpreter.input.target_address).or_default();
            slots.insert(*slot);
            bytes += 2 * WORD * slots.len();
        }
        bytes
    }

    /// A frame begins, with so long an input.
    pub(super) fn frame(&mut self, input: usize) {
        self.last = None;
        let input = if self.kept.record_inputs { input } else { 0 };
        self.keep(size_of::<CallTraceNode>() + input);
    }

    /// A frame ends, with so long an output.
    pub(super) fn output(&mut self, output: usize) {
        self.last = None;
        self.keep(output);
    }

    /// An engine's frame with its host calls.
    pub(super) fn engine(&mut self, frame: &EngineFrame) {
        let keys: usize = frame.host_calls.iter().filter_map(|call| call.key.as_ref()).map(|key| key.len()).sum();
        self.keep(size_of::<EngineFrame>() + size_of::<HostCall>() * frame.host_calls.len() + keys);
    }

    /// The accounts that a transaction met, of which some tracers show all.
    pub(super) fn state(&mut self, inspector: &DebugInspector, state: &EvmState) {
        if !matches!(inspector, DebugInspector::PreStateTracer(..) | DebugInspector::Mux(..)) {
            return;
        }
        let of = |account: &revm::state::Account| {
            let code = match &account.info.code {
                Some(code) => code.len(),
                None if account.info.is_empty_code_hash() => 0,
                // It is read when it is shown.
                None => MAX_CODE_SIZE,
            };
            code + 2 * WORD * account.storage.len()
        };
        self.keep(state.values().map(of).sum());
    }

    fn keep(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.bytes {
            self.stopped.get_or_insert(MUCH_MEMORY);
        }
    }
}
