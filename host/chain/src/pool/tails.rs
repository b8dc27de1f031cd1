//! Which transaction goes first when the pool is full: an order of the last ones of all senders.
//!
//! A transaction yields the lesser of its tip and of what its fee leaves above the base fee. The one that yields least is
//! first by its tip or first by its fee, whatever the base fee is; so two plain orders answer for every base fee.

use std::{cmp::Reverse, collections::BTreeSet};

use super::account::End;

/// Of equals, the newest goes first.
type Entry = (u64, Reverse<u64>, u32);

/// Last transactions of senders, by what they offer.
#[derive(Debug, Default)]
pub(super) struct Tails {
    by_tip: BTreeSet<Entry>,
    by_fee: BTreeSet<Entry>,
}

impl Tails {
    pub(super) fn insert(&mut self, end: End, slot: u32) {
        self.by_tip.insert((end.price.tip, Reverse(end.seq), slot));
        self.by_fee.insert((end.price.fee, Reverse(end.seq), slot));
    }

    pub(super) fn remove(&mut self, end: End, slot: u32) {
        self.by_tip.remove(&(end.price.tip, Reverse(end.seq), slot));
        self.by_fee.remove(&(end.price.fee, Reverse(end.seq), slot));
    }

    /// What yields least at a base fee, and of which sender it is; one sender, who has one entry at most, is passed over.
    pub(super) fn cheapest(&self, base_fee: u64, except: Option<u32>) -> Option<(i128, u32)> {
        let first = |order: &BTreeSet<Entry>| order.iter().find(|(.., slot)| Some(*slot) != except).copied();
        let (tip, by_tip, tip_slot) = first(&self.by_tip)?;
        let (fee, by_fee, fee_slot) = first(&self.by_fee)?;
        let by_tip = (i128::from(tip), by_tip, tip_slot);
        let by_fee = (i128::from(fee) - i128::from(base_fee), by_fee, fee_slot);
        let (yields, _, slot) = by_tip.min(by_fee);
        Some((yields, slot))
    }
}
