//! Two runs of the same call, side by side.

use std::{collections::BTreeMap, fmt::Debug};

use alloy_primitives::{Address, Bytes};
use caldera_engine::{CallOutcome, EngineResult};

use super::{
    effects::{Effects, SubcallRecord},
    fuel::per_thousand,
    plan::ShadowLimits,
    report::{DivergenceKind as Kind, Ending},
};

/// What one engine did in one call.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) outcome: CallOutcome,
    pub(crate) effects: Effects,
    pub(crate) subcalls: Vec<SubcallRecord>,
}

impl Run {
    /// A hook that an engine does not have.
    pub(crate) fn nothing() -> Self {
        let result = EngineResult::Return(Vec::new());
        let outcome = CallOutcome { result, gas_used: 0, fuel_used: 0, memory_peak_bytes: 0 };
        Self { outcome, effects: Effects::default(), subcalls: Vec::new() }
    }

    /// For a sample.
    pub(crate) fn ending(&self, most_bytes: usize) -> Ending {
        let (result, data, fault) = match &self.outcome.result {
            EngineResult::Return(data) => ("return", data.as_slice(), None),
            // Only `migrate` gives this, and no migration is compared.
            EngineResult::More(_) => ("more", [].as_slice(), None),
            EngineResult::Revert(data) => ("revert", data.as_slice(), None),
            EngineResult::Fault(fault) => ("fault", [].as_slice(), Some(*fault)),
        };
        Ending {
            result,
            data: cut(data, most_bytes),
            data_bytes: data.len(),
            fault,
            fuel: self.outcome.fuel_used,
            events: self.effects.logs.len(),
            subcalls: self.subcalls.len(),
        }
    }
}

/// The first bytes.
pub(crate) fn cut(data: &[u8], most_bytes: usize) -> Bytes {
    Bytes::copy_from_slice(&data[..data.len().min(most_bytes)])
}

/// How the candidate's run differs from the active engine's, gravest first. Storage of `mount` counts as the engine's own.
pub(crate) fn divergences(mount: Address, active: &Run, candidate: &Run, limits: ShadowLimits) -> Vec<(Kind, String)> {
    let mut found = Vec::new();
    let both = match (&active.outcome.result, &candidate.outcome.result) {
        (EngineResult::Return(a), EngineResult::Return(c)) => {
            differ(&mut found, Kind::ReturnData, a, c, || bytes_apart(a, c));
            effects(&mut found, mount, &active.effects, &candidate.effects);
            true
        }
        (EngineResult::Revert(a), EngineResult::Revert(c)) => {
            differ(&mut found, Kind::RevertData, a, c, || bytes_apart(a, c));
            true
        }
        // A fault takes all the gas: the fuel of two faults says nothing.
        (EngineResult::Fault(a), EngineResult::Fault(c)) => {
            differ(&mut found, Kind::Fault, a, c, || format!("active {a}, candidate {c}"));
            false
        }
        (a, c) => {
            found.push((Kind::Result, format!("active {}, candidate {}", result_name(a), result_name(c))));
            return found;
        }
    };
    let (a, c) = (&active.subcalls, &candidate.subcalls);
    differ(&mut found, Kind::Subcalls, a, c, || first_apart("sub-call", a, c, subcall));
    let (a, c) = (active.outcome.fuel_used, candidate.outcome.fuel_used);
    if both && let Some(ratio) = per_thousand(a, c).filter(|ratio| ratio.abs_diff(1000) > limits.fuel_per_thousand) {
        found.push((Kind::Fuel, format!("active {a}, candidate {c}: {ratio} ‰")));
    }
    found
}

fn effects(found: &mut Vec<(Kind, String)>, mount: Address, active: &Effects, candidate: &Effects) {
    let own = |effects: &Effects, is_own: bool| -> BTreeMap<_, _> {
        let slots = effects.storage.iter().filter(|((address, _), _)| (*address == mount) == is_own);
        slots.map(|(place, value)| (*place, *value)).collect()
    };
    let (a, c) = (own(active, true), own(candidate, true));
    differ(found, Kind::Storage, &a, &c, || key_apart(&a, &c, |(_, slot)| format!("slot {slot:#x}")));
    let (a, c) = (own(active, false), own(candidate, false));
    if a == c {
        let (a, c) = (&active.accounts, &candidate.accounts);
        differ(found, Kind::Accounts, a, c, || key_apart(a, c, |address| format!("account {address}")));
    } else {
        found.push((Kind::Accounts, key_apart(&a, &c, |(address, slot)| format!("slot {slot:#x} of {address}"))));
    }
    let (a, c) = (&active.logs, &candidate.logs);
    differ(found, Kind::Events, a, c, || {
        first_apart("log", a, c, |log| format!("{} with {} topics, {} bytes", log.address, log.topics().len(), log.data.data.len()))
    });
}

fn differ<T: PartialEq>(found: &mut Vec<(Kind, String)>, kind: Kind, a: &T, c: &T, detail: impl FnOnce() -> String) {
    if a != c {
        found.push((kind, detail()));
    }
}

fn result_name(result: &EngineResult) -> String {
    match result {
        EngineResult::Return(_) => "returned".to_owned(),
        EngineResult::More(_) => "wants another step".to_owned(),
        EngineResult::Revert(_) => "reverted".to_owned(),
        EngineResult::Fault(fault) => format!("faulted ({fault})"),
    }
}

fn bytes_apart(a: &[u8], c: &[u8]) -> String {
    let place = a.iter().zip(c).position(|(a, c)| a != c).unwrap_or(a.len().min(c.len()));
    format!("active {} bytes, candidate {} bytes, apart from byte {place} on", a.len(), c.len())
}

/// Where two lists part.
fn first_apart<T: PartialEq>(what: &str, a: &[T], c: &[T], words: impl Fn(&T) -> String) -> String {
    let place = a.iter().zip(c).position(|(a, c)| a != c).unwrap_or(a.len().min(c.len()));
    let say = |item: Option<&T>| item.map_or_else(|| "none".to_owned(), &words);
    format!("{what} {place}: active {}, candidate {}", say(a.get(place)), say(c.get(place)))
}

/// The first key at which two maps differ.
fn key_apart<K: Ord, V: PartialEq + Debug>(a: &BTreeMap<K, V>, c: &BTreeMap<K, V>, words: impl Fn(&K) -> String) -> String {
    let apart = a.keys().chain(c.keys()).filter(|key| a.get(key) != c.get(key)).min();
    let say = |value: Option<&V>| value.map_or_else(|| "unchanged".to_owned(), |value| format!("{value:?}"));
    apart.map_or_else(String::new, |key| {
        format!("{}: active {}, candidate {}", words(key), say(a.get(key)), say(c.get(key)))
    })
}

fn subcall(call: &SubcallRecord) -> String {
    let how = if call.is_static { "read" } else { "call" };
    let outcome = match &call.result {
        caldera_engine::SubcallResult::Return(data) => format!("return of {} bytes", data.len()),
        caldera_engine::SubcallResult::Revert(data) => format!("revert of {} bytes", data.len()),
        caldera_engine::SubcallResult::Halt(why) => format!("halt {why}"),
        caldera_engine::SubcallResult::TooDeep => "too deep".to_owned(),
        caldera_engine::SubcallResult::InsufficientBalance => "insufficient balance".to_owned(),
    };
    let selector = cut(&call.input, 4);
    format!("{how} of {} with {} wei, {} bytes from {selector}: {outcome}", call.to, call.value, call.input.len())
}
