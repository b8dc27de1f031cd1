//! Version 1's queue of obligations that wait for netting: packed, so that ten thousand take few slots.
//!
//! A page is one storage value: how many obligations it holds in one byte, then each as debtor, creditor and amount in LEB128,
//! about nine bytes. A page is removed when it is netted, so the queue holds what is pending and nothing else. What is
//! asked for later (reference, due) is in the audit record.

use caldera_sdk::prelude::*;
use clearing_rules::{Balance, Overflow, Totals};

use super::{Entry, postings::Postings};
use crate::{
    step::{Budget, NEW_ENTRY_COST, UPDATE_COST},
    store::Store,
};

/// Most obligations on a page. It bounds what one page may cost in a step, and what adding one obligation rewrites.
const PAGE_ENTRIES: u8 = 48;
/// Longest obligation on a page: two numbers of up to two bytes (there are at most 1,000) and 96 bits, seven a byte.
const MAX_ENTRY_BYTES: u64 = 2 + 2 + 14;
/// Cost of the fullest page without the positions that it touches.
const MAX_PAGE_COST: u64 = page_cost(1 + MAX_ENTRY_BYTES * PAGE_ENTRIES as u64);

/// Cost of reading, decoding and removing a page: its slots, and 48 obligations at a sixteenth each.
const fn page_cost(bytes: u64) -> u64 {
    (2 + bytes / 32) * UPDATE_COST + PAGE_ENTRIES as u64 / 16
}

const _: () = {
    let worst = MAX_PAGE_COST + PAGE_ENTRIES as u64 * NEW_ENTRY_COST;
    assert!(worst < Budget::STEP, "the worst page fits a step, so netting always goes on");
    assert!(clearing_rules::MAX_PARTICIPANTS < 1 << 14, "a participant's number has at most two LEB128 bytes");
};

storage! {
    /// The pages of all cycles that are not netted.
    pub struct Pages {
        pages: Map<(u64, u32), Vec<u8>>,
        page_ends: Map<u64, Ends>,
    }
}

stored_struct! {
    /// The first page that waits, and the place after the last.
    #[derive(Clone, Copy, Debug)]
    pub struct Ends { pub first: u32, pub end: u32 }
}

impl Pages {
    /// Appends obligations. The last page is filled up before a new one begins.
    pub fn append(&mut self, cycle: u64, entries: &[Entry]) {
        let mut ends = self.page_ends.get(&cycle);
        let mut page = match ends.end.checked_sub(1) {
            Some(last) if last >= ends.first => {
                ends.end = last;
                self.pages.get(&(cycle, last))
            }
            _ => Vec::new(),
        };
        for entry in entries {
            if page.first().is_some_and(|count| *count >= PAGE_ENTRIES) {
                self.pages.set(&(cycle, ends.end), &page);
                ends.end += 1;
                page.clear();
            }
            push(&mut page, entry);
        }
        self.pages.set(&(cycle, ends.end), &page);
        ends.end += 1;
        self.page_ends.set(&cycle, &ends);
    }

    /// Credits the creditors of waiting pages, as many as the budget allows. True when no page waits any more.
    pub fn drain(
        &mut self,
        store: &mut Store,
        cycle: u64,
        totals: &mut Totals,
        budget: &mut Budget,
    ) -> Result<bool, Overflow> {
        let mut ends = self.page_ends.get(&cycle);
        let members = u64::from(store.members.get());
        let mut credits = Postings::new(cycle);
        let mut spent = 0;
        while ends.first < ends.end {
            let untouched = members.saturating_sub(credits.len());
            let worst = MAX_PAGE_COST + untouched.min(PAGE_ENTRIES.into()) * NEW_ENTRY_COST;
            if !budget.allows(spent + credits.cost() + worst) {
                break;
            }
            let key = (cycle, ends.first);
            let page = self.pages.get(&key);
            self.pages.remove(&key);
            for entry in read(&page) {
                credits.add(store, entry.creditor, Balance::credit(entry.amount))?;
            }
            ends.first += 1;
            spent += page_cost(page.len() as u64);
        }
        budget.spend(spent + credits.cost());
        credits.write(store, totals)?;
        let done = ends.first == ends.end;
        if done {
            self.page_ends.remove(&cycle);
        } else {
            self.page_ends.set(&cycle, &ends);
        }
        Ok(done)
    }

    /// Pages of a cycle that are netted, and all that it ever had.
    pub fn progress(&self, cycle: u64) -> (u64, u64) {
        let ends = self.page_ends.get(&cycle);
        (ends.first.into(), ends.end.into())
    }
}

fn push(page: &mut Vec<u8>, entry: &Entry) {
    if page.is_empty() {
        page.push(0);
    }
    page[0] += 1;
    push_number(page, U256::from(entry.debtor));
    push_number(page, U256::from(entry.creditor));
    push_number(page, entry.amount);
}

fn push_number(page: &mut Vec<u8>, number: U256) {
    // Two limbs hold every amount, which has at most 96 bits.
    let [low, high, ..] = *number.as_limbs();
    let mut left = u128::from(high) << 64 | u128::from(low);
    while left >= 0x80 {
        page.push(left as u8 | 0x80);
        left >>= 7;
    }
    page.push(left as u8);
}

/// The obligations of a page, in order. What does not decode ends them; [`push`] writes nothing of the kind.
fn read(page: &[u8]) -> impl Iterator<Item = Entry> {
    let mut rest = page.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        let debtor = read_number(&mut rest)?;
        let creditor = read_number(&mut rest)?;
        let amount = read_number(&mut rest)?;
        Some(Entry { debtor: debtor as u32, creditor: creditor as u32, amount: U256::from(amount) })
    })
}

fn read_number(rest: &mut &[u8]) -> Option<u128> {
    let mut number = 0;
    for shift in (0..126).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u128::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_page_reads_back(parts in prop::collection::vec((1u32..=1_000, 1u32..=1_000, 1u128..1 << 96), 1..48)) {
            let entries: Vec<Entry> = parts
                .into_iter()
                .map(|(debtor, creditor, amount)| Entry { debtor, creditor, amount: U256::from(amount) })
                .collect();
            let mut page = Vec::new();
            entries.iter().for_each(|entry| push(&mut page, entry));
            prop_assert_eq!(usize::from(page[0]), entries.len());
            prop_assert!(page.len() as u64 <= 1 + MAX_ENTRY_BYTES * entries.len() as u64);
            prop_assert_eq!(read(&page).collect::<Vec<_>>(), entries);
        }
    }
}
