//! The default waterfall: who pays for a net debtor that did not.
//!
//! Layers, each for what the one before left open: (1) the defaulter's margin in the settlement asset, (2) its
//! collateral, sold, (3) the default fund, (4) the net creditors of the cycle, pro rata ([`crate::pro_rata`]).
//! Sources: Regulation (EU) 648/2012 (EMIR), Article 45, "Default waterfall": the defaulter's margin first, then default
//! funds; CPMI-IOSCO, Principles for financial market infrastructures (2012), Principle 13 (participant-default rules) and
//! Principle 4, key consideration 7 (allocating uncovered credit losses).
//!
//! **Invariant.** What the layers gave and what is still open sum to the shortfall, whatever is offered to them.

use alloy_primitives::U256;

use crate::{Overflow, Quote, add, sub};

/// One defaulter's shortfall and what has covered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waterfall {
    /// What the defaulter did not pay.
    pub shortfall: U256,
    /// Layer 1.
    pub from_margin: U256,
    /// Layer 2.
    pub from_collateral: U256,
    /// Layer 3.
    pub from_fund: U256,
    open: U256,
}

/// Collateral to sell and what the buyer pays for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sale {
    /// Units of collateral.
    pub collateral: U256,
    /// Units of the settlement asset.
    pub proceeds: U256,
}

impl Waterfall {
    /// Nothing covered yet.
    pub const fn new(shortfall: U256) -> Self {
        let zero = U256::ZERO;
        Self { shortfall, from_margin: zero, from_collateral: zero, from_fund: zero, open: shortfall }
    }

    /// What no layer has covered. After the last, what the creditors bear.
    pub const fn open(&self) -> U256 {
        self.open
    }

    /// Layer 1: takes what is needed of the defaulter's margin; gives what was taken.
    pub fn take_margin(&mut self, available: U256) -> U256 {
        let taken = self.cover(available);
        self.from_margin += taken;
        taken
    }

    /// Layer 2, before the sale: as much collateral as the open shortfall needs at this quote, or all there is. None when
    /// nothing is open, nothing is there, there is no price, or the collateral is worth less than a unit.
    pub fn plan_sale(&self, available: U256, quote: &Quote) -> Result<Option<Sale>, Overflow> {
        let Some(needed) = quote.worth_at_least(self.open)? else { return Ok(None) };
        let collateral = needed.min(available);
        let proceeds = quote.value_of(collateral)?;
        Ok((!proceeds.is_zero()).then_some(Sale { collateral, proceeds }))
    }

    /// Layer 2, after the buyer paid: gives the excess, which is the defaulter's.
    pub fn take_proceeds(&mut self, proceeds: U256) -> U256 {
        let taken = self.cover(proceeds);
        self.from_collateral += taken;
        proceeds - taken
    }

    /// Layer 3: takes what is needed of the default fund; gives what was taken.
    pub fn take_fund(&mut self, available: U256) -> U256 {
        let taken = self.cover(available);
        self.from_fund += taken;
        taken
    }

    /// Checks the invariant: the layers and what is open sum to the shortfall.
    pub fn conserves(&self) -> Result<bool, Overflow> {
        let covered = add(add(self.from_margin, self.from_collateral)?, self.from_fund)?;
        Ok(sub(self.shortfall, covered)? == self.open)
    }

    /// At most what is open, so none of the sums above can overflow: they stay at or below the shortfall.
    fn cover(&mut self, available: U256) -> U256 {
        let taken = available.min(self.open);
        self.open -= taken;
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Case {
        shortfall: u64,
        margin: u64,
        sats: u64,
        dollars: u64,
        buyer_pays: bool,
        fund: u64,
    }

    struct Run {
        waterfall: Waterfall,
        sale: Option<Sale>,
        excess: U256,
    }

    /// Runs all layers in their order.
    fn run(case: &Case) -> Run {
        let quote = Quote::new(U256::from(case.dollars) * U256::from(100_000_000), 6, 8).unwrap();
        let mut waterfall = Waterfall::new(U256::from(case.shortfall));
        waterfall.take_margin(U256::from(case.margin));
        let sale = waterfall.plan_sale(U256::from(case.sats), &quote).unwrap().filter(|_| case.buyer_pays);
        let excess = sale.map_or(U256::ZERO, |sale| waterfall.take_proceeds(sale.proceeds));
        waterfall.take_fund(U256::from(case.fund));
        Run { waterfall, sale, excess }
    }

    fn check(case: Case, layers: [u64; 4]) {
        let Run { waterfall, .. } = run(&case);
        let got = [waterfall.from_margin, waterfall.from_collateral, waterfall.from_fund, waterfall.open()];
        assert_eq!(got, layers.map(U256::from));
        assert!(waterfall.conserves().unwrap());
    }

    #[test]
    fn each_layer_in_turn() {
        // 5,000 dollars short; one BTC at 3,000 dollars.
        let shortfall = 5_000_000_000;
        let case = |margin, sats, buyer_pays, fund| Case { shortfall, margin, sats, dollars: 3_000, buyer_pays, fund };
        check(case(6_000_000_000, 100_000_000, true, 1), [5_000_000_000, 0, 0, 0]);
        check(case(3_000_000_000, 100_000_000, true, 1), [3_000_000_000, 2_000_000_000, 0, 0]);
        check(case(1_000_000_000, 100_000_000, true, 2_000_000_000), [1_000_000_000, 3_000_000_000, 1_000_000_000, 0]);
        check(
            case(1_000_000_000, 100_000_000, true, 400_000_000),
            [1_000_000_000, 3_000_000_000, 400_000_000, 600_000_000],
        );
        // Nobody buys: the layer gives nothing.
        check(case(1_000_000_000, 100_000_000, false, 400_000_000), [1_000_000_000, 0, 400_000_000, 3_600_000_000]);
        check(case(0, 0, true, 0), [0, 0, 0, 5_000_000_000]);
    }

    #[test]
    fn no_price_no_sale() {
        let case = Case { shortfall: 10, margin: 0, sats: 1_000, dollars: 0, buyer_pays: true, fund: 0 };
        assert_eq!(run(&case).sale, None);
        check(case, [0, 0, 0, 10]);
    }

    proptest! {
        #[test]
        fn conserves_and_sells_no_more_than_needed(
            shortfall in 0u64..10_000_000_000, margin in 0u64..10_000_000_000, sats in 0u64..1_000_000_000,
            dollars in 0u64..60_000, buyer_pays: bool, fund in 0u64..10_000_000_000,
        ) {
            let case = Case { shortfall, margin, sats, dollars, buyer_pays, fund };
            let Run { waterfall, sale, excess } = run(&case);
            prop_assert!(waterfall.conserves().unwrap());
            prop_assert!(waterfall.from_margin <= U256::from(margin) && waterfall.from_fund <= U256::from(fund));
            if let Some(Sale { collateral, proceeds }) = sale {
                prop_assert!(collateral <= U256::from(sats));
                prop_assert_eq!(waterfall.from_collateral + excess, proceeds);
                // The excess is rounding: less than what one unit of collateral is worth, rounded up.
                prop_assert!(excess <= U256::from(dollars / 100 + 1));
            }
            // A later layer is touched only when the ones before are used up.
            if !waterfall.from_fund.is_zero() || !waterfall.open().is_zero() {
                prop_assert_eq!(waterfall.from_margin, U256::from(margin.min(shortfall)));
            }
            if !waterfall.open().is_zero() {
                prop_assert_eq!(waterfall.from_fund, U256::from(fund));
            }
        }
    }
}
