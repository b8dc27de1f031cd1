//! Collecting: each net debtor pays what it owes, out of its own purse.

use caldera_sdk::prelude::*;
use clearing_rules::abi::Clearing as abi;

use crate::{
    calls::plus,
    closing::{Progress, Step},
    step::{READ_COST, TOKEN_COST, UPDATE_COST},
    store::Member,
    token,
};

/// Looking at a participant: its position, its address and its standing.
const LOOK_COST: u64 = 3 * READ_COST;
/// A debtor: a token call, its position, an event.
const COLLECT_COST: u64 = TOKEN_COST + 2 * UPDATE_COST;

impl Step<'_> {
    /// Goes through the participants. A debtor that does not pay, or is in default already, is marked for the waterfall.
    pub(crate) fn collect(&mut self) -> Result<Progress, Revert> {
        while self.budget.allows(LOOK_COST + COLLECT_COST) {
            let Some(number) = self.next(LOOK_COST) else { break };
            let mut position = self.store.positions.get(&(self.cycle, number));
            let participant = self.store.address_of.get(&number);
            let member = self.store.member_of.get(&participant);
            let (owes, in_default) = (position.balance().owes(), self.in_default(&member));
            if owes.is_zero() {
                if in_default && !member.suspended {
                    self.budget.spend(UPDATE_COST);
                    self.store.suspend(participant);
                }
                continue;
            }
            self.budget.spend(COLLECT_COST);
            let asset = self.store.settlement.get().address;
            if !in_default && token::try_pull(asset, participant, self.this, owes) {
                self.closing.collected = plus(self.closing.collected, owes)?;
                emit(&abi::Collected { cycle: self.cycle, participant, amount: owes });
            } else {
                position.failed = true;
                self.store.positions.set(&(self.cycle, number), &position);
            }
        }
        Ok(self.progress())
    }

    /// Suspended before, or called for margin with a deadline that passed before the cycle closed.
    fn in_default(&self, member: &Member) -> bool {
        let called = member.call_deadline;
        member.suspended || (called != 0 && called < self.closing.closed_at)
    }
}
