//! The inspectors that a tracer can hand on to, as one.

use alloy_primitives::{Address, Log, U256};
use revm::{
    Inspector,
    context_interface::ContextTr,
    inspector::JournalExt,
    interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter},
};
use revm_inspectors::tracing::DebugInspector;

use super::transfers::Transfers;

/// What makes something of what is heard.
pub(super) enum Listener {
    /// `debug_trace*`.
    Debug(Box<DebugInspector>),
    /// The transfers of `eth_simulateV1`.
    Transfers(Transfers),
}

macro_rules! hand_on {
    ($self:ident, $method:ident($($argument:ident),*)) => {
        match $self {
            Self::Debug(inspector) => Inspector::<CTX>::$method(&mut **inspector, $($argument),*),
            Self::Transfers(inspector) => Inspector::<CTX>::$method(inspector, $($argument),*),
        }
    };
}

impl<CTX: ContextTr<Journal: JournalExt>> Inspector<CTX> for Listener {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, ctx: &mut CTX) {
        hand_on!(self, initialize_interp(interpreter, ctx));
    }

    fn step(&mut self, interpreter: &mut Interpreter, ctx: &mut CTX) {
        hand_on!(self, step(interpreter, ctx));
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, ctx: &mut CTX) {
        hand_on!(self, step_end(interpreter, ctx));
    }

    fn log(&mut self, ctx: &mut CTX, log: Log) {
        hand_on!(self, log(ctx, log));
    }

    fn log_full(&mut self, interpreter: &mut Interpreter, ctx: &mut CTX, log: Log) {
        hand_on!(self, log_full(interpreter, ctx, log));
    }

    fn call(&mut self, ctx: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        hand_on!(self, call(ctx, inputs))
    }

    fn call_end(&mut self, ctx: &mut CTX, inputs: &CallInputs, outcome: &mut CallOutcome) {
        hand_on!(self, call_end(ctx, inputs, outcome));
    }

    fn create(&mut self, ctx: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        hand_on!(self, create(ctx, inputs))
    }

    fn create_end(&mut self, ctx: &mut CTX, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        hand_on!(self, create_end(ctx, inputs, outcome));
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        hand_on!(self, selfdestruct(contract, target, value));
    }
}
