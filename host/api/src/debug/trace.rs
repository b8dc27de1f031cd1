//! `debug_trace*`: geth's tracers over blocks that are executed again.

use std::time::Duration;

use alloy_eips::BlockId;
use alloy_primitives::B256;
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
use alloy_rpc_types_trace::geth::GethTrace;
use caldera_chain::{FoundTransaction, TraceAllowance};
use caldera_execution::trace::{Trace, TraceOptions};
use jsonrpsee_core::RegisterMethodError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::frames;
use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    eth::{
        blocks::{by_hash, by_number},
        request::{overrides, simulation, with_gas},
    },
    methods::{
        Param,
        param::{BLOCK, BLOCK_HASH, BLOCK_NUMBER, CALL, TRACE_OPTIONS, TRANSACTION_HASH},
    },
    module::Module,
};

const CALL_OPTIONS: Param = Param::optional("options", "TraceCallOptions");

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "What a transaction did: struct logs, or what the named tracer makes of it.";
    let params = &[TRANSACTION_HASH, TRACE_OPTIONS];
    module.blocking("debug_traceTransaction", about, params, "Trace", transaction)?;
    let about = "What a call does on the state after a block.";
    module.blocking("debug_traceCall", about, &[CALL, BLOCK, CALL_OPTIONS], "Trace", call)?;
    let about = "What each transaction of a block did, the chain's own included.";
    module.blocking("debug_traceBlockByNumber", about, &[BLOCK_NUMBER, TRACE_OPTIONS], "BlockTrace", |api, args| {
        whole(api, by_number(args)?, args)
    })?;
    module.blocking("debug_traceBlockByHash", about, &[BLOCK_HASH, TRACE_OPTIONS], "BlockTrace", |api, args| {
        whole(api, by_hash(args)?, args)
    })
}

/// Options that only a call has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallOptions {
    state_overrides: Option<StateOverride>,
    block_overrides: Option<BlockOverrides>,
    tx_index: Option<Value>,
}

fn transaction(api: &ChainApi, args: &mut Args<'_>) -> Reply<Value> {
    let hash: B256 = args.next()?;
    let options: TraceOptions = args.next::<Option<_>>()?.unwrap_or_default();
    let Some(FoundTransaction::Mined { block, index }) = api.chain.transaction(hash)? else {
        return Err(RpcError::Refused(format!("transaction not found: {hash}")));
    };
    let traces = api.chain.trace_block(block.number(), Some(index), &options, allowance(api, &options)?)?;
    let trace = traces.into_iter().next().ok_or_else(|| RpcError::Node(format!("{hash} left no trace")))?;
    frames::show(placed(trace.1, block.block.hash(), hash))
}

fn call(api: &ChainApi, args: &mut Args<'_>) -> Reply<Value> {
    let request: TransactionRequest = args.next()?;
    let number = api.existing(args.next::<Option<BlockId>>()?)?;
    let given: Value = args.next()?;
    let malformed = |error: serde_json::Error| RpcError::InvalidParams(format!("parameter 2 (options): {error}"));
    let options: Option<TraceOptions> = serde_json::from_value(given.clone()).map_err(malformed)?;
    let options = options.unwrap_or_default();
    let own: Option<CallOptions> = serde_json::from_value(given).map_err(malformed)?;
    let own = own.unwrap_or_default();
    if own.tx_index.is_some() {
        return Err(RpcError::InvalidParams("txIndex is not supported: a call runs on the state after a block".into()));
    }
    let mut request = simulation(api, request)?;
    request.overrides = overrides(own.state_overrides, own.block_overrides);
    let request = with_gas(api, number, request)?;
    frames::show(api.chain.trace_call(number, &request, &options, allowance(api, &options)?)?)
}

fn whole(api: &ChainApi, block: BlockId, args: &mut Args<'_>) -> Reply<Vec<Value>> {
    let options: TraceOptions = args.next::<Option<_>>()?.unwrap_or_default();
    let number = api.existing(Some(block))?;
    let traces = api.chain.trace_block(number, None, &options, allowance(api, &options)?)?;
    let (block, _) = api.chain.header(number)?.ok_or_else(|| RpcError::NoBlock(number.to_string()))?;
    let show =
        |(hash, trace)| Ok(json!({ "txHash": hash as B256, "result": frames::show(placed(trace, block, hash))? }));
    traces.into_iter().map(show).collect()
}

/// A trace that says itself of which transaction it is says it whole: the tracer knows the place within a block only.
fn placed(mut trace: Trace, block: B256, transaction: B256) -> Trace {
    if let GethTrace::FlatCallTracer(frames) = &mut trace.geth {
        for frame in frames {
            (frame.block_hash, frame.transaction_hash) = (Some(block), Some(transaction));
        }
    }
    trace
}

/// What a trace may take: a client can ask for less time than the node allows, not for more.
fn allowance(api: &ChainApi, options: &TraceOptions) -> Reply<TraceAllowance> {
    let limits = &api.limits;
    let asked = options.timeout.as_deref().map(duration).transpose()?;
    let time = asked.map_or(limits.trace_time, |asked| asked.min(limits.trace_time));
    // What is recorded may be larger than its JSON, not by much.
    let bytes = limits.longest_response().saturating_mul(2);
    Ok(TraceAllowance { steps: limits.trace_steps, bytes, time })
}

/// A duration as Go writes it, of one number and unit: `5s`, `250ms`, `1m`.
fn duration(text: &str) -> Reply<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => f64::NAN,
    };
    let time = number.parse::<f64>().ok().and_then(|number| Duration::try_from_secs_f64(number * seconds).ok());
    time.ok_or_else(|| RpcError::InvalidParams(format!("timeout '{text}' is no duration such as 5s or 250ms")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, millis) in [("5s", Some(5_000)), ("250ms", Some(250)), ("1.5s", Some(1_500)), ("1m", Some(60_000))] {
            assert_eq!(duration(text).ok(), millis.map(Duration::from_millis), "{text}");
        }
        for text in ["", "5", "s", "-1s", "5 parsecs", "1e400s"] {
            assert!(matches!(duration(text), Err(RpcError::InvalidParams(_))), "{text}");
        }
    }
}
