//! What the rest of execution tells a tracer. Without one, or with one that does not listen, each of these does nothing.

use alloy_primitives::{Address, Bytes, Log, U256};
use caldera_engine::{CallOutcome, EngineResult, Export};
use caldera_types::{Mount, SYSTEM_ADDRESS};
use revm::{
    Inspector,
    bytecode::Bytecode,
    context::result::{ExecutionResult, Output, ResultGas, SuccessReason},
    context_interface::{ContextTr, JournalTr},
    interpreter::{
        CallInput, CallInputs, CallOutcome as FrameOutcome, CallScheme, CallValue, Gas, InstructionResult,
        InterpreterResult,
    },
    primitives::KECCAK_EMPTY,
    state::EvmState,
};

use super::{EngineFrame, HostCall, engine_frame, tap::with};
use crate::{error::ExecutionError, evm::Ctx, registry};

/// An engine's run as it begins.
pub(crate) struct Begun {
    frame: usize,
    export: &'static str,
    /// The frame that stands for an export which the chain itself runs.
    made: Option<Box<CallInputs>>,
}

/// Whether a tracer listens.
pub(crate) fn is_on(ctx: &Ctx<'_>) -> bool {
    ctx.chain.tracer.as_ref().is_some_and(|tracer| tracer.is_on())
}

/// The transaction of that index begins.
pub(crate) fn begin(ctx: &mut Ctx<'_>, index: usize) {
    if let Some(tracer) = &mut ctx.chain.tracer {
        tracer.begin(index);
    }
}

/// The chain itself begins to act, at this address.
pub(crate) fn chain_begins(ctx: &mut Ctx<'_>, to: Address, input: &Bytes, gas: u64) -> Option<Box<CallInputs>> {
    is_on(ctx).then(|| open(ctx, SYSTEM_ADDRESS, to, input.clone(), gas))
}

/// The chain has acted.
pub(crate) fn chain_ends(ctx: &mut Ctx<'_>, begun: Option<Box<CallInputs>>, gas_used: u64) {
    if let Some(inputs) = begun {
        close(ctx, &inputs, InstructionResult::Return, Bytes::new(), gas_used);
    }
}

/// An engine is about to run.
pub(crate) fn engine_begins(ctx: &mut Ctx<'_>, mount: &Mount, export: &Export<'_>, gas: u64) -> Option<Begun> {
    if !is_on(ctx) {
        return None;
    }
    // revm told of a call already; the chain's own exports are no calls, so their frames are made here. Each has a
    // checkpoint of its own, which makes it a child of the chain's turn.
    let own = !matches!(export, Export::Call { .. }) && ctx.journal().depth() > 0;
    let made = own.then(|| open(ctx, registry::ADDRESS, mount.address, Bytes::new(), gas));
    let frame = with(&mut &mut *ctx, |tracer, _| tracer.engine_begins())?;
    Some(Begun { frame, export: engine_frame::name(export), made })
}

/// An engine has run. Its frame is still open.
pub(crate) fn engine_ends(
    ctx: &mut Ctx<'_>,
    begun: Begun,
    mount: &Mount,
    outcome: &CallOutcome,
    (host_calls, host_calls_left_out): (Vec<HostCall>, u64),
) {
    let frame = EngineFrame::new(begun.frame, mount, begun.export, outcome);
    let frame = EngineFrame { host_calls, host_calls_left_out, ..frame };
    with(&mut &mut *ctx, |tracer, _| tracer.engine_ends(frame));
    let Some(inputs) = begun.made else { return };
    let (result, output) = match &outcome.result {
        EngineResult::Return(output) => (InstructionResult::Return, output.clone()),
        EngineResult::More(_) => (InstructionResult::Return, Vec::new()),
        EngineResult::Revert(message) => (InstructionResult::Revert, message.clone()),
        EngineResult::Fault(_) => (InstructionResult::PrecompileError, Vec::new()),
    };
    close(ctx, &inputs, result, output.into(), outcome.gas_used);
}

/// An engine left a log.
pub(crate) fn log(ctx: &mut Ctx<'_>, log: &Log) {
    with(&mut &mut *ctx, |tracer, ctx| tracer.listener.log(ctx, log.clone()));
}

/// The registry left a log; revm tells of it unless the chain itself acts.
pub(crate) fn log_of_chain(ctx: &mut Ctx<'_>, made: &Log) {
    if ctx.tx.caller == SYSTEM_ADDRESS {
        log(ctx, made);
    }
}

/// revm is about to tell of the logs in the journal from `since` on, all of which were told when they were made.
pub(crate) fn logs_were_told(ctx: &mut Ctx<'_>, since: usize) {
    let count = ctx.journal().logs().len().saturating_sub(since);
    with(&mut &mut *ctx, |tracer, _| tracer.told_logs = count);
}

/// A transaction has ended, before which its block had so many logs, with these changes; none of a chain's turn that did nothing.
pub(crate) fn settle(
    ctx: &mut Ctx<'_>,
    index: usize,
    earlier_logs: u64,
    result: Option<ExecutionResult>,
    state: &EvmState,
) -> Result<(), ExecutionError> {
    if !is_on(ctx) {
        return Ok(());
    }
    let settled = with(&mut &mut *ctx, |tracer, ctx| match result {
        Some(result) => tracer.settle(ctx, index, earlier_logs, result, state.clone()),
        None => {
            tracer.forget();
            Ok(())
        }
    });
    settled.unwrap_or(Ok(()))
}

/// The chain's own turn as the result of a transaction.
pub(crate) fn chain_result(gas_used: u64, logs: Vec<Log>) -> ExecutionResult {
    let gas = ResultGas::default().with_total_gas_spent(gas_used);
    ExecutionResult::Success { reason: SuccessReason::Return, gas, logs, output: Output::Call(Bytes::new()) }
}

/// Begins a frame that is no call of the EVM.
fn open(ctx: &mut Ctx<'_>, caller: Address, to: Address, input: Bytes, gas_limit: u64) -> Box<CallInputs> {
    let length = input.len();
    let mut inputs = Box::new(CallInputs {
        input: CallInput::Bytes(input),
        return_memory_offset: 0..0,
        gas_limit,
        reservoir: 0,
        bytecode_address: to,
        known_bytecode: (KECCAK_EMPTY, Bytecode::default()),
        target_address: to,
        caller,
        value: CallValue::Transfer(U256::ZERO),
        scheme: CallScheme::Call,
        is_static: false,
        charged_new_account_state_gas: false,
    });
    with(&mut &mut *ctx, |tracer, ctx| {
        tracer.enter(None, gas_limit, length);
        // A listener could answer in the callee's place; ours do not.
        let _ = tracer.listener.call(ctx, &mut inputs);
    });
    inputs
}

/// Ends it.
fn close(ctx: &mut Ctx<'_>, inputs: &CallInputs, result: InstructionResult, output: Bytes, gas_used: u64) {
    let mut gas = Gas::new_with_regular_gas_and_reservoir(inputs.gas_limit, 0);
    if !gas.record_regular_cost(gas_used) {
        gas.spend_all();
    }
    let length = output.len();
    let mut outcome = FrameOutcome::new(InterpreterResult::new(result, output, gas), 0..0);
    with(&mut &mut *ctx, |tracer, ctx| {
        tracer.listener.call_end(ctx, inputs, &mut outcome);
        tracer.leave(length);
    });
}
