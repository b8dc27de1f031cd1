//! Where a mount is on the road from one component to the next, as the chain's registry has it.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use caldera_chain::RegistryView;
use serde::{Deserialize, Serialize};

/// What a mount is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Phase {
    /// One component runs, and nothing is under way.
    #[default]
    Active,
    /// The state is being migrated, over as many blocks as it takes; writes revert meanwhile.
    Migrating {
        /// Steps done, by the engine's own count.
        done: u64,
        /// Steps in all, by the engine's own count; 0 when it does not say.
        total: u64,
    },
    /// A component runs that the chain takes back when it faults too often.
    Probation {
        /// Calls in the window.
        calls: u64,
        /// Those that ended in a fault that counts.
        faults: u64,
        /// The block in which it is final.
        until: u64,
    },
    /// The state is being migrated back.
    Reverting {
        /// Steps done, by the engine's own count.
        done: u64,
        /// Steps in all, by the engine's own count; 0 when it does not say.
        total: u64,
    },
    /// Calls revert until the governor arms something.
    Frozen {
        /// Why.
        why: String,
    },
}

impl Phase {
    /// Every name, in the order of the road.
    pub const NAMES: [&str; 5] = ["active", "migrating", "probation", "reverting", "frozen"];

    /// Its name, as in JSON and in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => Self::NAMES[0],
            Self::Migrating { .. } => Self::NAMES[1],
            Self::Probation { .. } => Self::NAMES[2],
            Self::Reverting { .. } => Self::NAMES[3],
            Self::Frozen { .. } => Self::NAMES[4],
        }
    }
}

/// The phase of every mount, by address.
pub(crate) fn phases(registry: &RegistryView) -> BTreeMap<Address, Phase> {
    registry.mounts.iter().map(|mount| (mount.address, Phase::Active)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_in_json() {
        let phases = [
            Phase::Active,
            Phase::Migrating { done: 1, total: 2 },
            Phase::Probation { calls: 1, faults: 0, until: 9 },
            Phase::Reverting { done: 1, total: 2 },
            Phase::Frozen { why: "x".into() },
        ];
        for (phase, name) in phases.into_iter().zip(Phase::NAMES) {
            assert_eq!(phase.name(), name);
            assert_eq!(serde_json::to_value(&phase).unwrap()["name"], name);
        }
    }
}
