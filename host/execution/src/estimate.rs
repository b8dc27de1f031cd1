//! How much gas a call needs.

use alloy_primitives::U256;
use caldera_types::{BlockEnv, limits::TX_GAS};

use crate::{
    Ground,
    call_error::CallError,
    error::ExecutionError,
    simulate::{SimulationRequest, SimulationResult, simulate},
};

/// Least gas of any transaction.
const MIN_GAS: u64 = 21_000;
/// An estimate may be this many percent too high: a closer search costs more runs than it saves.
const TOLERANCE_PERCENT: u64 = 1;

/// Why there is no estimate.
#[derive(Debug, thiserror::Error)]
pub enum EstimateError {
    /// The call fails with all the gas it may have.
    #[error("the call fails whatever its gas: {0:?}")]
    Fails(SimulationResult),
    /// The call could not be run.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The least gas limit, within a percent, with which the call succeeds on this state.
///
/// The sender's wei bound it where gas has a price. Binary search: gas used tells less than a limit, since 63/64 rules and refunds come between.
pub fn estimate_gas(ground: Ground<'_>, env: &BlockEnv, request: &SimulationRequest) -> Result<u64, EstimateError> {
    let run = |gas: u64| simulate(ground, env, &SimulationRequest { gas: Some(gas), ..request.clone() });
    // As in geth, what pays for no transaction is no bound.
    let most = request.gas.filter(|gas| *gas >= MIN_GAS).map_or(TX_GAS, |gas| gas.min(TX_GAS));
    let most = most.min(affordable(ground, request)?);
    let full = run(most)?;
    if !matches!(full.result, SimulationResult::Return(_)) {
        return Err(EstimateError::Fails(full.result));
    }
    let succeeds = |gas: u64| match run(gas) {
        Ok(simulation) => Ok(matches!(simulation.result, SimulationResult::Return(_))),
        // Below the intrinsic gas the transaction is refused: that is a no.
        Err(CallError::Refused { .. }) => Ok(false),
        Err(error) => Err(error),
    };
    // Wallets know that a plain transfer costs exactly this.
    if full.gas_used == MIN_GAS && succeeds(MIN_GAS)? {
        return Ok(MIN_GAS);
    }
    let (mut low, mut high) = (MIN_GAS.max(full.gas_used) - 1, most);
    // Most calls need what they used and the 64ths that calls hold back.
    let guess = full.gas_used + full.gas_used / 16 + 5_000;
    if guess < high && succeeds(guess)? {
        high = guess;
    }
    while low + 1 < high && (high - low) * 100 > high * TOLERANCE_PERCENT {
        let middle = low + (high - low) / 2;
        if succeeds(middle)? { high = middle } else { low = middle }
    }
    Ok(high)
}

/// Most gas that the sender can pay for at the call's price, on top of the value.
fn affordable(ground: Ground<'_>, request: &SimulationRequest) -> Result<u64, CallError> {
    if !request.checks_funds || request.gas_price == 0 {
        return Ok(u64::MAX);
    }
    let changed = request.overrides.state.get(&request.from).and_then(|change| change.balance);
    let balance = match changed {
        Some(balance) => balance,
        None => ground.view.account(request.from).map_err(ExecutionError::from)?.unwrap_or_default().balance,
    };
    let Some(left) = balance.checked_sub(request.value) else {
        return Err(CallError::Funds { address: request.from, balance, needs: request.value });
    };
    Ok((left / U256::from(request.gas_price)).saturating_to())
}
