//! Calls that never become part of a block.

use alloy_eips::{BlockId, eip2930::AccessList};
use alloy_primitives::{Bytes, U64};
use alloy_rpc_types_eth::TransactionRequest;
use caldera_execution::{SimulationRequest, SimulationResult};
use jsonrpsee_core::RegisterMethodError;
use serde::Serialize;

use super::request::{overrides, simulation, with_gas};
use crate::{
    args::Args,
    context::ChainApi,
    errors::{self, Reply, RpcError},
    methods::param::{BLOCK, BLOCK_OVERRIDES, CALL, STATE_OVERRIDES},
    module::Module,
};

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let params = &[CALL, BLOCK, STATE_OVERRIDES, BLOCK_OVERRIDES];
    module.blocking("eth_call", "What a call returns on the state after a block.", params, "Bytes", call)?;
    let about = "Gas that a call needs, at most a percent too much.";
    module.blocking("eth_estimateGas", about, params, "Quantity", estimate)?;
    let about = "The access list (EIP-2930) that makes a call cheapest, engines' storage included.";
    module.blocking("eth_createAccessList", about, &[CALL, BLOCK, STATE_OVERRIDES], "AccessListResult", access_list)
}

/// A call, and the height at which it runs.
fn asked(api: &ChainApi, args: &mut Args<'_>) -> Reply<(u64, SimulationRequest)> {
    let request: TransactionRequest = args.next()?;
    let number = api.existing(args.next::<Option<BlockId>>()?)?;
    Ok((number, simulation(api, request)?))
}

fn call(api: &ChainApi, args: &mut Args<'_>) -> Reply<Bytes> {
    let (number, mut request) = asked(api, args)?;
    request.overrides = overrides(args.next()?, args.next()?);
    let request = with_gas(api, number, request)?;
    errors::returned(api.chain.simulate(number, &request)?.result)
}

fn estimate(api: &ChainApi, args: &mut Args<'_>) -> Reply<U64> {
    // No gas asks for as much as a transaction may have.
    let (number, mut request) = asked(api, args)?;
    request.overrides = overrides(args.next()?, args.next()?);
    Ok(U64::from(api.chain.estimate_gas(number, &request)?))
}

/// An access list and what the call takes with it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessListJson {
    access_list: AccessList,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    gas_used: U64,
}

fn access_list(api: &ChainApi, args: &mut Args<'_>) -> Reply<AccessListJson> {
    let (number, mut request) = asked(api, args)?;
    request.overrides = overrides(args.next()?, None);
    let listed = api.chain.access_list(number, &with_gas(api, number, request)?)?;
    let error = match listed.simulation.result {
        SimulationResult::Return(_) => None,
        failed => Some(RpcError::of(failed).to_string()),
    };
    Ok(AccessListJson { access_list: listed.access_list, error, gas_used: U64::from(listed.simulation.gas_used) })
}
