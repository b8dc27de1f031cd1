//! A version 3 of the clearing engine that panics now and then: for the tour, to be sent back in probation.
//!
//! Its author put an assertion where amounts are odd. The layout is that of version 2. Never for a chain that matters.

use caldera_sdk::prelude::*;
use clearing_engine::{Book, Budget, Clearing, Entry, Incremental, Position, Store};
use clearing_rules::{Overflow, Totals};

/// The book of version 2 with an assertion that does not hold.
#[derive(Default)]
pub struct Faulting(Incremental);

impl Book for Faulting {
    const VERSION: &'static str = "3.0.0-faulting";
    const STATE_VERSION: u32 = 2;
    const NETS_ON_ARRIVAL: bool = true;

    fn record(
        &mut self,
        store: &mut Store,
        cycle: u64,
        entries: &[Entry],
        totals: &mut Totals,
    ) -> Result<(), Overflow> {
        for entry in entries {
            assert!(entry.debtor % 2 == entry.creditor % 2, "the parties of an obligation are of one kind");
        }
        self.0.record(store, cycle, entries, totals)
    }

    fn net(
        &mut self,
        store: &mut Store,
        cycle: u64,
        totals: &mut Totals,
        budget: &mut Budget,
    ) -> Result<bool, Overflow> {
        self.0.net(store, cycle, totals, budget)
    }

    fn exposure(position: &Position) -> U256 {
        Incremental::exposure(position)
    }

    fn migrate(&mut self, store: &mut Store, step: &Migration) -> Result<Migrated, String> {
        self.0.migrate(store, step)
    }
}

/// The engine.
pub type Engine = Clearing<Faulting>;

caldera_sdk::export!(Engine);
