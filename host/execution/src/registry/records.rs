//! What the registry stores, in its stored form (RLP) and in ours.

use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use caldera_types::{Digest, EngineLimits, Generation, Grants, Hooks, Mount, ProbationRule};

#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
struct LimitsRecord {
    memory_pages: u32,
    fuel_per_call: u64,
    value_bytes: u32,
    subcall_depth: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct MountRecord {
    digest: B256,
    grants: u8,
    limits: LimitsRecord,
    state_version: u32,
    generation: u32,
    begin_block: bool,
    end_block: bool,
    config: Bytes,
}

impl MountRecord {
    /// The mount at `address`.
    pub(super) fn into_mount(self, address: Address) -> Result<Mount, alloy_rlp::Error> {
        Ok(Mount {
            address,
            digest: Digest(self.digest),
            grants: grants(self.grants)?,
            limits: self.limits.into(),
            state_version: self.state_version,
            generation: self.generation,
            hooks: Hooks { begin_block: self.begin_block, end_block: self.end_block },
            config: self.config,
        })
    }
}

impl From<&Mount> for MountRecord {
    fn from(mount: &Mount) -> Self {
        Self {
            digest: mount.digest.0,
            grants: mount.grants.bits(),
            limits: mount.limits.into(),
            state_version: mount.state_version,
            generation: mount.generation,
            begin_block: mount.hooks.begin_block,
            end_block: mount.hooks.end_block,
            config: mount.config.clone(),
        }
    }
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

impl Staged {
    /// The generation that it makes with a configuration.
    pub fn generation(&self, config: Bytes) -> Generation {
        Generation {
            digest: self.digest,
            grants: self.grants,
            limits: self.limits,
            state_version: self.state_version,
            hooks: self.hooks,
            config,
        }
    }
}

#[derive(RlpEncodable, RlpDecodable)]
pub(super) struct StagedRecord {
    grants: u8,
    limits: LimitsRecord,
    name: String,
    version: String,
    state_version: u32,
    begin_block: bool,
    end_block: bool,
    staged_at: u64,
}

impl StagedRecord {
    /// The component with this digest.
    pub(super) fn into_staged(self, digest: Digest) -> Result<Staged, alloy_rlp::Error> {
        Ok(Staged {
            digest,
            grants: grants(self.grants)?,
            limits: self.limits.into(),
            name: self.name,
            version: self.version,
            state_version: self.state_version,
            hooks: Hooks { begin_block: self.begin_block, end_block: self.end_block },
            staged_at: self.staged_at,
        })
    }
}

impl From<&Staged> for StagedRecord {
    fn from(staged: &Staged) -> Self {
        Self {
            grants: staged.grants.bits(),
            limits: staged.limits.into(),
            name: staged.name.clone(),
            version: staged.version.clone(),
            state_version: staged.state_version,
            begin_block: staged.hooks.begin_block,
            end_block: staged.hooks.end_block,
            staged_at: staged.staged_at,
        }
    }
}

fn grants(bits: u8) -> Result<Grants, alloy_rlp::Error> {
    Grants::from_bits(bits).ok_or(alloy_rlp::Error::Custom("a grant bit that stands for no interface"))
}

/// A staged component that goes live at a height.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Armed {
    /// Where.
    pub mount: Address,
    /// What goes live.
    pub digest: Digest,
    /// When: before the first transaction of this block.
    pub height: u64,
    /// For the `init` of a new mount; for another, a new configuration unless empty.
    pub config: Bytes,
    /// The probation that follows.
    pub probation: ProbationRule,
}

/// Old values kept by one migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Kept {
    /// Of which mount.
    pub(crate) mount: Address,
    /// Height at which the migration began.
    pub(crate) since: u64,
    /// How many there are.
    pub(crate) left: u64,
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
