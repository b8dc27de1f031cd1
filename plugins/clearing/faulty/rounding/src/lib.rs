//! A version 3 of the clearing engine that rounds: for the tour, to be caught in the shadow.
//!
//! Its author thought that nobody counts less than a dollar. All its functions work, its tests would pass, its state has the
//! layout of version 2; only what it computes is not what version 2 computes. Never for a chain that matters.

use caldera_sdk::prelude::*;
use clearing_engine::{Book, Budget, Clearing, Entry, Incremental, Position, Store};
use clearing_rules::{Overflow, Totals};

/// Smallest units in a dollar of a token with six decimals.
const DOLLAR: u64 = 1_000_000;

/// The book of version 2 with amounts rounded down to a dollar.
#[derive(Default)]
pub struct Rounding(Incremental);

impl Book for Rounding {
    const VERSION: &'static str = "3.0.0-rounding";
    const STATE_VERSION: u32 = 2;
    const NETS_ON_ARRIVAL: bool = true;

    fn record(
        &mut self,
        store: &mut Store,
        cycle: u64,
        entries: &[Entry],
        totals: &mut Totals,
    ) -> Result<(), Overflow> {
        let dollar = U256::from(DOLLAR);
        let rounded: Vec<Entry> =
            entries.iter().map(|entry| Entry { amount: entry.amount - entry.amount % dollar, ..*entry }).collect();
        self.0.record(store, cycle, &rounded, totals)
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
        let exposure = Incremental::exposure(position);
        exposure - exposure % U256::from(DOLLAR)
    }

    fn migrate(&mut self, store: &mut Store, step: &Migration) -> Result<Migrated, String> {
        self.0.migrate(store, step)
    }
}

/// The engine.
pub type Engine = Clearing<Rounding>;

caldera_sdk::export!(Engine);
