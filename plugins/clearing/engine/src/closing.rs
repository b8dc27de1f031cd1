//! A cycle's close: begun on call or by height, then carried on in steps, by each block and by whoever calls `work`.
//!
//! ```text
//! Open ──close──▶ Netting ──▶ Collecting ──▶ Waterfall ──▶ Paying ──▶ Settled
//!  ▲                  each phase takes as many steps as its work needs
//!  └ the next cycle is open from the closing block on
//! ```

use caldera_sdk::prelude::*;
use clearing_rules::{
    Cutoff, Totals,
    abi::Clearing::{self as abi, Phase},
};

use crate::{
    book::Book,
    calls::Clearing,
    overflow,
    roles::only,
    step::{Budget, WORK_GAS},
    store::{Clock, Closing, Store},
};

/// One step of a close: what the phases read and change.
pub(crate) struct Step<'a> {
    pub store: &'a mut Store,
    /// The engine's address.
    pub this: Address,
    pub cycle: u64,
    pub totals: Totals,
    pub closing: Closing,
    pub budget: Budget,
}

/// How far a phase came in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The phase is over.
    Done,
    /// The budget is used up.
    More,
}

impl<B: Book> Clearing<B> {
    /// Closes the open cycle on the operator's call.
    pub(crate) fn close_cycle(&mut self, env: &CallEnv) -> Result<(), Revert> {
        only(env, self.store.operator.get())?;
        self.no_close()?;
        let clock = self.store.clock.get();
        ensure!(self.begin_close(clock, env.block.number), abi::NothingToClose { cycle: clock.open });
        Ok(())
    }

    /// What each block begins with: a close that is due, or a step of the one that is under way.
    pub(crate) fn block_begins(&mut self, height: u64) -> Result<(), Revert> {
        let clock = self.store.clock.get();
        if clock.closing {
            return self.step().map(drop);
        }
        if clock.closes_at != 0 && height >= clock.closes_at && !self.begin_close(clock, height) {
            // Nothing was submitted, so the cycle goes on for another term.
            let closes_at = self.next_close(height);
            self.store.clock.set(&Clock { closes_at, ..clock });
        }
        Ok(())
    }

    /// One step more, paid for by the caller.
    pub(crate) fn work(&mut self, env: &CallEnv) -> Result<bool, Revert> {
        ensure!(self.store.clock.get().closing, abi::NoWork {});
        ensure!(env.gas_left >= WORK_GAS, abi::NotEnoughGas { have: env.gas_left, need: WORK_GAS });
        self.step()
    }

    /// Turns the open cycle into the closing one. False, with nothing done, when it is empty.
    fn begin_close(&mut self, clock: Clock, height: u64) -> bool {
        let totals = self.store.totals_of(clock.open);
        if totals.obligations == 0 {
            return false;
        }
        let price = self.store.price.get().price;
        let closing = Closing {
            phase: Phase::Netting as u8,
            members: self.store.members.get(),
            closed_at: height,
            price,
            ..Closing::default()
        };
        self.store.closings.set(&clock.open, &closing);
        let closes_at = self.next_close(height);
        // One cycle per block at most: a height cannot run out.
        self.store.clock.set(&Clock { open: clock.open + 1, closing: true, closes_at });
        let Totals { obligations, gross, .. } = totals;
        emit(&abi::CycleClosing { cycle: clock.open, obligations, gross, price });
        true
    }

    fn next_close(&self, height: u64) -> u64 {
        match self.store.terms.get().cycle_blocks {
            0 => 0,
            blocks => height.saturating_add(blocks),
        }
    }

    /// Does one budget of work on the closing cycle. True when it is settled.
    fn step(&mut self) -> Result<bool, Revert> {
        let clock = self.store.clock.get();
        let cycle = clock.open.saturating_sub(1);
        self.store.lock.set(&true);
        let mut step = Step {
            this: self.store.this.get(),
            cycle,
            totals: self.store.totals_of(cycle),
            closing: self.store.closings.get(&cycle),
            budget: Budget::step(),
            store: &mut self.store,
        };
        let settled = step.run(&mut self.book)?;
        let Step { totals, closing, .. } = step;
        self.store.put_totals(cycle, &totals);
        self.store.closings.set(&cycle, &closing);
        if settled {
            self.store.clock.set(&Clock { closing: false, ..clock });
        }
        self.store.lock.set(&false);
        Ok(settled)
    }
}

impl Step<'_> {
    /// Runs phases until the budget is used up or the cycle is settled.
    fn run(&mut self, book: &mut impl Book) -> Result<bool, Revert> {
        loop {
            let phase = self.closing.phase();
            let progress = match phase {
                Phase::Netting => self.net(book)?,
                Phase::Collecting => self.collect()?,
                Phase::Waterfall => self.waterfall()?,
                Phase::Paying => self.pay()?,
                Phase::None | Phase::Open | Phase::Settled | Phase::__Invalid => return Ok(true),
            };
            if progress == Progress::More {
                return Ok(false);
            }
            self.closing.phase += 1;
            self.closing.cursor = 0;
        }
    }

    fn net(&mut self, book: &mut impl Book) -> Result<Progress, Revert> {
        if !book.net(self.store, self.cycle, &mut self.totals, &mut self.budget).map_err(overflow)? {
            return Ok(Progress::More);
        }
        emit(&abi::CycleNetted { cycle: self.cycle, gross: self.totals.gross, net: self.totals.net });
        Ok(Progress::Done)
    }

    /// Goes on to the next participant if the budget allows what it may cost.
    pub(crate) fn next(&mut self, cost: u64) -> Option<u32> {
        let number = self.closing.cursor + 1;
        (number <= self.closing.members && self.budget.take(cost)).then(|| {
            self.closing.cursor = number;
            number
        })
    }

    /// How the phase stands once [`Self::next`] gives nobody.
    pub(crate) fn progress(&self) -> Progress {
        if self.closing.cursor == self.closing.members { Progress::Done } else { Progress::More }
    }
}

impl Closing {
    /// Where the cycle stands.
    pub fn phase(&self) -> Phase {
        Phase::try_from(self.phase).unwrap_or(Phase::__Invalid)
    }

    /// Where the loss is cut.
    pub fn cutoff(&self) -> Cutoff {
        Cutoff { remainder: self.cutoff_remainder, number: self.cutoff_number }
    }
}
