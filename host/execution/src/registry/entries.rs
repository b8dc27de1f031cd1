//! Reading and writing the registry's entries: RLP records under readable keys, in the same layout as an engine's own
//! storage.

use alloy_primitives::{Address, B256, U256};
use alloy_rlp::Decodable;
use caldera_engine::HostError;
use caldera_state::{StateError, StateView};
use caldera_types::{Digest, LastSwap, Mount, Phase, Swap};

use super::{
    ADDRESS,
    records::{Armed, Kept, MountRecord, Staged, StagedRecord},
};
use crate::{
    bytes_map::{self, SlotAccess},
    error::ExecutionError,
    slots::Slots,
};

pub(crate) const GOVERNOR: &[u8] = b"governor";
/// There only on a development chain, from its genesis on.
pub(crate) const DEVELOPMENT: &[u8] = b"development";
const MOUNTS: &[u8] = b"mounts";
const ARMED: &[u8] = b"armed";
const STAGED: &[u8] = b"staged";
const SWAPS: &[u8] = b"swaps";
const GARBAGE: &[u8] = b"garbage";

/// Something that reads the registry's entries.
pub(crate) trait Entries {
    type Error;
    fn entry(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;
    fn damaged(key: &[u8], why: alloy_rlp::Error) -> Self::Error;
}

/// On a view of the state: free, for the block's own set-up and for the API.
impl Entries for &dyn StateView {
    type Error = ExecutionError;

    fn entry(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, ExecutionError> {
        let slots = |slot: U256| -> Result<U256, StateError> { self.storage(ADDRESS, slot) };
        Ok(bytes_map::get(key, slots)?)
    }

    fn damaged(key: &[u8], why: alloy_rlp::Error) -> ExecutionError {
        ExecutionError::Registry { key: String::from_utf8_lossy(key).into_owned(), why: why.to_string() }
    }
}

/// On the journal: charged like any contract's storage.
impl Entries for Slots<'_, '_> {
    type Error = HostError;

    fn entry(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        bytes_map::get(key, |slot| self.load(slot))
    }

    fn damaged(key: &[u8], why: alloy_rlp::Error) -> HostError {
        HostError::Fatal(format!("registry record '{}' is damaged: {why}", String::from_utf8_lossy(key)))
    }
}

fn decode<T: Decodable, E: Entries>(key: &[u8], bytes: &[u8]) -> Result<T, E::Error> {
    alloy_rlp::decode_exact(bytes).map_err(|why| E::damaged(key, why))
}

fn read<T: Decodable, E: Entries>(entries: &mut E, key: &[u8]) -> Result<Option<T>, E::Error> {
    entries.entry(key)?.map(|bytes| decode::<T, E>(key, &bytes)).transpose()
}

fn mount_key(address: Address) -> Vec<u8> {
    [b"mount/".as_slice(), address.as_slice()].concat()
}

fn staged_key(digest: Digest) -> Vec<u8> {
    [b"staged/".as_slice(), digest.0.as_slice()].concat()
}

fn last_key(mount: Address) -> Vec<u8> {
    [b"last/".as_slice(), mount.as_slice()].concat()
}

fn swap_key(mount: Address) -> Vec<u8> {
    [b"swap/".as_slice(), mount.as_slice()].concat()
}

pub(crate) fn governor<E: Entries>(entries: &mut E) -> Result<Address, E::Error> {
    Ok(read(entries, GOVERNOR)?.unwrap_or_default())
}

pub(crate) fn is_development<E: Entries>(entries: &mut E) -> Result<bool, E::Error> {
    Ok(read(entries, DEVELOPMENT)?.unwrap_or_default())
}

pub(crate) fn mount_addresses<E: Entries>(entries: &mut E) -> Result<Vec<Address>, E::Error> {
    Ok(read(entries, MOUNTS)?.unwrap_or_default())
}

pub(crate) fn mount<E: Entries>(entries: &mut E, address: Address) -> Result<Option<Mount>, E::Error> {
    let key = mount_key(address);
    let record: Option<MountRecord> = read(entries, &key)?;
    record.map(|record| record.into_mount(address).map_err(|why| E::damaged(&key, why))).transpose()
}

pub(crate) fn staged<E: Entries>(entries: &mut E, digest: Digest) -> Result<Option<Staged>, E::Error> {
    let key = staged_key(digest);
    let record: Option<StagedRecord> = read(entries, &key)?;
    record.map(|record| record.into_staged(digest).map_err(|why| E::damaged(&key, why))).transpose()
}

pub(crate) fn staged_digests<E: Entries>(entries: &mut E) -> Result<Vec<Digest>, E::Error> {
    Ok(read::<Vec<B256>, E>(entries, STAGED)?.unwrap_or_default().into_iter().map(Digest).collect())
}

pub(crate) fn armed<E: Entries>(entries: &mut E) -> Result<Vec<Armed>, E::Error> {
    Ok(read(entries, ARMED)?.unwrap_or_default())
}

/// Every mount that is not simply active, by address.
pub(crate) fn swaps<E: Entries>(entries: &mut E) -> Result<Vec<Swap>, E::Error> {
    let mounts: Vec<Address> = read(entries, SWAPS)?.unwrap_or_default();
    let mut swaps = Vec::with_capacity(mounts.len());
    for mount in mounts {
        swaps.extend(phase(entries, mount)?.map(|phase| Swap { mount, phase }));
    }
    Ok(swaps)
}

/// Where one mount stands, unless it is simply active.
pub(crate) fn phase<E: Entries>(entries: &mut E, mount: Address) -> Result<Option<Phase>, E::Error> {
    read(entries, &swap_key(mount))
}

/// How the last swap of a mount ended, if one has.
pub(crate) fn last_swap<E: Entries>(entries: &mut E, mount: Address) -> Result<Option<LastSwap>, E::Error> {
    read(entries, &last_key(mount))
}

pub(crate) fn put_last_swap(slots: &mut Slots<'_, '_>, mount: Address, last: &LastSwap) -> Result<(), HostError> {
    bytes_map::set(&last_key(mount), &alloy_rlp::encode(last), slots)
}

/// Old values that nobody needs any more.
pub(crate) fn garbage<E: Entries>(entries: &mut E) -> Result<Vec<Kept>, E::Error> {
    Ok(read(entries, GARBAGE)?.unwrap_or_default())
}

pub(crate) fn put_garbage(slots: &mut Slots<'_, '_>, garbage: &[Kept]) -> Result<(), HostError> {
    let bytes = if garbage.is_empty() { Vec::new() } else { alloy_rlp::encode(garbage.to_vec()) };
    bytes_map::set(GARBAGE, &bytes, slots)
}

/// Writes where a mount stands; none makes it simply active.
pub(crate) fn put_phase(slots: &mut Slots<'_, '_>, mount: Address, phase: Option<&Phase>) -> Result<(), HostError> {
    bytes_map::set(&swap_key(mount), &phase.map(alloy_rlp::encode).unwrap_or_default(), slots)?;
    let mut mounts: Vec<Address> = read(slots, SWAPS)?.unwrap_or_default();
    match (mounts.binary_search(&mount), phase) {
        (Err(place), Some(_)) => mounts.insert(place, mount),
        (Ok(place), None) => drop(mounts.remove(place)),
        (Ok(_), Some(_)) | (Err(_), None) => return Ok(()),
    }
    let bytes = if mounts.is_empty() { Vec::new() } else { alloy_rlp::encode(mounts) };
    bytes_map::set(SWAPS, &bytes, slots)
}

pub(crate) fn put_governor(slots: &mut Slots<'_, '_>, governor: Address) -> Result<(), HostError> {
    bytes_map::set(GOVERNOR, &alloy_rlp::encode(governor), slots)
}

/// Writes a mount and adds it to the list, which is kept in order of address.
pub(crate) fn put_mount(slots: &mut Slots<'_, '_>, mount: &Mount) -> Result<(), HostError> {
    bytes_map::set(&mount_key(mount.address), &alloy_rlp::encode(MountRecord::from(mount)), slots)?;
    let mut addresses = mount_addresses(slots)?;
    if let Err(place) = addresses.binary_search(&mount.address) {
        addresses.insert(place, mount.address);
        bytes_map::set(MOUNTS, &alloy_rlp::encode(addresses), slots)?;
    }
    Ok(())
}

/// Writes a staged component and adds its digest to the list.
pub(crate) fn put_staged(slots: &mut Slots<'_, '_>, staged: &Staged) -> Result<(), HostError> {
    bytes_map::set(&staged_key(staged.digest), &alloy_rlp::encode(StagedRecord::from(staged)), slots)?;
    let mut digests = staged_digests(slots)?;
    if !digests.contains(&staged.digest) {
        digests.push(staged.digest);
        let digests: Vec<B256> = digests.into_iter().map(|digest| digest.0).collect();
        bytes_map::set(STAGED, &alloy_rlp::encode(digests), slots)?;
    }
    Ok(())
}

/// Writes what is armed, by mount.
pub(crate) fn put_armed(slots: &mut Slots<'_, '_>, armed: &[Armed]) -> Result<(), HostError> {
    let bytes = if armed.is_empty() { Vec::new() } else { alloy_rlp::encode(armed.to_vec()) };
    bytes_map::set(ARMED, &bytes, slots)
}
