//! The registry's words in its Solidity interface.

use caldera_types::{EngineLimits, Mount};

use super::{
    abi::IEngineRegistry as abi,
    records::{Armed, Staged},
};

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
        Self { mount: armed.mount, digest: armed.digest().0, height: armed.height, config: armed.config }
    }
}
