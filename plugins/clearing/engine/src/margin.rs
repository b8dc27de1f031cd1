//! Margin: posted, valued, called for and withdrawn.
//!
//! A participant must have margin for a part (`maintenanceBps`) of its exposure in the open cycle: its gross debit in version 1,
//! its net debit in version 2, where nets are known. A price update values everybody anew, so nothing is done at once:
//! anybody then calls the participants who fall short. A call that is not cured by its deadline stays open and is a
//! default at the next close. While a cycle closes, margin can be added and nothing else.

use caldera_sdk::prelude::*;
use clearing_rules::{MAX_AMOUNT, abi::Clearing as abi};

use crate::{
    book::Book,
    calls::{Clearing, plus},
    overflow,
    store::{Margin, Member},
    token,
};

impl<B: Book> Clearing<B> {
    /// Takes margin from the caller.
    pub(crate) fn post_margin(&mut self, env: &CallEnv, asset: Address, amount: U256) -> Result<(), Revert> {
        let participant = env.caller;
        let member = self.store.member(participant)?;
        ensure!(!amount.is_zero(), abi::ZeroAmount {});
        let mut margin = self.store.margins.get(&member.number);
        let part = self.part(&mut margin, asset)?;
        let sum = plus(*part, amount)?;
        ensure!(sum <= MAX_AMOUNT, abi::AmountTooLarge { amount: sum, most: MAX_AMOUNT });
        *part = sum;
        self.store.margins.set(&member.number, &margin);
        emit(&abi::MarginPosted { participant, asset, amount });
        self.try_cure(env, participant, member)?;
        token::pull(asset, participant, env.this, amount)
    }

    /// Gives margin back that is not needed.
    pub(crate) fn withdraw_margin(&mut self, env: &CallEnv, asset: Address, amount: U256) -> Result<(), Revert> {
        let participant = env.caller;
        let member = self.store.member(participant)?;
        self.no_close()?;
        ensure!(!member.suspended, abi::ParticipantSuspended { participant });
        ensure!(!amount.is_zero(), abi::ZeroAmount {});
        let mut margin = self.store.margins.get(&member.number);
        let part = self.part(&mut margin, asset)?;
        ensure!(amount <= *part, abi::InsufficientMargin { asset, have: *part, asked: amount });
        *part -= amount;
        self.store.margins.set(&member.number, &margin);
        let (value, requirement) = (self.margin_value(&member)?, self.requirement(&member)?);
        ensure!(value >= requirement, abi::MarginNeeded { value, requirement });
        emit(&abi::MarginWithdrawn { participant, asset, amount });
        token::push(asset, env.this, participant, amount)
    }

    /// Adds to the default fund. By anybody, for good.
    pub(crate) fn contribute(&mut self, env: &CallEnv, amount: U256) -> Result<(), Revert> {
        ensure!(!amount.is_zero(), abi::ZeroAmount {});
        let sum = plus(self.store.fund.get(), amount)?;
        ensure!(sum <= MAX_AMOUNT, abi::AmountTooLarge { amount: sum, most: MAX_AMOUNT });
        self.store.fund.set(&sum);
        emit(&abi::DefaultFundContributed { contributor: env.caller, amount });
        token::pull(self.store.settlement.get().address, env.caller, env.this, amount)
    }

    /// Looks at the listed participants: calls those who are short, closes the calls of those who are not any more.
    pub(crate) fn call_margin(&mut self, env: &CallEnv, participants: &[Address]) -> Result<(), Revert> {
        self.no_close()?;
        for &participant in participants {
            let member = self.store.member(participant)?;
            if member.call_deadline != 0 {
                self.try_cure(env, participant, member)?;
                continue;
            }
            let (value, requirement) = (self.margin_value(&member)?, self.requirement(&member)?);
            if member.suspended || value >= requirement {
                continue;
            }
            let deadline = env.block.number.saturating_add(self.store.terms.get().call_blocks);
            self.store.member_of.set(&participant, &Member { call_deadline: deadline, ..member });
            emit(&abi::MarginCalled { participant, value, requirement, deadline });
        }
        Ok(())
    }

    /// Closes an open call if margin is enough again and the deadline has not passed.
    fn try_cure(&mut self, env: &CallEnv, participant: Address, member: Member) -> Result<(), Revert> {
        if member.call_deadline == 0 || env.block.number > member.call_deadline {
            return Ok(());
        }
        let (value, requirement) = (self.margin_value(&member)?, self.requirement(&member)?);
        if value >= requirement {
            self.store.member_of.set(&participant, &Member { call_deadline: 0, ..member });
            emit(&abi::MarginCured { participant, value, requirement });
        }
        Ok(())
    }

    /// What a participant's margin is worth now, in units of the settlement asset.
    pub(crate) fn margin_value(&self, member: &Member) -> Result<U256, Revert> {
        let margin = self.store.margins.get(&member.number);
        if margin.collateral.is_zero() {
            return Ok(margin.settlement);
        }
        let quote = self.store.quote(self.store.price.get().price).map_err(overflow)?;
        let haircut_bps = self.store.terms.get().haircut_bps;
        plus(margin.settlement, quote.margin_value_of(margin.collateral, haircut_bps).map_err(overflow)?)
    }

    /// What a participant's margin must be worth now.
    pub(crate) fn requirement(&self, member: &Member) -> Result<U256, Revert> {
        let position = self.store.positions.get(&(self.store.clock.get().open, member.number));
        let maintenance_bps = self.store.terms.get().maintenance_bps;
        clearing_rules::requirement(B::exposure(&position), maintenance_bps).map_err(overflow)
    }

    /// The part of a margin that is in an asset.
    fn part<'a>(&self, margin: &'a mut Margin, asset: Address) -> Result<&'a mut U256, Revert> {
        if asset == self.store.settlement.get().address {
            return Ok(&mut margin.settlement);
        }
        ensure!(asset == self.store.collateral.get().address, abi::UnsupportedAsset { asset });
        Ok(&mut margin.collateral)
    }

    /// Refuses while a cycle closes.
    pub(crate) fn no_close(&self) -> Result<(), Revert> {
        let clock = self.store.clock.get();
        ensure!(!clock.closing, abi::CycleIsClosing { cycle: clock.open.saturating_sub(1) });
        Ok(())
    }
}
