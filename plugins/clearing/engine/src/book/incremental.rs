//! Version 2: obligations are netted as they arrive.
//!
//! Both balances are final with every call, so a close has nothing to net: its cost is O(participants) whatever the number of
//! obligations, net positions can be asked for at any time, and margin must cover the net debit only. An obligation
//! needs no page beside its audit record.

use caldera_sdk::prelude::*;
use clearing_rules::{Balance, Overflow, Totals};

use super::{Book, Entry, pages::Pages, postings::Postings};
use crate::{
    step::Budget,
    store::{Position, Store},
};

/// The book of version 2.
#[derive(Default)]
pub struct Incremental;

impl Book for Incremental {
    const VERSION: &'static str = "2.0.0";
    const STATE_VERSION: u32 = 2;
    const NETS_ON_ARRIVAL: bool = true;

    fn record(
        &mut self,
        store: &mut Store,
        cycle: u64,
        entries: &[Entry],
        totals: &mut Totals,
    ) -> Result<(), Overflow> {
        let mut postings = Postings::new(cycle);
        for entry in entries {
            postings.add(store, entry.debtor, Balance::debit(entry.amount))?;
            postings.add(store, entry.creditor, Balance::credit(entry.amount))?;
        }
        postings.write(store, totals)
    }

    fn net(&mut self, _: &mut Store, _: u64, _: &mut Totals, _: &mut Budget) -> Result<bool, Overflow> {
        Ok(true)
    }

    fn exposure(position: &Position) -> U256 {
        position.balance().owes()
    }

    /// Version 1 keeps obligations in pages until a cycle is netted; everything else is laid out the same.
    fn migrate(&mut self, store: &mut Store, step: &Migration) -> Result<Migrated, String> {
        match (step.from, step.to) {
            (1, 2) => self.net_what_waits(store),
            // What version 1 reads is there: a cycle without pages is one that is netted so far.
            (2, 1) => Ok(Migrated::Done),
            _ => Err(step.refuse()),
        }
    }
}

impl Incremental {
    /// Nets what waits in pages, of the open cycle and of one that is being netted, as much as a step allows. A netted
    /// page is gone, so the state itself tells the next step where to go on.
    fn net_what_waits(&self, store: &mut Store) -> Result<Migrated, String> {
        let clock = store.clock.get();
        let mut pages = Pages::default();
        let mut budget = Budget::migration();
        let closing = clock.closing.then(|| clock.open.saturating_sub(1));
        for cycle in closing.into_iter().chain([clock.open]) {
            let mut totals = store.totals_of(cycle);
            let done = pages.drain(store, cycle, &mut totals, &mut budget).map_err(|error| error.to_string())?;
            store.put_totals(cycle, &totals);
            if !done {
                let (done, total) = pages.progress(cycle);
                return Ok(Migrated::More(Progress { cursor: cycle.to_be_bytes().to_vec(), done, total }));
            }
        }
        Ok(Migrated::Done)
    }
}
