//! What the registry stores: RLP records under readable keys, in the same layout as an engine's own storage.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use caldera_engine::HostError;
use caldera_state::{StateError, StateView};
use caldera_types::{Digest, EngineLimits, Grants, Hooks, Mount};

use super::{ADDRESS, abi::IEngineRegistry as abi};
use crate::{
    bytes_map::{self, SlotAccess},
    error::ExecutionError,
    slots::Slots,
};

pub(crate) const GOVERNOR: &[u8] = b"governor";
const MOUNTS: &[u8] = b"mounts";
const ARMED: &[u8] = b"armed";
const STAGED: &[u8] = b"staged";

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

#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct LimitsRecord {
    memory_pages: u32,
    fuel_per_call: u64,
    value_bytes: u32,
    subcall_depth: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct MountRecord {
    digest: B256,
    grants: u8,
    limits: LimitsRecord,
    state_version: u32,
    generation: u32,
    begin_block: bool,
    end_block: bool,
    config: Bytes,
}

/// A staged component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Its identity.
    pub digest: Digest,
    /// What it may import.
    pub grants: Grants,
    /// What it may use.
    pub limits: EngineLimits,
    /// The name it claims.
    pub name: String,
    /// The version it claims.
    pub version: String,
    /// Layout of its state.
    pub state_version: u32,
    /// Which block hooks it asks for.
    pub hooks: Hooks,
    /// Height at which it was staged.
    pub staged_at: u64,
}

#[derive(RlpEncodable, RlpDecodable)]
struct StagedRecord {
    grants: u8,
    limits: LimitsRecord,
    name: String,
    version: String,
    state_version: u32,
    begin_block: bool,
    end_block: bool,
    staged_at: u64,
}

/// A staged component that goes live at a height.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Armed {
    /// Where.
    pub mount: Address,
    digest: B256,
    /// When: before the first transaction of this block.
    pub height: u64,
    /// For the `init` of a new mount.
    pub config: Bytes,
}

impl Armed {
    pub(crate) fn new(mount: Address, digest: Digest, height: u64, config: Bytes) -> Self {
        Self { mount, digest: digest.0, height, config }
    }

    /// What goes live.
    pub fn digest(&self) -> Digest {
        Digest(self.digest)
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

pub(crate) fn governor<E: Entries>(entries: &mut E) -> Result<Address, E::Error> {
    Ok(read(entries, GOVERNOR)?.unwrap_or_default())
}

pub(crate) fn mount_addresses<E: Entries>(entries: &mut E) -> Result<Vec<Address>, E::Error> {
    Ok(read(entries, MOUNTS)?.unwrap_or_default())
}

pub(crate) fn mount<E: Entries>(entries: &mut E, address: Address) -> Result<Option<Mount>, E::Error> {
    let key = mount_key(address);
    let Some(record) = read::<MountRecord, E>(entries, &key)? else { return Ok(None) };
    let grants =
        Grants::from_bits(record.grants).ok_or_else(|| E::damaged(&key, alloy_rlp::Error::Custom("grants")))?;
    Ok(Some(Mount {
        address,
        digest: Digest(record.digest),
        grants,
        limits: record.limits.into(),
        state_version: record.state_version,
        generation: record.generation,
        hooks: Hooks { begin_block: record.begin_block, end_block: record.end_block },
        config: record.config,
    }))
}

pub(crate) fn staged<E: Entries>(entries: &mut E, digest: Digest) -> Result<Option<Staged>, E::Error> {
    let key = staged_key(digest);
    let Some(record) = read::<StagedRecord, E>(entries, &key)? else { return Ok(None) };
    let grants =
        Grants::from_bits(record.grants).ok_or_else(|| E::damaged(&key, alloy_rlp::Error::Custom("grants")))?;
    Ok(Some(Staged {
        digest,
        grants,
        limits: record.limits.into(),
        name: record.name,
        version: record.version,
        state_version: record.state_version,
        hooks: Hooks { begin_block: record.begin_block, end_block: record.end_block },
        staged_at: record.staged_at,
    }))
}

pub(crate) fn staged_digests<E: Entries>(entries: &mut E) -> Result<Vec<Digest>, E::Error> {
    Ok(read::<Vec<B256>, E>(entries, STAGED)?.unwrap_or_default().into_iter().map(Digest).collect())
}

pub(crate) fn armed<E: Entries>(entries: &mut E) -> Result<Vec<Armed>, E::Error> {
    Ok(read(entries, ARMED)?.unwrap_or_default())
}

pub(crate) fn put_governor(slots: &mut Slots<'_, '_>, governor: Address) -> Result<(), HostError> {
    bytes_map::set(GOVERNOR, &alloy_rlp::encode(governor), slots)
}

/// Writes a mount and adds it to the list, which is kept in order of address.
pub(crate) fn put_mount(slots: &mut Slots<'_, '_>, mount: &Mount) -> Result<(), HostError> {
    let record = MountRecord {
        digest: mount.digest.0,
        grants: mount.grants.bits(),
        limits: mount.limits.into(),
        state_version: mount.state_version,
        generation: mount.generation,
        begin_block: mount.hooks.begin_block,
        end_block: mount.hooks.end_block,
        config: mount.config.clone(),
    };
    bytes_map::set(&mount_key(mount.address), &alloy_rlp::encode(record), slots)?;
    let mut addresses = mount_addresses(slots)?;
    if let Err(place) = addresses.binary_search(&mount.address) {
        addresses.insert(place, mount.address);
        bytes_map::set(MOUNTS, &alloy_rlp::encode(addresses), slots)?;
    }
    Ok(())
}

/// Writes a staged component and adds its digest to the list.
pub(crate) fn put_staged(slots: &mut Slots<'_, '_>, staged: &Staged) -> Result<(), HostError> {
    let record = StagedRecord {
        grants: staged.grants.bits(),
        limits: staged.limits.into(),
        name: staged.name.clone(),
        version: staged.version.clone(),
        state_version: staged.state_version,
        begin_block: staged.hooks.begin_block,
        end_block: staged.hooks.end_block,
        staged_at: staged.staged_at,
    };
    bytes_map::set(&staged_key(staged.digest), &alloy_rlp::encode(record), slots)?;
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

impl From<LimitsRecord> for EngineLimits {
    fn from(record: LimitsRecord) -> Self {
        Self {
            memory_pages: record.memory_pages,
            fuel_per_call: record.fuel_per_call,
            value_bytes: record.value_bytes,
            subcall_depth: record.subcall_depth,
        }
    }
}

impl From<EngineLimits> for LimitsRecord {
    fn from(limits: EngineLimits) -> Self {
        Self {
            memory_pages: limits.memory_pages,
            fuel_per_call: limits.fuel_per_call,
            value_bytes: limits.value_bytes,
            subcall_depth: limits.subcall_depth,
        }
    }
}

impl From<abi::Limits> for EngineLimits {
    fn from(limits: abi::Limits) -> Self {
        Self {
            memory_pages: limits.memoryPages,
            fuel_per_call: limits.fuelPerCall,
            value_bytes: limits.valueBytes,
            subcall_depth: limits.subcallDepth,
        }
    }
}

impl From<EngineLimits> for abi::Limits {
    fn from(limits: EngineLimits) -> Self {
        Self {
            memoryPages: limits.memory_pages,
            fuelPerCall: limits.fuel_per_call,
            valueBytes: limits.value_bytes,
            subcallDepth: limits.subcall_depth,
        }
    }
}

impl From<&Mount> for abi::MountInfo {
    fn from(mount: &Mount) -> Self {
        Self {
            mount: mount.address,
            digest: mount.digest.0,
            grants: mount.grants.bits(),
            limits: mount.limits.into(),
            stateVersion: mount.state_version,
            generation: mount.generation,
            beginBlock: mount.hooks.begin_block,
            endBlock: mount.hooks.end_block,
            config: mount.config.clone(),
        }
    }
}

impl From<Staged> for abi::StagedInfo {
    fn from(staged: Staged) -> Self {
        Self {
            digest: staged.digest.0,
            grants: staged.grants.bits(),
            limits: staged.limits.into(),
            name: staged.name,
            version: staged.version,
            stateVersion: staged.state_version,
            beginBlock: staged.hooks.begin_block,
            endBlock: staged.hooks.end_block,
            stagedAt: staged.staged_at,
        }
    }
}

impl From<Armed> for abi::ArmedInfo {
    fn from(armed: Armed) -> Self {
        Self { mount: armed.mount, digest: armed.digest, height: armed.height, config: armed.config }
    }
}
