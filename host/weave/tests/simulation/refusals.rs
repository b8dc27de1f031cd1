//! What a destination refuses holds up nothing else, and is not sent again and again.

use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use caldera_weave::{MAX_OPEN, MAX_PARKED};

use super::{CHAINS, HEARTBEAT, link, model::Chain};

const UNMAPPED: B256 = B256::repeat_byte(0xff);
const MAPPED: B256 = B256::repeat_byte(1);

fn nth(n: usize) -> Address {
    Address::from_word(U256::from(n + 1).into())
}

fn holds(at: &Chain, from: &Chain, owner: Address, key: B256) -> bool {
    at.inner.lock().state.rights.contains_key(&(from.id, 2, owner, key))
}

#[test]
fn rights_that_no_rule_maps_hold_up_no_others() {
    let (from, to) = (Chain::new(CHAINS[0]), Chain::new(CHAINS[1]));
    let folder = tempfile::tempdir().unwrap();
    let mut link = link(&from, &to, folder.path());
    to.inner.lock().unmapped.insert(UNMAPPED);
    let many = MAX_OPEN + MAX_PARKED + 10;
    let mut now = Duration::ZERO;
    let mut step = |seconds| {
        now += Duration::from_secs(seconds);
        from.produce(|| false);
        from.certify();
        link.step(now).unwrap();
        to.produce(|| false);
        link.counts().read()
    };
    // Some in every block, so that they are open before the last is read.
    for n in 0..many {
        from.give(nth(n), UNMAPPED, to.id);
        if n % 512 == 511 {
            step(0);
        }
    }
    from.give(nth(0), MAPPED, to.id);
    for _ in 0..4 {
        step(0);
    }
    assert!(holds(&to, &from, nth(0), MAPPED), "what is mapped is not taken");
    let counts = step(0);
    assert_eq!((counts.open, counts.parked), (MAX_PARKED as u64, MAX_PARKED as u64), "{counts:?}");
    assert_eq!(counts.given_up, (many - MAX_PARKED) as u64, "{counts:?}");
    assert_eq!(counts.carried, 1, "{counts:?}");
    assert!(counts.refused["NoRule"] >= many as u64, "{counts:?}");

    // Once there is a rule, what is parked gets there; what was given up does when anything is said of it.
    to.inner.lock().unmapped.clear();
    for _ in 0..30 {
        step(10);
    }
    let held = |n: &usize| holds(&to, &from, nth(*n), UNMAPPED);
    assert_eq!((0..many).filter(held).count(), MAX_PARKED);
    let lost = (0..many).find(|n| !held(n)).unwrap();
    from.give(nth(lost), UNMAPPED, to.id);
    step(1);
    step(1);
    let counts = step(1);
    assert!(held(&lost));
    assert_eq!((counts.open, counts.parked), (0, 0), "{counts:?}");
}

/// Steps of a quarter of a second for a minute; gives how many transactions came.
fn sent_in_a_minute(of_unit: bool) -> u64 {
    let (from, to) = (Chain::new(CHAINS[0]), Chain::new(CHAINS[1]));
    let folder = tempfile::tempdir().unwrap();
    let mut link = link(&from, &to, folder.path());
    to.inner.lock().spoils = true;
    if of_unit {
        from.give(nth(0), MAPPED, to.id);
    }
    // The heartbeat is due from the start.
    (0..=HEARTBEAT).for_each(|_| from.produce(|| false));
    for quarter in 0..240 {
        from.produce(|| false);
        from.certify();
        link.step(Duration::from_millis(250 * quarter)).unwrap();
        to.produce(|| false);
    }
    let sent = to.sent_in();
    to.inner.lock().spoils = false;
    for minutes in 2..5 {
        from.produce(|| false);
        from.certify();
        link.step(Duration::from_secs(60 * minutes)).unwrap();
        to.produce(|| false);
    }
    assert_eq!(holds(&to, &from, nth(0), MAPPED), of_unit, "it gets there once it is taken");
    assert!(to.inner.lock().state.latest[&from.id] > HEARTBEAT, "the destination has a root");
    sent
}

#[test]
fn what_blocks_refuse_is_sent_ever_more_seldom() {
    // After 1, 2, 4, 8, 16, 32 seconds, each once it was seen to have failed.
    let heartbeats = sent_in_a_minute(false);
    assert!((3..=7).contains(&heartbeats), "{heartbeats}");
    let both = sent_in_a_minute(true);
    assert!((6..=14).contains(&both), "{both}");
}
