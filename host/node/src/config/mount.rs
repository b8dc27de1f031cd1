//! One engine of a chain's first block.

use std::path::PathBuf;

use alloy_primitives::{Address, Bytes};
use caldera_execution::GenesisMount;
use caldera_types::{EngineLimits, Grants, mount::grant_names};
use serde::Deserialize;

use super::ConfigError;
use crate::component;

/// `[[chain.mount]]`: an engine at an address from block 0. Later ones come by `caldera engine stage` and `arm`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MountConfig {
    /// Where it is called; 0x1000 or above, because lower ones are kept for the EVM's own.
    pub address: Address,
    /// File of the component.
    pub component: PathBuf,
    /// Interfaces that it may import: state, evm, crypto, log. An empty list denies everything.
    #[serde(with = "grant_names")]
    pub grants: Grants,
    /// What one call may use. What is not set is as recommended.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// What its `init` is given, in hexadecimal digits; each engine says what it expects.
    #[serde(default)]
    pub config: Bytes,
}

/// `limits` of a mount.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitsConfig {
    /// Linear memory, in 64 KiB pages.
    pub memory_pages: Option<u32>,
    /// Fuel of one call, whatever gas it is given.
    pub fuel_per_call: Option<u64>,
    /// Longest stored value, in bytes.
    pub value_bytes: Option<u32>,
    /// How deep its calls may nest.
    pub subcall_depth: Option<u8>,
}

impl LimitsConfig {
    /// The limits, as recommended where nothing is set.
    pub fn limits(&self) -> EngineLimits {
        let recommended = EngineLimits::recommended();
        EngineLimits {
            memory_pages: self.memory_pages.unwrap_or(recommended.memory_pages),
            fuel_per_call: self.fuel_per_call.unwrap_or(recommended.fuel_per_call),
            value_bytes: self.value_bytes.unwrap_or(recommended.value_bytes),
            subcall_depth: self.subcall_depth.unwrap_or(recommended.subcall_depth),
        }
    }
}

impl MountConfig {
    /// Reads the component.
    pub(super) fn genesis(&self) -> Result<GenesisMount, ConfigError> {
        Ok(GenesisMount {
            address: self.address,
            component: component::read(&self.component)?,
            grants: self.grants,
            limits: self.limits.limits(),
            config: self.config.clone(),
        })
    }
}
