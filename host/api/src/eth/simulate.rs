//! `eth_simulateV1`: blocks of calls that build on each other, on any block.

use alloy_eips::BlockId;
use alloy_rpc_types_eth::{
    Block, Log,
    simulate::{SimBlock, SimCallResult, SimulateError, SimulatePayload, SimulatedBlock},
};
use caldera_chain::{DreamLimits, DreamtBlock, OrderError, SimulateError as Refusal};
use caldera_execution::{BlockAsked, BrokenRule, CallError, OverrideError, Simulation, SimulationResult};
use jsonrpsee_core::RegisterMethodError;

use super::request::{overrides, simulation};
use crate::{
    args::Args,
    context::ChainApi,
    convert,
    errors::{Reply, RpcError},
    methods::{Param, param::BLOCK},
    module::Module,
};

const PAYLOAD: Param = Param::new("payload", "SimulatePayload");

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Runs blocks of calls, each on what the one before left, with overrides of state and block.";
    module.blocking("eth_simulateV1", about, &[PAYLOAD, BLOCK], "SimulatedBlocks", simulate)
}

fn simulate(api: &ChainApi, args: &mut Args<'_>) -> Reply<Vec<SimulatedBlock<Block>>> {
    let payload: SimulatePayload = args.next()?;
    let number = api.existing(args.next::<Option<BlockId>>()?)?;
    if payload.block_state_calls.is_empty() {
        return Err(RpcError::InvalidParams("blockStateCalls is empty".into()));
    }
    let (validation, trace_transfers) = (payload.validation, payload.trace_transfers);
    let asked = |block: SimBlock| {
        let calls = block.calls.into_iter().map(|call| simulation(api, call)).collect::<Reply<_>>()?;
        let overrides = overrides(block.state_overrides, block.block_overrides);
        Ok(BlockAsked { overrides, calls, validation, trace_transfers, gas: 0 })
    };
    let blocks = payload.block_state_calls.into_iter().map(asked).collect::<Reply<_>>()?;
    let limits =
        DreamLimits { blocks: api.limits.simulated_blocks, gas: api.limits.call_gas, time: api.limits.simulation_time };
    let dreamt = api.chain.dream(number, blocks, limits).map_err(refused)?;
    Ok(dreamt.iter().map(|block| show(block, payload.return_full_transactions)).collect())
}

fn show(dreamt: &DreamtBlock, full: bool) -> SimulatedBlock<Block> {
    let mut earlier = 0;
    let calls = dreamt.calls.iter().enumerate().map(|(index, call)| {
        let result = show_call(dreamt, index, call, earlier);
        earlier += call.logs.len() as u64;
        result
    });
    SimulatedBlock { calls: calls.collect(), inner: convert::block(&dreamt.executed, full) }
}

fn show_call(dreamt: &DreamtBlock, index: usize, call: &Simulation, earlier_logs: u64) -> SimCallResult {
    let sealed = &dreamt.executed.block;
    let log = |(place, inner): (usize, &alloy_primitives::Log)| Log {
        inner: inner.clone(),
        block_hash: Some(sealed.hash()),
        block_number: Some(sealed.header.number),
        block_timestamp: Some(sealed.header.timestamp),
        transaction_hash: sealed.transactions.get(index).map(|tx| *tx.tx_hash()),
        transaction_index: Some(index as u64),
        log_index: Some(earlier_logs + place as u64),
        removed: false,
    };
    let (return_data, error) = match &call.result {
        SimulationResult::Return(data) => (data.clone(), None),
        // What it reverted with is in the error, as in `eth_call`.
        SimulationResult::Revert(data) => (Default::default(), Some(failure(call, 3, Some(data.clone())))),
        SimulationResult::Halt { .. } => {
            (Default::default(), Some(failure(call, SimulateError::VM_EXECUTION_ERROR_CODE, None)))
        }
    };
    SimCallResult {
        return_data,
        logs: call.logs.iter().enumerate().map(log).collect(),
        gas_used: call.gas_used,
        max_used_gas: Some(call.max_gas_used),
        status: error.is_none(),
        error,
    }
}

/// A call's failure, in the words of `eth_call`.
fn failure(call: &Simulation, code: i32, data: Option<alloy_primitives::Bytes>) -> SimulateError {
    SimulateError { code, message: RpcError::of(call.result.clone()).to_string(), data }
}

/// A failure of the whole simulation, which has codes of its own.
fn refused(error: Refusal) -> RpcError {
    let code = match &error {
        Refusal::Call(CallError::Refused { rule, .. }) => match rule {
            BrokenRule::NonceTooLow => -38010,
            BrokenRule::NonceTooHigh => -38011,
            BrokenRule::BaseFee => -38012,
            BrokenRule::IntrinsicGas => -38013,
            BrokenRule::Funds => -38014,
            BrokenRule::BlockGas => -38015,
            BrokenRule::SenderHasCode => -38024,
            BrokenRule::InitCodeSize => -38025,
            BrokenRule::LastNonce => -32603,
            BrokenRule::Other => -32000,
        },
        Refusal::Call(CallError::Funds { .. }) => -38014,
        Refusal::Call(CallError::Overrides(OverrideError::NotAPrecompile(_))) => -32000,
        Refusal::Call(CallError::Overrides(OverrideError::MovedToItself(_))) => -38022,
        Refusal::Call(CallError::Overrides(OverrideError::Taken(_))) => -38023,
        Refusal::Order(OrderError::Number { .. }) => -38020,
        Refusal::Order(OrderError::Time { .. }) => -38021,
        Refusal::Order(OrderError::TooMany { .. }) => -38026,
        Refusal::Order(OrderError::Late(_)) => -32016,
        _ => return error.into(),
    };
    RpcError::Simulation { code, message: error.to_string() }
}
