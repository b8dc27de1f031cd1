//! What must come out, computed here from the obligations alone and by other means than the engine's: the tour compares
//! the chain with it to the last unit.

use alloy_primitives::{I256, U256};

use super::{members::MEMBERS, synthetic::Due, synthetic::units};

/// What members owe each other in one cycle, in units of the settlement asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleModel {
    decimals: u8,
    /// How many obligations.
    pub obligations: u64,
    /// Their sum.
    pub gross: U256,
    debit: Vec<U256>,
    credit: Vec<U256>,
}

impl CycleModel {
    /// Nothing is owed.
    pub fn new(decimals: u8) -> Self {
        let zeros = vec![U256::ZERO; MEMBERS];
        Self { decimals, obligations: 0, gross: U256::ZERO, debit: zeros.clone(), credit: zeros }
    }

    /// Adds obligations.
    pub fn add<'a>(&mut self, dues: impl IntoIterator<Item = &'a Due>) {
        for due in dues {
            let amount = units(due.cents, self.decimals);
            self.obligations += 1;
            self.gross += amount;
            self.debit[due.debtor] += amount;
            self.credit[due.creditor] += amount;
        }
    }

    /// Adds what another model holds.
    pub fn join(&mut self, other: &Self) {
        self.obligations += other.obligations;
        self.gross += other.gross;
        for member in 0..MEMBERS {
            self.debit[member] += other.debit[member];
            self.credit[member] += other.credit[member];
        }
    }

    /// The same with obligations added.
    pub fn with(mut self, dues: &[Due]) -> Self {
        self.add(dues);
        self
    }

    /// What a member owes, gross.
    pub fn debit(&self, member: usize) -> U256 {
        self.debit[member]
    }

    /// What a member is owed, gross.
    pub fn credit(&self, member: usize) -> U256 {
        self.credit[member]
    }

    /// What a member has to pay after netting.
    pub fn owes(&self, member: usize) -> U256 {
        self.debit[member].saturating_sub(self.credit[member])
    }

    /// What a member is to receive after netting.
    pub fn is_owed(&self, member: usize) -> U256 {
        self.credit[member].saturating_sub(self.debit[member])
    }

    /// Credit less debit.
    pub fn net(&self, member: usize) -> I256 {
        I256::from_raw(self.credit[member]) - I256::from_raw(self.debit[member])
    }

    /// The sum of what has to be paid.
    pub fn total_net(&self) -> U256 {
        (0..MEMBERS).map(|member| self.owes(member)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nets_are_the_differences() {
        let dues = [(0, 1, 500), (1, 0, 200), (1, 2, 100)];
        let dues = dues.map(|(debtor, creditor, cents)| Due { debtor, creditor, cents });
        let model = CycleModel::new(2).with(&dues);
        assert_eq!((model.gross, model.obligations), (U256::from(800), 3));
        assert_eq!(model.net(0), I256::try_from(-300).unwrap());
        assert_eq!((model.is_owed(1), model.is_owed(2)), (U256::from(200), U256::from(100)));
        assert_eq!(model.total_net(), U256::from(300));
        assert_eq!((0..MEMBERS).map(|member| model.net(member)).sum::<I256>(), I256::ZERO);
    }
}
