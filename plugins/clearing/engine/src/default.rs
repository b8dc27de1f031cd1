//! Default: the waterfall of [`clearing_rules::waterfall`], applied to each net debtor that did not pay.

use caldera_sdk::prelude::*;
use clearing_rules::{Waterfall, abi::Clearing as abi};

use crate::{
    book::Book,
    calls::{Clearing, plus},
    closing::{Progress, Step},
    overflow,
    step::{NEW_ENTRY_COST, READ_COST, TOKEN_COST, UPDATE_COST},
    store::Margin,
    token,
};

/// A defaulter: the sale's two token calls, margin, fund, standing, a claim, and four events.
const DEFAULT_COST: u64 = 2 * TOKEN_COST + 4 * UPDATE_COST + NEW_ENTRY_COST + 10;

impl Step<'_> {
    /// Goes through the participants once more and covers what the marked ones owe.
    pub(crate) fn waterfall(&mut self) -> Result<Progress, Revert> {
        while self.budget.allows(READ_COST + DEFAULT_COST) {
            let Some(number) = self.next(READ_COST) else { break };
            let position = self.store.positions.get(&(self.cycle, number));
            if position.failed {
                self.budget.spend(DEFAULT_COST);
                self.cover(number, position.balance().owes())?;
            }
        }
        Ok(self.progress())
    }

    /// Runs a defaulter's shortfall through the layers and suspends it.
    fn cover(&mut self, number: u32, shortfall: U256) -> Result<(), Revert> {
        let participant = self.store.address_of.get(&number);
        let mut waterfall = Waterfall::new(shortfall);
        let mut margin = self.store.margins.get(&number);
        margin.settlement -= waterfall.take_margin(margin.settlement);
        self.sell(&mut waterfall, &mut margin, participant)?;
        self.store.margins.set(&number, &margin);
        let fund = self.store.fund.get();
        self.store.fund.set(&(fund - waterfall.take_fund(fund)));
        ensure!(waterfall.conserves().map_err(overflow)?, "clearing: the layers do not add up to the shortfall");
        self.account(&waterfall, participant)?;
        self.store.suspend(participant);
        Ok(())
    }

    /// Layer 2. A liquidator that cannot pay gets nothing, and the collateral stays with the suspended participant's margin,
    /// out of its reach.
    fn sell(&mut self, waterfall: &mut Waterfall, margin: &mut Margin, participant: Address) -> Result<(), Revert> {
        let quote = self.store.quote(self.closing.price).map_err(overflow)?;
        let Some(sale) = waterfall.plan_sale(margin.collateral, &quote).map_err(overflow)? else { return Ok(()) };
        let liquidator = self.store.liquidator.get();
        if !token::try_pull(self.store.settlement.get().address, liquidator, self.this, sale.proceeds) {
            return Ok(());
        }
        margin.collateral -= sale.collateral;
        margin.settlement = plus(margin.settlement, waterfall.take_proceeds(sale.proceeds))?;
        if !token::try_push(self.store.collateral.get().address, liquidator, sale.collateral) {
            // It paid, so it owns the collateral: it can fetch it when the token lets it.
            let claim = plus(self.store.claims.get(&liquidator), sale.collateral)?;
            self.store.claims.set(&liquidator, &claim);
        }
        emit(&abi::CollateralSold {
            cycle: self.cycle,
            participant,
            liquidator,
            collateral: sale.collateral,
            proceeds: sale.proceeds,
        });
        Ok(())
    }

    /// Adds a defaulter's layers to the cycle's.
    fn account(&mut self, waterfall: &Waterfall, participant: Address) -> Result<(), Revert> {
        let closing = &mut self.closing;
        closing.defaults += 1;
        closing.from_margin = plus(closing.from_margin, waterfall.from_margin)?;
        closing.from_collateral = plus(closing.from_collateral, waterfall.from_collateral)?;
        closing.from_fund = plus(closing.from_fund, waterfall.from_fund)?;
        closing.mutualised = plus(closing.mutualised, waterfall.open())?;
        emit(&abi::Defaulted {
            cycle: self.cycle,
            participant,
            shortfall: waterfall.shortfall,
            fromMargin: waterfall.from_margin,
            fromCollateral: waterfall.from_collateral,
            fromFund: waterfall.from_fund,
            mutualised: waterfall.open(),
        });
        Ok(())
    }
}

impl<B: Book> Clearing<B> {
    /// Sends the caller the collateral that it bought and did not get.
    pub(crate) fn claim_collateral(&mut self, env: &CallEnv) -> Result<U256, Revert> {
        let account = env.caller;
        let amount = self.store.claims.get(&account);
        ensure!(!amount.is_zero(), abi::NothingToClaim { account });
        self.store.claims.remove(&account);
        token::push(self.store.collateral.get().address, env.this, account, amount)?;
        Ok(amount)
    }
}
