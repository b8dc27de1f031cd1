//! Somebody shows a destination rights as they once were: proofs of before a revocation hold as long as their root is near enough.

use std::time::Duration;

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEvent as _;
use weave_rules::{
    abi::Weave as abi,
    unit::{self, Kind},
};

use super::{CHAINS, link, model::Chain};

/// Ids of rights that a chain gave, and when.
fn given(from: &Chain) -> Vec<(B256, u64)> {
    let logs: Vec<_> = from.inner.lock().blocks.concat();
    let issued = logs.iter().filter_map(|log| abi::UnitIssued::decode_log_data(log).ok());
    let rights = issued.filter(|issued| issued.unit.kind != Kind::Asset.code());
    rights.map(|issued| (unit::id(&issued.unit), issued.unit.issued)).collect()
}

/// One of them.
pub fn once(from: &Chain, to: &Chain, which: u64) {
    let given = given(from);
    if !given.is_empty() {
        let (id, height) = given[which as usize % given.len()];
        from.show(to, id, height);
    }
}

/// All of them.
pub fn all(from: &Chain, to: &Chain) {
    given(from).into_iter().for_each(|(id, height)| from.show(to, id, height));
}

/// A right that was given and taken before anybody looked, or moved to another chain, shown afterwards.
fn check(moves: bool, restarts: bool) {
    let [from, to, other] = CHAINS.map(Chain::new);
    let folder = tempfile::tempdir().unwrap();
    let mut carrier = link(&from, &to, folder.path());
    let (owner, key) = (Address::repeat_byte(1), B256::repeat_byte(1));
    from.give(owner, key, to.id);
    from.produce(|| false);
    match moves {
        true => from.give(owner, key, other.id),
        false => from.take(owner, key),
    }
    from.produce(|| false);
    from.certify();
    let mut now = Duration::ZERO;
    let mut step = |carrier: &mut caldera_weave::Link| {
        now += Duration::from_secs(1);
        carrier.step(now).unwrap();
        to.produce(|| false);
    };
    step(&mut carrier);
    assert_eq!(to.sent_in(), 0, "there is nothing to do");
    all(&from, &to);
    to.produce(|| false);
    let right = || to.inner.lock().state.rights.get(&(from.id, Kind::Permission.code(), owner, key)).cloned();
    assert_eq!(right().unwrap().endedHeight, 0, "an old proof is taken");
    if restarts {
        carrier = link(&from, &to, folder.path());
    }
    step(&mut carrier);
    step(&mut carrier);
    assert_ne!(right().unwrap().endedHeight, 0, "moves: {moves}, restarts: {restarts}");
    step(&mut carrier);
    assert_eq!(carrier.counts().read().open, 0);
}

#[test]
fn a_right_that_is_accepted_after_it_is_gone_is_ended() {
    for (moves, restarts) in [(false, false), (false, true), (true, false), (true, true)] {
        check(moves, restarts);
    }
}
