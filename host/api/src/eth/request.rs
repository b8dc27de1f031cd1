//! A call as clients write it, in execution's words.

use alloy_primitives::U256;
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
use caldera_execution::{Overrides, SimulationRequest};
use caldera_state::StateView;

use crate::{
    context::ChainApi,
    errors::{Reply, RpcError},
};

/// The call that a request describes. What a simulation cannot honour is refused.
pub(crate) fn simulation(api: &ChainApi, request: TransactionRequest) -> Reply<SimulationRequest> {
    let invalid = |why: &str| Err(RpcError::InvalidParams(why.into()));
    // A fee for blobs without blobs is a fee for nothing, as in the specification's tests.
    if request.blob_versioned_hashes.is_some() || request.sidecar.is_some() {
        return invalid("blob transactions (EIP-4844) have no place on this chain");
    }
    if request.gas_price.is_some() && (request.max_fee_per_gas.or(request.max_priority_fee_per_gas)).is_some() {
        return invalid("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    }
    if let Some(id) = request.chain_id.filter(|id| *id != api.chain.chain_id()) {
        return Err(RpcError::InvalidParams(format!("chainId {id} is not this chain's {}", api.chain.chain_id())));
    }
    let authorizations = request.authorization_list.unwrap_or_default();
    let to = request.to.unwrap_or_default();
    if !authorizations.is_empty() && to.is_create() {
        return invalid("a transaction with authorizations (EIP-7702) cannot create a contract");
    }
    let priority_fee = request.max_priority_fee_per_gas.or(request.max_fee_per_gas.map(|_| 0));
    let gas_price = request.gas_price.or(request.max_fee_per_gas).or(priority_fee).unwrap_or(0);
    if priority_fee.is_some_and(|tip| tip > gas_price) {
        return invalid("maxPriorityFeePerGas is above maxFeePerGas");
    }
    let input = request.input.try_into_unique_input();
    Ok(SimulationRequest {
        from: request.from.unwrap_or_default(),
        checks_funds: request.from.is_some(),
        to,
        nonce: request.nonce,
        gas: request.gas,
        gas_price,
        priority_fee,
        value: request.value.unwrap_or_default(),
        input: input.map_err(|error| RpcError::InvalidParams(error.to_string()))?.unwrap_or_default(),
        access_list: request.access_list.unwrap_or_default(),
        authorizations,
        overrides: Overrides::default(),
    })
}

/// The same with the gas that a call gets: as much as it asks for, up to the limit, and up to what the sender can pay if it
/// names a price but no gas.
pub(crate) fn with_gas(api: &ChainApi, number: u64, mut request: SimulationRequest) -> Reply<SimulationRequest> {
    let most = api.limits.call_gas;
    request.gas = Some(match request.gas {
        None if request.checks_funds && request.gas_price > 0 => most.min(affordable(api, number, &request)?),
        None => most,
        Some(gas) => gas.min(most),
    });
    Ok(request)
}

fn affordable(api: &ChainApi, number: u64, request: &SimulationRequest) -> Reply<u64> {
    let changed = request.overrides.state.get(&request.from).and_then(|change| change.balance);
    let balance = match changed {
        Some(balance) => balance,
        None => api.chain.view(number)?.account(request.from)?.unwrap_or_default().balance,
    };
    Ok((balance.saturating_sub(request.value) / U256::from(request.gas_price)).saturating_to())
}

/// Overrides as two parameters bring them.
pub(crate) fn overrides(state: Option<StateOverride>, block: Option<BlockOverrides>) -> Overrides {
    Overrides { state: state.unwrap_or_default(), block: block.unwrap_or_default() }
}
