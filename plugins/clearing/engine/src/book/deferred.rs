//! Version 1: obligations wait in pages and are netted when the cycle closes.
//!
//! A debit counts at once, because margin depends on it; the credits, and with them the nets, come with the close. So a
//! close costs O(obligations), over as many blocks as that takes, and margin must cover the gross debit.

use caldera_sdk::prelude::*;
use clearing_rules::{Balance, Overflow, Totals};

use super::{Book, Entry, pages::Pages, postings::Postings};
use crate::{
    step::Budget,
    store::{Position, Store},
};

/// The book of version 1.
#[derive(Default)]
pub struct Deferred {
    pages: Pages,
}

impl Book for Deferred {
    const VERSION: &'static str = "1.0.0";
    const STATE_VERSION: u32 = 1;
    const NETS_ON_ARRIVAL: bool = false;

    fn record(
        &mut self,
        store: &mut Store,
        cycle: u64,
        entries: &[Entry],
        totals: &mut Totals,
    ) -> Result<(), Overflow> {
        let mut debits = Postings::new(cycle);
        for entry in entries {
            debits.add(store, entry.debtor, Balance::debit(entry.amount))?;
        }
        debits.write(store, totals)?;
        self.pages.append(cycle, entries);
        Ok(())
    }

    fn net(
        &mut self,
        store: &mut Store,
        cycle: u64,
        totals: &mut Totals,
        budget: &mut Budget,
    ) -> Result<bool, Overflow> {
        self.pages.drain(store, cycle, totals, budget)
    }

    fn exposure(position: &Position) -> U256 {
        position.debit
    }

    fn migrate(&mut self, _: &mut Store, step: &Migration) -> Result<Migrated, String> {
        Err(format!("clearing 1 is the first version: {}", step.refuse()))
    }
}
