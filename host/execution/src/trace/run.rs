//! Tracing a call, and the transactions of a block.

use alloy_primitives::Address;
use alloy_rpc_types_trace::geth::GethDebugTracingOptions;
use caldera_types::{Block, BlockEnv, is_system_transaction};
use revm::context_interface::{ContextTr, JournalTr};

use super::{Trace, TraceLimits, Tracer, told};
use crate::{
    Ground,
    call_error::CallError,
    error::{ExecutionError, TxError},
    evm,
    executor::BlockExecutor,
    simulate::{self, SimulationRequest},
};

/// Traces a call on a state, as if in block `env`.
pub fn trace_call(
    ground: Ground<'_>,
    env: &BlockEnv,
    request: &SimulationRequest,
    options: &GethDebugTracingOptions,
    limits: &TraceLimits,
) -> Result<Trace, CallError> {
    let mut ctx = simulate::question(ground, env, request)?;
    ctx.chain.tracer = Some(Box::new(Tracer::of_debug(options, limits, None)?));
    told::begin(&mut ctx, 0);
    let tx = simulate::tx_env(&ctx, request)?;
    let result = evm::transact(&mut ctx, tx)?;
    let changes = ctx.journal_mut().finalize();
    told::settle(&mut ctx, 0, 0, Some(result), &changes)?;
    let traces = ctx.chain.tracer.take().map(|tracer| tracer.into_traces()).unwrap_or_default();
    let missing = || CallError::Node(ExecutionError::Evm("the call left no trace".into()));
    traces.into_iter().next().map(|(_, trace)| trace).ok_or_else(missing)
}

/// Executes a block again on its parent's state, as [`crate::execute`] does, and traces the transaction of index `only`, or
/// all. `senders` are those of its transactions. The traces come in order, each with its transaction's index.
pub fn trace_block(
    ground: Ground<'_>,
    env: BlockEnv,
    block: &Block,
    senders: &[Address],
    only: Option<usize>,
    options: &GethDebugTracingOptions,
    limits: &TraceLimits,
) -> Result<Vec<(usize, Trace)>, CallError> {
    let tracer = Tracer::of_debug(options, limits, only)?;
    let mut executor = BlockExecutor::begin_traced(ground, env, tracer)?;
    for component in &block.sidecar {
        executor.offer(component);
    }
    let own = block.transactions.iter().zip(senders).enumerate().filter(|(_, (tx, _))| !is_system_transaction(tx));
    for (index, (tx, sender)) in own {
        if only.is_some_and(|only| only < index) {
            return Ok(executor.into_traces());
        }
        if !(limits.goes_on)() {
            return Err(CallError::Stopped("the time of a trace is used up"));
        }
        executor.apply(tx, *sender).map_err(|error| match error {
            TxError::Refused(why) => CallError::Node(ExecutionError::BadTransaction { index, why }),
            TxError::Node(error) => error.into(),
        })?;
    }
    Ok(executor.finish_traced()?)
}
