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

    /// From version 1: nets what waits in pages, of the open cycle and of one that is being netted. Everything else is
    /// laid out as before.
    fn migrate(&mut self, store: &mut Store, from: u32) -> Result<(), String> {
        if from != 1 {
            return Err(format!("clearing 2 cannot read state version {from}, only 1"));
        }
        let clock = store.clock.get();
        let mut pages = Pages::default();
        let mut budget = Budget::migration();
        let closing = clock.closing.then(|| clock.open.saturating_sub(1));
        for cycle in closing.into_iter().chain([clock.open]) {
            let mut totals = store.totals_of(cycle);
            let done = pages.drain(store, cycle, &mut totals, &mut budget).map_err(|error| error.to_string())?;
            if !done {
                return Err(format!(
                    "cycle {cycle} has {} obligations, too many to net in one activation: close it, let it settle, and \
                     activate while the open cycle is small",
                    totals.obligations
                ));
            }
            store.put_totals(cycle, &totals);
        }
        Ok(())
    }
}
