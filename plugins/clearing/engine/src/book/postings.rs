//! Positions that one call changes: each is read once, changed in memory and written once.

use std::collections::BTreeMap;

use caldera_sdk::prelude::*;
use clearing_rules::{Balance, Overflow, Totals};

use crate::{
    step::{NEW_ENTRY_COST, UPDATE_COST},
    store::{Position, Store},
};

/// Changes to the positions of one cycle, to be written by [`Self::write`].
pub struct Postings {
    cycle: u64,
    changed: BTreeMap<u32, Posting>,
    new: u64,
}

struct Posting {
    before: Position,
    after: Balance,
}

impl Postings {
    /// No change yet.
    pub fn new(cycle: u64) -> Self {
        Self { cycle, changed: BTreeMap::new(), new: 0 }
    }

    /// Adds to a participant's balance.
    pub fn add(&mut self, store: &Store, number: u32, delta: Balance) -> Result<(), Overflow> {
        let (cycle, new) = (self.cycle, &mut self.new);
        let posting = self.changed.entry(number).or_insert_with(|| {
            let found = store.positions.find(&(cycle, number));
            *new += u64::from(found.is_none());
            let before = found.unwrap_or(Position { debit: U256::ZERO, credit: U256::ZERO, failed: false });
            Posting { before, after: before.balance() }
        });
        posting.after = posting.after.plus(delta)?;
        Ok(())
    }

    /// How many positions are changed.
    pub fn len(&self) -> u64 {
        self.changed.len() as u64
    }

    /// What reading and writing them costs.
    pub fn cost(&self) -> u64 {
        self.new * NEW_ENTRY_COST + (self.len() - self.new) * UPDATE_COST
    }

    /// Writes the positions; the cycle's net total follows.
    pub fn write(self, store: &mut Store, totals: &mut Totals) -> Result<(), Overflow> {
        for (number, Posting { before, after }) in self.changed {
            totals.changed(&before.balance(), &after)?;
            let position = Position { debit: after.debit, credit: after.credit, failed: before.failed };
            store.positions.set(&(self.cycle, number), &position);
        }
        Ok(())
    }
}
