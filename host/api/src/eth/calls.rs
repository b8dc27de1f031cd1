//! Calls that never become part of a block.

use alloy_primitives::{Bytes, U64};
use alloy_rpc_types_eth::TransactionRequest;
use caldera_execution::SimulationRequest;
use jsonrpsee_core::RegisterMethodError;

use crate::{
    args::Args,
    context::ChainApi,
    errors::{self, Reply, RpcError},
    module::Module,
};

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.blocking("eth_call", call)?;
    module.blocking("eth_estimateGas", estimate)
}

fn call(api: &ChainApi, args: &mut Args<'_>) -> Reply<Bytes> {
    let request: TransactionRequest = args.next("call")?;
    let number = api.existing(args.optional("block")?)?;
    args.refuse("state overrides")?;
    args.refuse("block overrides")?;
    let gas = request.gas.map_or(api.limits.call_gas, |gas| gas.min(api.limits.call_gas));
    let request = SimulationRequest { gas, ..simulation(request)? };
    errors::returned(api.chain.simulate(number, &request)?.result)
}

fn estimate(api: &ChainApi, args: &mut Args<'_>) -> Reply<U64> {
    let request: TransactionRequest = args.next("call")?;
    let number = api.existing(args.optional("block")?)?;
    args.refuse("state overrides")?;
    // Zero asks for as much as a transaction may have.
    let request = SimulationRequest { gas: request.gas.unwrap_or(0), ..simulation(request)? };
    Ok(U64::from(api.chain.estimate_gas(number, &request)?))
}

/// The call that a request describes, its gas aside. What a simulation cannot honour is refused.
fn simulation(request: TransactionRequest) -> Reply<SimulationRequest> {
    if request.blob_versioned_hashes.is_some() || request.sidecar.is_some() {
        return Err(RpcError::InvalidParams("blob transactions (EIP-4844) have no place on this chain".into()));
    }
    if request.authorization_list.is_some() {
        return Err(RpcError::InvalidParams("calls with an authorization list (EIP-7702) are not simulated".into()));
    }
    let gas_price = request.gas_price.or(request.max_fee_per_gas).unwrap_or(0);
    let input = request.input.try_into_unique_input();
    Ok(SimulationRequest {
        from: request.from.unwrap_or_default(),
        to: request.to.unwrap_or_default(),
        gas: 0,
        gas_price,
        value: request.value.unwrap_or_default(),
        input: input.map_err(|error| RpcError::InvalidParams(error.to_string()))?.unwrap_or_default(),
        access_list: request.access_list.unwrap_or_default(),
    })
}
