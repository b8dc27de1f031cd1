//! Merging diffs is composing them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use alloy_primitives::{Address, U256};
use caldera_state::{Account, AccountDiff, MemoryView, Observed, Reads, StateDiff, StateView};
use proptest::prelude::*;

fn applied(diffs: &[&StateDiff]) -> MemoryView {
    let mut view = MemoryView::default();
    diffs.iter().for_each(|diff| view.apply(diff));
    view
}

fn merged(earlier: &StateDiff, later: &StateDiff) -> StateDiff {
    let mut diff = earlier.clone();
    diff.merge(later.clone());
    diff
}

proptest! {
    #[test]
    fn merge_is_composition(base in common::diff(), a in common::diff(), b in common::diff(), c in common::diff()) {
        let one_by_one = applied(&[&base, &a, &b, &c]);
        prop_assert_eq!(&applied(&[&base, &merged(&merged(&a, &b), &c)]), &one_by_one);
        prop_assert_eq!(&applied(&[&base, &merged(&a, &merged(&b, &c))]), &one_by_one);
    }

    #[test]
    fn a_state_is_its_own_diff(base in common::diff(), a in common::diff()) {
        let view = applied(&[&base, &a]);
        prop_assert_eq!(applied(&[&StateDiff::from(&view)]), view);
    }
}

#[test]
fn an_account_that_comes_back_has_no_old_storage() {
    let address = Address::with_last_byte(1);
    let with = |account, slot: u64| {
        let storage = [(U256::from(slot), U256::from(9))].into();
        let diff = AccountDiff { account, wiped: false, storage };
        StateDiff { accounts: [(address, diff)].into(), codes: Default::default() }
    };
    let (born, gone, back) = (with(Some(Account::default()), 1), with(None, 2), with(Some(Account::default()), 3));
    let view = applied(&[&born, &merged(&gone, &back)]);
    let slots: Vec<_> = view.slots(address).map(|(slot, _)| slot.to::<u64>()).collect();
    assert_eq!(slots, [3]);
    assert_eq!(view, applied(&[&merged(&merged(&born, &gone), &back)]));
}

#[test]
fn reads_are_recorded_whether_they_find_something_or_not() {
    let mut view = MemoryView::default();
    let hash = view.add_code(vec![1, 2].into());
    let address = Address::with_last_byte(1);
    view.set_account(address, Account { code_hash: hash, ..Default::default() });
    let observed = Observed::new(&view);
    assert_eq!(observed.account(address).unwrap().unwrap().code_hash, hash);
    assert_eq!(observed.account(Address::ZERO).unwrap(), None);
    assert_eq!(observed.storage(address, U256::from(5)).unwrap(), U256::ZERO);
    assert_eq!(observed.code(hash).unwrap().as_ref(), [1, 2]);
    assert!(observed.block_hash(7).is_err());
    let expected = Reads {
        accounts: [Address::ZERO, address].into(),
        slots: [(address, U256::from(5))].into(),
        codes: [hash].into(),
        block_hashes: [7].into(),
    };
    assert_eq!(observed.reads(), expected);
    assert_eq!(observed.into_reads(), expected);
}
