//! How much gas a call needs.

use caldera_types::{BlockEnv, limits::TX_GAS};

use crate::{
    Ground,
    error::TxError,
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
    Tx(#[from] TxError),
}

/// The least gas limit, within a percent, with which the call succeeds on this state.
///
/// Binary search: gas used tells less than a limit, since 63/64 rules and refunds come between.
pub fn estimate_gas(ground: Ground<'_>, env: &BlockEnv, request: &SimulationRequest) -> Result<u64, EstimateError> {
    let run = |gas: u64| simulate(ground, env, &SimulationRequest { gas, ..request.clone() });
    let most = if request.gas == 0 { TX_GAS } else { request.gas.min(TX_GAS) };
    let full = run(most)?;
    if !matches!(full.result, SimulationResult::Return(_)) {
        return Err(EstimateError::Fails(full.result));
    }
    let succeeds = |gas: u64| match run(gas) {
        Ok(simulation) => Ok(matches!(simulation.result, SimulationResult::Return(_))),
        // Below the intrinsic gas the transaction is refused: that is a no.
        Err(TxError::Refused(_)) => Ok(false),
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
