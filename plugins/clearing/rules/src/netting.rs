//! Multilateral netting: every participant's debits and credits of a cycle become one net position.
//!
//! **Invariants.** Each obligation adds the same amount to one debit and one credit, so the nets of a cycle sum to zero.
//! [`Totals::net`] is kept as positions change and does not depend on the order of obligations or on how they are grouped.
//! Source of the term: CPMI-IOSCO, Principles for financial market infrastructures (2012), glossary, "multilateral netting".

use alloy_primitives::{I256, U256};

use crate::{Overflow, add, sub};

/// What a participant owes and is owed in a cycle, gross.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Sum of the obligations in which it is the debtor.
    pub debit: U256,
    /// Sum of the obligations in which it is the creditor.
    pub credit: U256,
}

impl Balance {
    /// A debit alone.
    pub const fn debit(amount: U256) -> Self {
        Self { debit: amount, credit: U256::ZERO }
    }

    /// A credit alone.
    pub const fn credit(amount: U256) -> Self {
        Self { debit: U256::ZERO, credit: amount }
    }

    /// Both balances together.
    pub fn plus(self, other: Self) -> Result<Self, Overflow> {
        Ok(Self { debit: add(self.debit, other.debit)?, credit: add(self.credit, other.credit)? })
    }

    /// What it has to pay after netting; zero for a net creditor.
    pub fn owes(&self) -> U256 {
        self.debit.saturating_sub(self.credit)
    }

    /// What it is to receive after netting; zero for a net debtor.
    pub fn is_owed(&self) -> U256 {
        self.credit.saturating_sub(self.debit)
    }

    /// Credit less debit.
    pub fn net(&self) -> Result<I256, Overflow> {
        let credit = I256::try_from(self.credit).map_err(|_| Overflow)?;
        let debit = I256::try_from(self.debit).map_err(|_| Overflow)?;
        credit.checked_sub(debit).ok_or(Overflow)
    }
}

/// A cycle's sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many obligations.
    pub obligations: u64,
    /// Their sum.
    pub gross: U256,
    /// Sum of the net credits so far; with all credits in, also of the net debits.
    pub net: U256,
}

impl Totals {
    /// One participant's balance changed: the sum of net credits follows.
    pub fn changed(&mut self, before: &Balance, after: &Balance) -> Result<(), Overflow> {
        self.net = add(sub(self.net, before.is_owed())?, after.is_owed())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Obligations = Vec<(u8, u8, u64)>;

    /// Nets one by one, as version 2 does.
    fn net(obligations: &Obligations) -> (BTreeMap<u8, Balance>, Totals) {
        let (mut balances, mut totals) = (BTreeMap::<u8, Balance>::new(), Totals::default());
        for &(debtor, creditor, amount) in obligations {
            let amount = U256::from(amount);
            for (who, delta) in [(debtor, Balance::debit(amount)), (creditor, Balance::credit(amount))] {
                let balance = balances.entry(who).or_default();
                let after = balance.plus(delta).unwrap();
                totals.changed(balance, &after).unwrap();
                *balance = after;
            }
            totals.obligations += 1;
            totals.gross += amount;
        }
        (balances, totals)
    }

    fn obligations() -> impl Strategy<Value = Obligations> {
        prop::collection::vec((0u8..12, 0u8..12, 1u64..1_000_000), 0..80)
    }

    proptest! {
        #[test]
        fn nets_sum_to_zero(obligations in obligations()) {
            let (balances, totals) = net(&obligations);
            let sum = balances.values().fold(I256::ZERO, |sum, balance| sum + balance.net().unwrap());
            prop_assert_eq!(sum, I256::ZERO);
            let (owed, owes) = balances.values().fold((U256::ZERO, U256::ZERO), |(owed, owes), balance| {
                (owed + balance.is_owed(), owes + balance.owes())
            });
            prop_assert_eq!(owed, owes);
            prop_assert_eq!(totals.net, owed);
            prop_assert!(totals.net <= totals.gross);
        }

        #[test]
        fn order_does_not_matter(obligations in obligations()) {
            let mut reversed = obligations.clone();
            reversed.reverse();
            prop_assert_eq!(net(&obligations), net(&reversed));
        }

        #[test]
        fn the_net_position_is_what_bilateral_settlement_would_move(obligations in obligations()) {
            // The oracle pays every obligation by itself and looks at the purses.
            let mut purses = BTreeMap::<u8, i128>::new();
            for &(debtor, creditor, amount) in &obligations {
                *purses.entry(debtor).or_default() -= i128::from(amount);
                *purses.entry(creditor).or_default() += i128::from(amount);
            }
            let (balances, _) = net(&obligations);
            for (who, purse) in purses {
                prop_assert_eq!(balances[&who].net().unwrap(), I256::try_from(purse).unwrap());
            }
        }
    }
}
