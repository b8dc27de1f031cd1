//! How clearing is set up on `finance`.

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolValue;
use clearing_rules::abi::Clearing::Config;

use super::{Account, TOKENS};

/// What is taken off the price of bitcoin when margin is valued, in basis points.
const HAIRCUT_BPS: u16 = 2_000;
/// Margin of what a participant owes, in basis points.
const MAINTENANCE_BPS: u16 = 1_000;
/// Blocks to cure a margin call.
const MARGIN_CALL_BLOCKS: u64 = 12;

/// The `init` configuration: account 0 governs and operates, account 1 names the price of bitcoin, account 2 buys the
/// collateral of defaulters. A cycle closes only on call.
pub(super) fn config(accounts: &[Account]) -> Bytes {
    let account = |index: usize| accounts.get(index).map_or(Address::ZERO, Account::address);
    let [settlement, collateral] = &TOKENS;
    let config = Config {
        governor: account(0),
        operator: account(0),
        priceAccount: account(PRICE_ACCOUNT),
        liquidator: account(LIQUIDATOR),
        settlementAsset: settlement.address,
        settlementDecimals: settlement.decimals,
        collateralAsset: collateral.address,
        collateralDecimals: collateral.decimals,
        haircutBps: HAIRCUT_BPS,
        maintenanceBps: MAINTENANCE_BPS,
        cycleBlocks: 0,
        marginCallBlocks: MARGIN_CALL_BLOCKS,
    };
    config.abi_encode().into()
}

/// Which of the ten names the price of bitcoin.
pub const PRICE_ACCOUNT: usize = 1;
/// Which of the ten buys the collateral of defaulters.
pub const LIQUIDATOR: usize = 2;
