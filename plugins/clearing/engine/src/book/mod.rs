//! The book: how a version keeps obligations and when it nets them. This is all in which versions differ.

mod deferred;
mod incremental;
mod pages;
mod postings;

pub use deferred::Deferred;
pub use incremental::Incremental;

use caldera_sdk::prelude::*;
use clearing_rules::{Overflow, Totals};

use crate::{
    step::Budget,
    store::{Position, Store},
};

/// An obligation that was checked and accepted, its parties by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who owes.
    pub debtor: u32,
    /// Who is owed.
    pub creditor: u32,
    /// At most [`clearing_rules::MAX_AMOUNT`].
    pub amount: U256,
}

/// What differs between the versions of the engine.
pub trait Book: Default {
    /// Semantic version of the engine with this book.
    const VERSION: &'static str;
    /// Version of the stored layout.
    const STATE_VERSION: u32;
    /// Whether net positions are known before a cycle closes.
    const NETS_ON_ARRIVAL: bool;

    /// Takes obligations into an open cycle. `totals` has counted them; its `net` is the book's to keep.
    fn record(&mut self, store: &mut Store, cycle: u64, entries: &[Entry], totals: &mut Totals)
    -> Result<(), Overflow>;

    /// Goes on with netting a cycle. True when every position and `totals.net` are final.
    fn net(
        &mut self,
        store: &mut Store,
        cycle: u64,
        totals: &mut Totals,
        budget: &mut Budget,
    ) -> Result<bool, Overflow>;

    /// What a participant's margin must cover, of its position in the open cycle.
    fn exposure(position: &Position) -> U256;

    /// A step between this layout and an older one.
    fn migrate(&mut self, store: &mut Store, step: &Migration) -> Result<Migrated, String>;
}
