//! Paying: each net creditor receives what it is owed less its share of the loss.

use caldera_sdk::prelude::*;
use clearing_rules::{Cutoff, abi::Clearing as abi};

use crate::{
    calls::plus,
    closing::{Progress, Step},
    overflow,
    step::{NEW_ENTRY_COST, READ_COST, TOKEN_COST, UPDATE_COST, cutoff_cost},
    token,
};

/// A creditor: a token call, its margin if the token refuses, two events.
const PAY_COST: u64 = TOKEN_COST + NEW_ENTRY_COST + READ_COST + UPDATE_COST;

impl Step<'_> {
    /// Finds where the loss is cut, once, then goes through the participants.
    pub(crate) fn pay(&mut self) -> Result<Progress, Revert> {
        if !self.closing.mutualised.is_zero() && !self.closing.cutoff_found && !self.find_cutoff()? {
            return Ok(Progress::More);
        }
        while self.budget.allows(READ_COST + PAY_COST) {
            let Some(number) = self.next(READ_COST) else { break };
            let is_owed = self.store.positions.get(&(self.cycle, number)).balance().is_owed();
            if !is_owed.is_zero() {
                self.budget.spend(PAY_COST);
                self.pay_one(number, is_owed)?;
            }
        }
        let progress = self.progress();
        if progress == Progress::Done {
            let closing = &self.closing;
            let (cycle, collected, paid) = (self.cycle, closing.collected, closing.paid);
            emit(&abi::CycleSettled { cycle, collected, paid, mutualised: closing.mutualised });
        }
        Ok(progress)
    }

    fn pay_one(&mut self, number: u32, is_owed: U256) -> Result<(), Revert> {
        let participant = self.store.address_of.get(&number);
        let (loss, total) = (self.closing.mutualised, self.totals.net);
        let share = self.closing.cutoff().share(loss, total, number, is_owed).map_err(overflow)?;
        if !share.is_zero() {
            emit(&abi::LossShared { cycle: self.cycle, creditor: participant, amount: share });
        }
        let amount = clearing_rules::sub(is_owed, share).map_err(overflow)?;
        if amount.is_zero() {
            return Ok(());
        }
        let sent = token::try_push(self.store.settlement.get().address, participant, amount);
        if !sent {
            // The token refuses this creditor. Its money waits for it as margin, and nobody else waits.
            self.store.add_margin(number, amount).map_err(overflow)?;
        }
        self.closing.paid = plus(self.closing.paid, amount)?;
        emit(&abi::Paid { cycle: self.cycle, participant, amount, toMargin: !sent });
        Ok(())
    }

    /// Reads all net credits at once, so it waits for a step that can afford that. False: not yet.
    fn find_cutoff(&mut self) -> Result<bool, Revert> {
        if !self.budget.take(cutoff_cost(self.closing.members)) {
            return Ok(false);
        }
        let credits = (1..=self.closing.members)
            .map(|number| (number, self.store.positions.get(&(self.cycle, number)).balance().is_owed()))
            .filter(|(_, credit)| !credit.is_zero());
        let cutoff = Cutoff::find(self.closing.mutualised, self.totals.net, credits).map_err(overflow)?;
        self.closing.cutoff_remainder = cutoff.remainder;
        self.closing.cutoff_number = cutoff.number;
        self.closing.cutoff_found = true;
        Ok(true)
    }
}
