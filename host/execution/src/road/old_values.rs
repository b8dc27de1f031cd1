//! What a migration over several blocks overwrote, kept until it has succeeded or is undone.
//!
//! Reads of the mount meanwhile find these values first, so they see the state as it was when the migration began. They
//! lie in the registry's own storage, under the state root like everything else: for the n-th entry its key, and for
//! each key its old value, both under the mount and the height at which the migration began.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use caldera_engine::HostError;
use caldera_types::limits::ACTIVATION_GAS;
use revm::context_interface::{ContextTr, JournalTr};

use super::{Turn, as_system, metered};
use crate::{bytes_map, error::ExecutionError, evm::Ctx, registry, registry::entries, slots::Slots};

/// Stands before an old value; alone it says that there was none.
const PRESENT: u8 = 1;
const ABSENT: u8 = 0;

/// What the running step overwrote first, by key.
#[derive(Clone, Debug)]
pub(crate) struct OldValues {
    pub(crate) mount: Address,
    pub(crate) since: u64,
    kept_before: u64,
    values: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl OldValues {
    /// For a step of a migration that kept so many values already.
    pub(super) fn new(mount: Address, since: u64, kept_before: u64) -> Self {
        Self { mount, since, kept_before, values: BTreeMap::new() }
    }
}

/// Remembers what an entry held before the running migration first wrote to it. Free: each is paid for by a write.
pub(crate) fn remember(ctx: &mut Ctx<'_>, key: &[u8]) -> Result<(), HostError> {
    let Some(running) = &ctx.chain.old_values else { return Ok(()) };
    let (mount, since) = (running.mount, running.since);
    if running.values.contains_key(key) || kept(ctx, mount, since, key)?.is_some() {
        return Ok(());
    }
    let old = entry(ctx, mount, key)?;
    if let Some(running) = &mut ctx.chain.old_values {
        running.values.insert(key.to_vec(), old);
    }
    Ok(())
}

/// An entry of a mount as it was when the migration that began at `since` began.
pub(crate) fn read_old(
    ctx: &mut Ctx<'_>,
    mount: Address,
    since: u64,
    key: &[u8],
) -> Result<Option<Option<Vec<u8>>>, HostError> {
    if let Some(running) = &ctx.chain.old_values
        && running.mount == mount
        && let Some(old) = running.values.get(key)
    {
        return Ok(Some(old.clone()));
    }
    kept(ctx, mount, since, key)
}

/// Writes what the step overwrote behind what is kept; gives how many there are now.
pub(super) fn keep(ctx: &mut Ctx<'_>, running: OldValues) -> Result<u64, ExecutionError> {
    let OldValues { mount, since, kept_before, values } = running;
    let mut count = kept_before;
    as_system(ctx, |slots| {
        for (key, old) in values {
            let value = match old {
                Some(old) => [&[PRESENT], old.as_slice()].concat(),
                None => vec![ABSENT],
            };
            bytes_map::set(&value_key(mount, since, &key), &value, slots)?;
            bytes_map::set(&place_key(mount, since, count), &key, slots)?;
            count += 1;
        }
        Ok(())
    })?;
    Ok(count)
}

/// Puts the `place`-th kept value back; gives the gas that this would cost.
pub(super) fn restore(ctx: &mut Ctx<'_>, mount: Address, since: u64, place: u64) -> Result<u64, ExecutionError> {
    let (dropped, gas) = metered(ctx, registry::ADDRESS, |slots| drop_one(slots, mount, since, place))?;
    let Some((key, old)) = dropped else { return Ok(gas) };
    let ((), written) = metered(ctx, mount, |slots| bytes_map::set(&key, &old.unwrap_or_default(), slots))?;
    Ok(gas + written)
}

/// Drops values that nobody needs any more, within a block's share of gas.
pub(super) fn sweep(ctx: &mut Ctx<'_>, turn: &mut Turn) -> Result<(), ExecutionError> {
    let mut garbage = as_system(ctx, |slots| entries::garbage(slots))?;
    if garbage.is_empty() {
        return Ok(());
    }
    turn.heavy = true;
    let mut gas = 0;
    while let Some(kept) = garbage.last_mut()
        && gas < ACTIVATION_GAS
    {
        match kept.left.checked_sub(1) {
            Some(place) => {
                kept.left = place;
                let (mount, since) = (kept.mount, kept.since);
                gas += metered(ctx, registry::ADDRESS, |slots| drop_one(slots, mount, since, place))?.1;
            }
            None => drop(garbage.pop()),
        }
    }
    turn.gas_used += gas;
    as_system(ctx, |slots| entries::put_garbage(slots, &garbage))
}

type Entry = (Vec<u8>, Option<Vec<u8>>);

/// Removes the `place`-th kept value and gives it back with its key.
fn drop_one(slots: &mut Slots<'_, '_>, mount: Address, since: u64, place: u64) -> Result<Option<Entry>, HostError> {
    let at = place_key(mount, since, place);
    let Some(key) = load(slots, &at)? else { return Ok(None) };
    let of = value_key(mount, since, &key);
    let old = load(slots, &of)?.and_then(decode);
    bytes_map::set(&at, &[], slots)?;
    bytes_map::set(&of, &[], slots)?;
    Ok(old.map(|old| (key, old)))
}

/// What is kept under a key, if anything is.
fn kept(ctx: &mut Ctx<'_>, mount: Address, since: u64, key: &[u8]) -> Result<Option<Option<Vec<u8>>>, HostError> {
    Ok(entry(ctx, registry::ADDRESS, &value_key(mount, since, key))?.and_then(decode))
}

fn decode(bytes: Vec<u8>) -> Option<Option<Vec<u8>>> {
    let (kind, value) = bytes.split_first()?;
    Some((*kind == PRESENT).then(|| value.to_vec()))
}

/// Reads an entry without a charge.
fn entry(ctx: &mut Ctx<'_>, account: Address, key: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
    ctx.journal_mut().load_account(account).map_err(crate::slots::fatal)?;
    let (mut gas, mut refund) = (caldera_engine::GasMeter::new(u64::MAX), 0);
    load(&mut Slots { ctx, account, gas: &mut gas, refund: &mut refund }, key)
}

fn load(slots: &mut Slots<'_, '_>, key: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
    bytes_map::get(key, |slot| bytes_map::SlotAccess::load(slots, slot))
}

fn prefix(mount: Address, since: u64) -> Vec<u8> {
    [b"old/".as_slice(), mount.as_slice(), &since.to_be_bytes()].concat()
}

fn value_key(mount: Address, since: u64, key: &[u8]) -> Vec<u8> {
    [prefix(mount, since).as_slice(), b"/value/", key].concat()
}

fn place_key(mount: Address, since: u64, place: u64) -> Vec<u8> {
    [prefix(mount, since).as_slice(), b"/place/", &place.to_be_bytes()].concat()
}
