//! What collateral is worth, and how much margin is required.
//!
//! Value is rounded against the participant: what it has is rounded down, what it needs is rounded up.

use alloy_primitives::U256;

use crate::{Overflow, WHOLE_BPS, mul, sub};

/// Decimals of a price: US dollars per whole collateral token, as most price feeds give it. The settlement asset is taken
/// for a dollar.
pub const PRICE_DECIMALS: u8 = 8;

/// What one unit of collateral is worth in units of the settlement asset, as a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    numerator: U256,
    denominator: U256,
}

impl Quote {
    /// A quote at a price with [`PRICE_DECIMALS`] decimals, for tokens of these decimals (at most [`crate::MAX_DECIMALS`]).
    pub fn new(price: U256, settlement_decimals: u8, collateral_decimals: u8) -> Result<Self, Overflow> {
        let scale = |decimals: u8| U256::from(10).checked_pow(U256::from(decimals)).ok_or(Overflow);
        Ok(Self {
            numerator: mul(price, scale(settlement_decimals)?)?,
            denominator: mul(scale(collateral_decimals)?, scale(PRICE_DECIMALS)?)?,
        })
    }

    /// What `collateral` is worth, rounded down.
    pub fn value_of(&self, collateral: U256) -> Result<U256, Overflow> {
        // The denominator is a power of ten, so never zero.
        Ok(mul(collateral, self.numerator)? / self.denominator)
    }

    /// The least collateral that is worth at least `value`, or none without a price.
    pub fn worth_at_least(&self, value: U256) -> Result<Option<U256>, Overflow> {
        if self.numerator.is_zero() {
            return Ok(None);
        }
        Ok(Some(mul(value, self.denominator)?.div_ceil(self.numerator)))
    }

    /// What `collateral` counts as margin: its value less the haircut (at most [`WHOLE_BPS`]), rounded down.
    pub fn margin_value_of(&self, collateral: U256, haircut_bps: u16) -> Result<U256, Overflow> {
        let kept = sub(U256::from(WHOLE_BPS), U256::from(haircut_bps))?;
        Ok(mul(self.value_of(collateral)?, kept)? / U256::from(WHOLE_BPS))
    }
}

/// The margin that an exposure requires, rounded up.
pub fn requirement(exposure: U256, maintenance_bps: u16) -> Result<U256, Overflow> {
    Ok(mul(exposure, U256::from(maintenance_bps))?.div_ceil(U256::from(WHOLE_BPS)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Dollars with six decimals, BTC with eight.
    fn quote(dollars_per_btc: u64) -> Quote {
        Quote::new(U256::from(dollars_per_btc) * U256::from(100_000_000), 6, 8).unwrap()
    }

    #[test]
    fn one_btc_is_its_price() {
        assert_eq!(quote(7_911).value_of(U256::from(100_000_000)).unwrap(), U256::from(7_911_000_000u64));
        assert_eq!(quote(7_911).margin_value_of(U256::from(100_000_000), 2_000).unwrap(), U256::from(6_328_800_000u64));
        assert_eq!(quote(0).value_of(U256::from(1)).unwrap(), U256::ZERO);
        assert_eq!(quote(0).worth_at_least(U256::from(1)).unwrap(), None);
    }

    #[test]
    fn requirements_round_up() {
        assert_eq!(requirement(U256::from(1), 1).unwrap(), U256::from(1));
        assert_eq!(requirement(U256::from(20_000), 1_500).unwrap(), U256::from(3_000));
        assert_eq!(requirement(U256::ZERO, 10_000).unwrap(), U256::ZERO);
    }

    proptest! {
        #[test]
        fn the_least_collateral_is_enough_and_one_less_is_not(dollars in 1u64..100_000, value in 1u64..u64::MAX) {
            let (quote, value) = (quote(dollars), U256::from(value));
            let collateral = quote.worth_at_least(value).unwrap().unwrap();
            prop_assert!(quote.value_of(collateral).unwrap() >= value);
            prop_assert!(quote.value_of(collateral - U256::ONE).unwrap() < value);
        }

        #[test]
        fn a_haircut_never_adds(collateral in 0u64..u64::MAX, haircut in 0u16..=10_000) {
            let (quote, collateral) = (quote(5_000), U256::from(collateral));
            prop_assert!(quote.margin_value_of(collateral, haircut).unwrap() <= quote.value_of(collateral).unwrap());
        }
    }
}
