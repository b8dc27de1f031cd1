//! Moving tokens.
//!
//! A token must answer `true`. One that answers nothing has failed, because an address without code answers nothing too.

use caldera_sdk::prelude::*;
use clearing_rules::abi::{Clearing, IERC20};

use crate::step::TOKEN_GAS;

/// Takes tokens into the engine for a caller that is there to hear of a refusal: the token's own revert, or `TransferFailed`.
pub fn pull(asset: Address, from: Address, engine: Address, amount: U256) -> Result<(), Revert> {
    let moved = contract(asset).call(&IERC20::transferFromCall { from, to: engine, value: amount })?;
    ensure!(moved, Clearing::TransferFailed { asset, from, to: engine, amount });
    Ok(())
}

/// Sends tokens out of the engine for a caller that is there to hear of a refusal.
pub fn push(asset: Address, engine: Address, to: Address, amount: U256) -> Result<(), Revert> {
    let moved = contract(asset).call(&IERC20::transferCall { to, value: amount })?;
    ensure!(moved, Clearing::TransferFailed { asset, from: engine, to, amount });
    Ok(())
}

/// Tries to take tokens into the engine, with bounded gas. False: nothing moved.
pub fn try_pull(asset: Address, from: Address, engine: Address, amount: U256) -> bool {
    let call = IERC20::transferFromCall { from, to: engine, value: amount };
    contract(asset).gas(TOKEN_GAS).call(&call).unwrap_or(false)
}

/// Tries to send tokens out of the engine, with bounded gas. False: nothing moved.
pub fn try_push(asset: Address, to: Address, amount: U256) -> bool {
    contract(asset).gas(TOKEN_GAS).call(&IERC20::transferCall { to, value: amount }).unwrap_or(false)
}
