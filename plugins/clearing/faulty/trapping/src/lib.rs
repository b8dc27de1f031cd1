//! A version 3 of the clearing engine whose migration traps: for the tour, to be left inactive.
//!
//! It claims a third layout, begins to write it, and then meets a case that its author thought impossible. Never for a
//! chain that matters.

use caldera_sdk::prelude::*;
use clearing_engine::{Book, Budget, Clearing, Entry, Incremental, Position, Store};
use clearing_rules::{Overflow, Totals};

/// The book of version 2 with a migration that does not end well.
#[derive(Default)]
pub struct Trapping(Incremental);

impl Book for Trapping {
    const VERSION: &'static str = "3.0.0-trapping";
    const STATE_VERSION: u32 = 3;
    const NETS_ON_ARRIVAL: bool = true;

    fn record(
        &mut self,
        store: &mut Store,
        cycle: u64,
        entries: &[Entry],
        totals: &mut Totals,
    ) -> Result<(), Overflow> {
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

    /// Writes before it traps, so that there is something to undo.
    fn migrate(&mut self, store: &mut Store, _: &Migration) -> Result<Migrated, String> {
        store.put_totals(1, &Totals::default());
        panic!("a cycle without obligations, which cannot be")
    }
}

/// The engine.
pub type Engine = Clearing<Trapping>;

caldera_sdk::export!(Engine);
