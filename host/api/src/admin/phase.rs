//! Where a mount is on the road from one generation to the next, in the words of the registry's records but without what
//! only the chain needs.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use caldera_chain::RegistryView;
use caldera_types::{Digest, Phase as Record};
use serde::{Deserialize, Serialize};

/// What a mount is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Phase {
    /// One generation runs, and nothing is under way.
    #[default]
    Active,
    /// The state is on its way to another layout, over as many blocks as it takes; writes revert meanwhile.
    Migrating {
        /// What goes live when it is done.
        target: Digest,
        /// Since which block.
        since: u64,
        /// How far the engine says it is.
        done: u64,
        /// Out of how much; 0 when it does not say.
        total: u64,
    },
    /// A migration failed, and what it wrote is being undone.
    RollingBack {
        /// What was to go live.
        target: Digest,
        /// Since which block the migration ran.
        since: u64,
        /// Entries still to be restored.
        left: u64,
    },
    /// The new generation runs on trial.
    Probation {
        /// What comes back when the rule trips.
        previous: Digest,
        /// Since which block.
        since: u64,
        /// First block after it.
        until: u64,
        /// Calls in the window.
        calls: u64,
        /// Those of them that ended in a fault that counts.
        faults: u64,
        /// Calls that the rule needs.
        min_calls: u64,
        /// Faults per thousand calls from which on it trips.
        faults_per_thousand: u64,
    },
    /// No generation fits the state: calls revert until the governor activates one that does.
    Frozen {
        /// Since which block.
        since: u64,
        /// Why.
        reason: String,
    },
}

impl Phase {
    /// Every name, in the order of the road.
    pub const NAMES: [&str; 5] = ["active", "migrating", "rolling-back", "probation", "frozen"];

    /// Its name, as in JSON, in the registry and in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => Self::NAMES[0],
            Self::Migrating { .. } => Self::NAMES[1],
            Self::RollingBack { .. } => Self::NAMES[2],
            Self::Probation { .. } => Self::NAMES[3],
            Self::Frozen { .. } => Self::NAMES[4],
        }
    }
}

impl From<&Record> for Phase {
    fn from(record: &Record) -> Self {
        match record {
            Record::Migrating(migration) => Self::Migrating {
                target: migration.target.digest,
                since: migration.since,
                done: migration.done,
                total: migration.total,
            },
            Record::RollingBack(back) => Self::RollingBack { target: back.digest, since: back.since, left: back.left },
            Record::Probation(probation) => Self::Probation {
                previous: probation.previous.digest,
                since: probation.since,
                until: probation.until,
                calls: probation.calls,
                faults: probation.faults,
                min_calls: probation.rule.min_calls,
                faults_per_thousand: probation.rule.faults_per_thousand,
            },
            Record::Frozen(freeze) => Self::Frozen { since: freeze.since, reason: freeze.reason.clone() },
        }
    }
}

/// The phase of every mount that is not simply active, by address.
pub(crate) fn phases(registry: &RegistryView) -> BTreeMap<Address, Phase> {
    registry.swaps.iter().map(|swap| (swap.mount, Phase::from(&swap.phase))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_in_json() {
        let target = Digest::default();
        let phases = [
            Phase::Active,
            Phase::Migrating { target, since: 1, done: 1, total: 2 },
            Phase::RollingBack { target, since: 1, left: 2 },
            Phase::Probation {
                previous: target,
                since: 1,
                until: 9,
                calls: 1,
                faults: 0,
                min_calls: 1,
                faults_per_thousand: 1,
            },
            Phase::Frozen { since: 1, reason: "x".into() },
        ];
        for (phase, name) in phases.into_iter().zip(Phase::NAMES) {
            assert_eq!(phase.name(), name);
            let json = serde_json::to_value(&phase).unwrap();
            assert_eq!(json["name"], name);
            assert_eq!(serde_json::from_value::<Phase>(json).unwrap(), phase);
        }
    }
}
