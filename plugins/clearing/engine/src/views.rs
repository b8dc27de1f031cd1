//! What anybody may ask.

use caldera_sdk::prelude::*;
use clearing_rules::abi::Clearing::{self as abi, Cycle, Participant, Phase};

use crate::{book::Book, calls::Clearing, overflow, store::Position};

impl<B: Book> Clearing<B> {
    pub(crate) fn current_cycle(&self) -> abi::currentCycleReturn {
        let clock = self.store.clock.get();
        abi::currentCycleReturn { open: clock.open, closing: clock.closing }
    }

    pub(crate) fn cycle(&self, id: u64) -> Result<Cycle, Revert> {
        let phase = self.phase(id)?;
        let (totals, closing) = (self.store.totals_of(id), self.store.closings.get(&id));
        Ok(Cycle {
            phase,
            obligations: totals.obligations,
            gross: totals.gross,
            net: totals.net,
            participants: closing.members,
            closedAt: closing.closed_at,
            price: closing.price,
            collected: closing.collected,
            fromMargin: closing.from_margin,
            fromCollateral: closing.from_collateral,
            fromFund: closing.from_fund,
            mutualised: closing.mutualised,
            paid: closing.paid,
            defaults: closing.defaults,
        })
    }

    pub(crate) fn net_position(&self, cycle: u64, account: Address) -> Result<abi::netPositionReturn, Revert> {
        let position = self.position(cycle, account)?;
        let netted = B::NETS_ON_ARRIVAL || !matches!(self.phase(cycle)?, Phase::Open | Phase::Netting);
        ensure!(netted, abi::NotNetted { cycle });
        let net = position.balance().net().map_err(overflow)?;
        Ok(abi::netPositionReturn { net, debit: position.debit, credit: position.credit })
    }

    /// The share is computed as paying computes it; before the cutoff is found nothing is shared.
    pub(crate) fn loss_of(&self, cycle: u64, account: Address) -> Result<U256, Revert> {
        let position = self.position(cycle, account)?;
        let closing = self.store.closings.get(&cycle);
        let loss = if closing.cutoff_found { closing.mutualised } else { U256::ZERO };
        let number = self.store.member(account)?.number;
        let total = self.store.totals_of(cycle).net;
        closing.cutoff().share(loss, total, number, position.balance().is_owed()).map_err(overflow)
    }

    pub(crate) fn obligation(&self, debtor: Address, reference: B256) -> abi::obligationReturn {
        let number = self.store.member_of.get(&debtor).number;
        let record = self.store.records.get(&(number, reference));
        let creditor = self.store.address_of.get(&record.creditor);
        abi::obligationReturn { cycle: record.cycle, creditor, amount: record.amount, due: record.due }
    }

    pub(crate) fn participant(&self, account: Address) -> Participant {
        let member = self.store.member_of.get(&account);
        Participant { registered: member.number != 0, suspended: member.suspended, callDeadline: member.call_deadline }
    }

    pub(crate) fn participants(&self) -> Vec<Address> {
        (1..=self.store.members.get()).map(|number| self.store.address_of.get(&number)).collect()
    }

    pub(crate) fn margin_of(&self, account: Address) -> Result<abi::marginOfReturn, Revert> {
        let margin = self.store.margins.get(&self.store.member(account)?.number);
        Ok(abi::marginOfReturn { settlement: margin.settlement, collateral: margin.collateral })
    }

    pub(crate) fn price(&self) -> abi::priceReturn {
        let price = self.store.price.get();
        abi::priceReturn { price: price.price, setAt: price.set_at }
    }

    fn position(&self, cycle: u64, account: Address) -> Result<Position, Revert> {
        self.phase(cycle)?;
        Ok(self.store.positions.get(&(cycle, self.store.member(account)?.number)))
    }

    fn phase(&self, cycle: u64) -> Result<Phase, Revert> {
        let open = self.store.clock.get().open;
        ensure!((1..=open).contains(&cycle), abi::UnknownCycle { cycle });
        Ok(if cycle == open { Phase::Open } else { self.store.closings.get(&cycle).phase() })
    }
}
