//! Obligations come in: checked one by one, then given to the book together.

use std::collections::BTreeMap;

use caldera_sdk::prelude::*;
use clearing_rules::{
    MAX_AMOUNT,
    abi::Clearing::{self as abi, Obligation},
};

use crate::{
    book::{Book, Entry},
    calls::{Clearing, plus},
    overflow,
    roles::only,
    store::Record,
};

/// What all obligations of a call share.
struct Batch {
    cycle: u64,
    now_s: u64,
    settlement: Address,
    /// Participants by address, each looked up once.
    numbers: BTreeMap<Address, u32>,
}

impl<B: Book> Clearing<B> {
    /// One obligation, by its debtor or by the operator.
    pub(crate) fn submit(&mut self, env: &CallEnv, obligation: Obligation) -> Result<(), Revert> {
        if env.caller != obligation.debtor {
            only(env, self.store.operator.get())?;
        }
        self.take(env, &[obligation])
    }

    /// Many obligations, by the operator; all or none.
    pub(crate) fn submit_batch(&mut self, env: &CallEnv, obligations: &[Obligation]) -> Result<(), Revert> {
        only(env, self.store.operator.get())?;
        ensure!(!obligations.is_empty(), abi::EmptyBatch {});
        self.take(env, obligations)
    }

    fn take(&mut self, env: &CallEnv, obligations: &[Obligation]) -> Result<(), Revert> {
        let cycle = self.store.clock.get().open;
        let mut batch = Batch {
            cycle,
            now_s: env.block.timestamp_s,
            settlement: self.store.settlement.get().address,
            numbers: BTreeMap::new(),
        };
        let mut totals = self.store.totals_of(cycle);
        let mut entries = Vec::with_capacity(obligations.len());
        for obligation in obligations {
            let entry = self.accept(&mut batch, obligation)?;
            totals.obligations += 1;
            totals.gross = plus(totals.gross, entry.amount)?;
            entries.push(entry);
        }
        self.book.record(&mut self.store, cycle, &entries, &mut totals).map_err(overflow)?;
        self.store.put_totals(cycle, &totals);
        Ok(())
    }

    /// Checks one obligation and writes its audit record.
    fn accept(&mut self, batch: &mut Batch, obligation: &Obligation) -> Result<Entry, Revert> {
        let Obligation { debtor, creditor, asset, amount, due, referenceId: reference } = *obligation;
        ensure!(debtor != creditor, abi::SelfObligation { participant: debtor });
        ensure!(asset == batch.settlement, abi::UnsupportedAsset { asset });
        ensure!(!amount.is_zero(), abi::ZeroAmount {});
        ensure!(amount <= MAX_AMOUNT, abi::AmountTooLarge { amount, most: MAX_AMOUNT });
        ensure!(due == 0 || due > batch.now_s, abi::DueInPast { due, nowSeconds: batch.now_s });
        let entry =
            Entry { debtor: self.number_of(batch, debtor)?, creditor: self.number_of(batch, creditor)?, amount };
        let key = (entry.debtor, reference);
        ensure!(!self.store.records.contains(&key), abi::DuplicateReference { debtor, referenceId: reference });
        let record = Record { cycle: batch.cycle, creditor: entry.creditor, amount, due };
        self.store.records.set(&key, &record);
        emit(&abi::ObligationSubmitted { cycle: batch.cycle, debtor, creditor, amount, due, referenceId: reference });
        Ok(entry)
    }

    fn number_of(&self, batch: &mut Batch, participant: Address) -> Result<u32, Revert> {
        if let Some(number) = batch.numbers.get(&participant) {
            return Ok(*number);
        }
        let member = self.store.member(participant)?;
        ensure!(!member.suspended, abi::ParticipantSuspended { participant });
        batch.numbers.insert(participant, member.number);
        Ok(member.number)
    }
}
