//! A mount: an engine at an address, with what it may import and use.

use alloy_primitives::{Address, Bytes};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use crate::{component::Digest, limits};

/// An interface that a mount can be granted. `types` holds no functions and needs no grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interface {
    /// The engine's own storage.
    State,
    /// Calls, logs and balances.
    Evm,
    /// Hashes and signatures.
    Crypto,
    /// Local diagnostics.
    Log,
    /// BLS signatures of committees.
    Bls,
    /// Proofs in Merkle Patricia tries.
    Mpt,
}

impl Interface {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 6] = [Self::State, Self::Evm, Self::Crypto, Self::Log, Self::Bls, Self::Mpt];

    /// Its name in WIT.
    pub const fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Evm => "evm",
            Self::Crypto => "crypto",
            Self::Log => "log",
            Self::Bls => "bls",
            Self::Mpt => "mpt",
        }
    }

    /// The WIT package that it is in, without a version.
    pub const fn package(self) -> &'static str {
        match self {
            Self::State | Self::Evm | Self::Crypto | Self::Log => "caldera:engine",
            Self::Bls | Self::Mpt => "caldera:verify",
        }
    }
}

impl FromStr for Interface {
    type Err = UnknownInterface;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|i| i.name() == name).ok_or_else(|| UnknownInterface(name.to_owned()))
    }
}

/// A grant for something that is no interface.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is no interface; the interfaces are state, evm, crypto, log, bls and mpt")]
pub struct UnknownInterface(String);

/// A set of interfaces that a mount may import. Empty denies everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Grants(u8);

impl Grants {
    /// Everything.
    pub const ALL: Self = Self(0b11_1111);
    /// What `caldera:engine` has: all that an engine needs which believes no other chain.
    pub const ENGINE: Self = Self(0b1111);
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// The bits as stored on chain: bit n is the n-th of [`Interface::ALL`].
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set with these bits, or none when a bit stands for no interface.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }

    /// Whether `interface` is granted.
    pub const fn allows(self, interface: Interface) -> bool {
        self.0 & (1 << interface as u8) != 0
    }
}

impl FromIterator<Interface> for Grants {
    fn from_iter<I: IntoIterator<Item = Interface>>(interfaces: I) -> Self {
        Self(interfaces.into_iter().fold(0, |bits, interface| bits | 1 << interface as u8))
    }
}

impl Encodable for Grants {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.0.encode(out);
    }

    fn length(&self) -> usize {
        self.0.length()
    }
}

impl Decodable for Grants {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        Self::from_bits(u8::decode(buf)?).ok_or(alloy_rlp::Error::Custom("a grant bit that stands for no interface"))
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Interface::ALL.into_iter().filter(|i| self.allows(*i)).map(Interface::name).collect();
        f.write_str(if names.is_empty() { "none".to_owned() } else { names.join(" ") }.as_str())
    }
}

/// What one call of an engine may use. Values over the limits of [`crate::limits`] are refused when staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EngineLimits {
    /// Linear memory, in 64 KiB pages.
    pub memory_pages: u32,
    /// Fuel of one call, whatever gas it is given.
    pub fuel_per_call: u64,
    /// Longest stored value, in bytes.
    pub value_bytes: u32,
    /// How deep its calls may nest.
    pub subcall_depth: u8,
}

impl EngineLimits {
    /// What suits an engine that keeps books: 4 MiB of memory and all the gas of its transaction.
    pub const fn recommended() -> Self {
        Self {
            memory_pages: 64,
            fuel_per_call: crate::metering::fuel_of(limits::ACTIVATION_GAS),
            value_bytes: limits::MAX_VALUE_BYTES as u32,
            subcall_depth: limits::MAX_SUBCALL_DEPTH,
        }
    }

    /// The first limit that is over what the chain allows, by name.
    pub fn excess(&self) -> Option<&'static str> {
        if self.memory_pages > limits::MAX_MEMORY_PAGES {
            Some("memory-pages")
        } else if self.value_bytes as usize > limits::MAX_VALUE_BYTES {
            Some("value-bytes")
        } else if self.subcall_depth > limits::MAX_SUBCALL_DEPTH {
            Some("subcall-depth")
        } else {
            None
        }
    }
}

/// Which block hooks an engine asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "kebab-case")]
pub struct Hooks {
    /// `begin-block` is called.
    pub begin_block: bool,
    /// `end-block` is called.
    pub end_block: bool,
}

/// An engine at an address, as the registry holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// Where it is called.
    pub address: Address,
    /// Which component runs.
    pub digest: Digest,
    /// What it may import.
    #[serde(with = "grant_names")]
    pub grants: Grants,
    /// What it may use.
    pub limits: EngineLimits,
    /// Layout of its stored state.
    pub state_version: u32,
    /// How often the pointer has moved; 1 after the first activation.
    pub generation: u32,
    /// Which block hooks run.
    pub hooks: Hooks,
    /// What `init` was given.
    pub config: Bytes,
}

/// Grants as a list of names in JSON and TOML.
pub mod grant_names {
    use super::{Grants, Interface};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the names.
    pub fn serialize<S: Serializer>(grants: &Grants, serializer: S) -> Result<S::Ok, S::Error> {
        Interface::ALL.into_iter().filter(|i| grants.allows(*i)).collect::<Vec<_>>().serialize(serializer)
    }

    /// Reads the names.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Grants, D::Error> {
        Ok(Vec::<Interface>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_grant_list_denies_everything() {
        let none: Grants = [].into_iter().collect();
        assert!(Interface::ALL.into_iter().all(|interface| !none.allows(interface)));
        assert_eq!(none.to_string(), "none");
    }

    #[test]
    fn bits_are_closed() {
        for bits in 0..=u8::MAX {
            assert_eq!(Grants::from_bits(bits).is_some(), bits <= 0b11_1111);
        }
        assert_eq!(Grants::ALL, Interface::ALL.into_iter().collect());
        let engine = Interface::ALL.into_iter().filter(|interface| interface.package() == "caldera:engine");
        assert_eq!(Grants::ENGINE, engine.collect());
    }
}
