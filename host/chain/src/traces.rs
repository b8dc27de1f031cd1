//! Blocks executed again for who wants to see every step.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use caldera_execution::{
    SimulationRequest,
    trace::{Trace, TraceLimits, TraceOptions, trace_block, trace_call},
};

use crate::{
    chain::Chain,
    error::{ChainError, SimulateError},
};

/// What one question for a trace may take.
#[derive(Clone, Copy, Debug)]
pub struct TraceAllowance {
    /// Most EVM steps that are recorded.
    pub steps: u64,
    /// Most bytes that are kept: stacks, memories, slots, inputs and outputs, of all transactions together.
    pub bytes: usize,
    /// Longest time.
    pub time: Duration,
}

impl TraceAllowance {
    fn limits(self) -> TraceLimits {
        let began = Instant::now();
        let goes_on = move || began.elapsed() <= self.time;
        TraceLimits { steps: self.steps, bytes: self.bytes, goes_on: Arc::new(goes_on) }
    }
}

impl Chain {
    /// Traces a call on the state after a block.
    pub fn trace_call(
        &self,
        number: u64,
        request: &SimulationRequest,
        options: &TraceOptions,
        allowance: TraceAllowance,
    ) -> Result<Trace, SimulateError> {
        let limits = allowance.limits();
        self.on_state(number, |ground, env| Ok(trace_call(ground, env, request, options, &limits)?))
    }

    /// Traces the transaction of a block's index `only`, or all of the block's, each with its hash.
    pub fn trace_block(
        &self,
        number: u64,
        only: Option<usize>,
        options: &TraceOptions,
        allowance: TraceAllowance,
    ) -> Result<Vec<(B256, Trace)>, SimulateError> {
        let executed = self.block(number)?.ok_or(ChainError::UnknownBlock(number))?;
        let parent = number.checked_sub(1).ok_or(SimulateError::Genesis)?;
        let (_, parent) = self.header(parent)?.ok_or(ChainError::UnknownBlock(parent))?;
        let (env, limits) = (self.env_of(&executed.block.header), allowance.limits());
        let traces = self.on_root(parent.number, parent.state_root, |ground| {
            Ok(trace_block(ground, env, &executed.block, executed.senders(), only, options, &limits)?)
        })?;
        let hashes = |(index, trace): (usize, Trace)| Some((*executed.block.transactions.get(index)?.tx_hash(), trace));
        Ok(traces.into_iter().filter_map(hashes).collect())
    }
}
