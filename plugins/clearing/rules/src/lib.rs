//! The rules of multilateral netting and the default waterfall, and the engine's Solidity interface.
//!
//! Pure: nothing here stores, calls or knows a node. Money is `U256` in the token's smallest unit, arithmetic is checked,
//! and every division says where its remainder goes, so that sums hold to the last unit.

pub mod abi;

/// Decimals of a price: US dollars per whole collateral token, as most price feeds give it.
pub const PRICE_DECIMALS: u8 = 8;
