//! Who gets what before anything happens. The members know what they will owe (the obligations of both cycles) but not what
//! bitcoin will do: with its price as it was, everybody could pay.

use alloy_primitives::U256;
use clearing_rules::abi::Clearing::Config;

use super::{
    members::{Kind, MEMBERS, kind},
    model::CycleModel,
    prices::Hour,
};

/// Decimals of a price on the chain.
pub use clearing_rules::PRICE_DECIMALS;

const WHOLE_BPS: u64 = 10_000;
/// What everyone adds to the margin it needs, in percent.
const MARGIN_SPARE_PERCENT: u64 = 10;
/// What those who keep dollars have beyond what they expect to owe, in whole dollars.
const CASH_SPARE: [(Kind, u64); 3] = [(Kind::Dealer, 400_000_000), (Kind::Dollars, 60_000_000), (Kind::Bitcoin, 1_000)];
/// What everyone puts into the default fund, in whole dollars.
const FUND_SHARE: u64 = 30_000;

/// What one member starts with, in units of the tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endowment {
    /// Dollars that stay in its wallet, to pay with.
    pub cash: U256,
    /// Dollars that it posts as margin.
    pub margin: U256,
    /// Bitcoin that it posts as margin.
    pub bitcoin: U256,
    /// Dollars that it puts into the default fund.
    pub fund: U256,
}

impl Endowment {
    /// All its dollars.
    pub fn dollars(&self) -> U256 {
        self.cash + self.margin + self.fund
    }
}

/// A price in the engine's units: US dollars per bitcoin with [`PRICE_DECIMALS`] decimals.
pub fn price_word(hour: &Hour) -> U256 {
    U256::from(hour.units(PRICE_DECIMALS))
}

/// What members start with, so that they can settle both cycles, and have margin for both at `price`.
pub fn endowments(config: &Config, price: &Hour, cycles: [&CycleModel; 2]) -> Vec<Endowment> {
    (0..MEMBERS).map(|member| endowment(config, price, cycles, member)).collect()
}

fn endowment(config: &Config, price: &Hour, [first, second]: [&CycleModel; 2], member: usize) -> Endowment {
    let dollar = U256::from(10).pow(U256::from(config.settlementDecimals));
    let needed = first.debit(member).max(second.debit(member)) * U256::from(config.maintenanceBps);
    let needed = needed * U256::from(100 + MARGIN_SPARE_PERCENT) / U256::from(100 * WHOLE_BPS);
    let spare = CASH_SPARE.iter().find(|(of, _)| *of == kind(member)).map_or(0, |(_, spare)| *spare);
    let cash = to_pay(first, second, member) + U256::from(spare) * dollar;
    let fund = U256::from(FUND_SHARE) * dollar;
    match kind(member) {
        Kind::Bitcoin => Endowment { cash, margin: U256::ZERO, bitcoin: worth(needed, config, price), fund },
        Kind::Dealer | Kind::Dollars => Endowment { cash, margin: needed, bitcoin: U256::ZERO, fund },
    }
}

/// The least cash that pays both cycles' nets, one after the other.
fn to_pay(first: &CycleModel, second: &CycleModel, member: usize) -> U256 {
    let after_first = second.owes(member).saturating_sub(second.is_owed(member));
    let both = (first.owes(member) + after_first).saturating_sub(first.is_owed(member));
    both.max(first.owes(member))
}

/// Bitcoin whose margin value at `price` is at least `value`.
fn worth(value: U256, config: &Config, price: &Hour) -> U256 {
    let bitcoin = U256::from(10).pow(U256::from(config.collateralDecimals));
    let kept = U256::from(WHOLE_BPS - u64::from(config.haircutBps));
    let each = U256::from(price.units(config.settlementDecimals)) * kept;
    (value * bitcoin * U256::from(WHOLE_BPS)).div_ceil(each) + U256::ONE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tour::{
        prices,
        synthetic::{FIRST, SECOND, generate},
    };

    #[test]
    fn with_the_price_as_it_was_everybody_could_pay() {
        let config = Config {
            settlementDecimals: 6,
            collateralDecimals: 8,
            haircutBps: 2_000,
            maintenanceBps: 1_000,
            ..empty()
        };
        let price = &prices::crash().unwrap()[0];
        let [first, second] = [FIRST, SECOND].map(|batch| CycleModel::new(6).with(&generate(&batch)));
        for (member, has) in endowments(&config, price, [&first, &second]).iter().enumerate() {
            let left = (has.cash + first.is_owed(member)).checked_sub(first.owes(member)).unwrap();
            assert!(has.cash >= first.owes(member));
            assert!(left + second.is_owed(member) >= second.owes(member));
            let value =
                has.bitcoin * U256::from(price.units(6)) / U256::from(100_000_000) * U256::from(8) / U256::from(10);
            let required = first.debit(member).max(second.debit(member)) / U256::from(10);
            assert!(has.margin + value >= required, "member {member}");
        }
    }

    fn empty() -> Config {
        use alloy_primitives::Address;
        Config {
            governor: Address::ZERO,
            operator: Address::ZERO,
            priceAccount: Address::ZERO,
            liquidator: Address::ZERO,
            settlementAsset: Address::ZERO,
            settlementDecimals: 0,
            collateralAsset: Address::ZERO,
            collateralDecimals: 0,
            haircutBps: 0,
            maintenanceBps: 0,
            cycleBlocks: 0,
            marginCallBlocks: 0,
        }
    }
}
