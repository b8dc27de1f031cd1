//! From calls to the functions that answer them.

use caldera_sdk::prelude::*;
use clearing_rules::abi::Clearing::{self as abi, ClearingCalls as Calls};

use crate::{book::Book, overflow, store::Store};

/// The clearing engine with a version's book.
#[derive(Default)]
pub struct Clearing<B> {
    pub(crate) store: Store,
    pub(crate) book: B,
}

impl<B: Book> Engine for Clearing<B> {
    type Calls = Calls;
    const NAME: &'static str = "clearing";
    const VERSION: &'static str = B::VERSION;
    const STATE_VERSION: u32 = B::STATE_VERSION;
    const ABI: &'static str = crate::ABI;
    const BEGIN_BLOCK: bool = true;

    fn init(&mut self, config: &[u8]) -> Result<(), String> {
        self.set_up(config)
    }

    fn configure(&mut self, config: &[u8]) -> Result<(), String> {
        self.set_up_anew(config)
    }

    fn migrate(&mut self, step: &Migration) -> Result<Migrated, String> {
        self.book.migrate(&mut self.store, step)
    }

    fn begin_block(&mut self, block: &BlockEnv) -> Result<(), String> {
        self.block_begins(block.number).map_err(String::from)
    }

    fn call(&mut self, env: &CallEnv, call: Calls) -> Result<Vec<u8>, Revert> {
        match call {
            Calls::register(c) => self.act(c, |engine, _| engine.register(env)),
            Calls::postMargin(c) => self.act(c, |engine, c| engine.post_margin(env, c.asset, c.amount)),
            Calls::withdrawMargin(c) => self.act(c, |engine, c| engine.withdraw_margin(env, c.asset, c.amount)),
            Calls::contributeToDefaultFund(c) => self.act(c, |engine, c| engine.contribute(env, c.amount)),
            Calls::submit(c) => self.act(c, |engine, c| engine.submit(env, c.obligation)),
            Calls::submitBatch(c) => self.act(c, |engine, c| engine.submit_batch(env, &c.obligations)),
            Calls::setPrice(c) => self.act(c, |engine, c| engine.set_price(env, c.price)),
            Calls::setOperator(c) => self.act(c, |engine, c| engine.set_operator(env, c.operator)),
            Calls::setPriceAccount(c) => self.act(c, |engine, c| engine.set_price_account(env, c.priceAccount)),
            Calls::setLiquidator(c) => self.act(c, |engine, c| engine.set_liquidator(env, c.liquidator)),
            Calls::reinstate(c) => self.act(c, |engine, c| engine.reinstate(env, c.participant)),
            Calls::callMargin(c) => self.act(c, |engine, c| engine.call_margin(env, &c.participants)),
            Calls::closeCycle(c) => self.act(c, |engine, _| engine.close_cycle(env)),
            Calls::work(c) => self.act(c, |engine, _| engine.work(env)),
            Calls::claimCollateral(c) => self.act(c, |engine, _| engine.claim_collateral(env)),
            Calls::config(c) => answer(c, |_| Ok(self.config())),
            Calls::currentCycle(c) => answer(c, |_| Ok(self.current_cycle())),
            Calls::closesAt(c) => answer(c, |_| Ok(self.store.clock.get().closes_at)),
            Calls::cycle(c) => answer(c, |c| self.cycle(c.id)),
            Calls::netPosition(c) => answer(c, |c| self.net_position(c.cycle, c.participant)),
            Calls::lossOf(c) => answer(c, |c| self.loss_of(c.cycle, c.participant)),
            Calls::obligation(c) => answer(c, |c| Ok(self.obligation(c.debtor, c.referenceId))),
            Calls::participant(c) => answer(c, |c| Ok(self.participant(c.account))),
            Calls::participants(c) => answer(c, |_| Ok(self.participants())),
            Calls::marginOf(c) => answer(c, |c| self.margin_of(c.participant)),
            Calls::marginValue(c) => answer(c, |c| self.margin_value(&self.store.member(c.participant)?)),
            Calls::requirement(c) => answer(c, |c| self.requirement(&self.store.member(c.participant)?)),
            Calls::defaultFund(c) => answer(c, |_| Ok(self.store.fund.get())),
            Calls::price(c) => answer(c, |_| Ok(self.price())),
            Calls::claimable(c) => answer(c, |c| Ok(self.store.claims.get(&c.account))),
        }
    }
}

impl<B: Book> Clearing<B> {
    /// Runs a function that writes, unless a settlement step is running: then a token has called back.
    fn act<C, R>(&mut self, call: C, act: impl FnOnce(&mut Self, C) -> Result<R, Revert>) -> Result<Vec<u8>, Revert>
    where
        C: SolCall<Return: From<R>>,
    {
        ensure!(!self.store.lock.get(), abi::Reentrancy {});
        answer(call, |call| act(self, call))
    }
}

/// A checked sum.
pub(crate) fn plus(a: U256, b: U256) -> Result<U256, Revert> {
    clearing_rules::add(a, b).map_err(overflow)
}
