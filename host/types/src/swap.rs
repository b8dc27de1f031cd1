//! The road of a swap, as the registry keeps it: which generation stands, which comes, and by what rule it goes back.

use alloy_primitives::{Address, Bytes};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

use crate::{
    component::Digest,
    limits::MAX_PROBATION_BLOCKS,
    mount::{EngineLimits, Grants, Hooks, Mount, grant_names},
};

/// What a mount's pointer can point to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// Which component runs.
    pub digest: Digest,
    /// What it may import.
    #[serde(with = "grant_names")]
    pub grants: Grants,
    /// What it may use.
    pub limits: EngineLimits,
    /// Layout of its stored state.
    pub state_version: u32,
    /// Which block hooks run.
    pub hooks: Hooks,
    /// What it was configured with.
    pub config: Bytes,
}

impl Generation {
    /// The mount at `address` when this is its `number`-th generation.
    pub fn mounted(&self, address: Address, number: u32) -> Mount {
        Mount {
            address,
            digest: self.digest,
            grants: self.grants,
            limits: self.limits,
            state_version: self.state_version,
            generation: number,
            hooks: self.hooks,
            config: self.config.clone(),
        }
    }
}

impl From<&Mount> for Generation {
    fn from(mount: &Mount) -> Self {
        Self {
            digest: mount.digest,
            grants: mount.grants,
            limits: mount.limits,
            state_version: mount.state_version,
            hooks: mount.hooks,
            config: mount.config.clone(),
        }
    }
}

/// When a generation on probation goes back: so many faults per thousand calls, once enough calls were made, within a
/// window of blocks. Faults that a caller can bring about alone do not count: see [`crate::Fault::counts_in_probation`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProbationRule {
    /// Blocks of probation from the activation on; zero for none.
    pub blocks: u64,
    /// Blocks after which calls and faults are counted anew; zero counts over the whole probation.
    pub window: u64,
    /// Calls within the window before the rule can trip.
    pub min_calls: u64,
    /// Faults per thousand calls from which on it trips.
    pub faults_per_thousand: u64,
}

impl ProbationRule {
    /// No probation: an activation is final at once.
    pub const NONE: Self = Self { blocks: 0, window: 0, min_calls: 0, faults_per_thousand: 0 };

    /// Whether there is a probation at all.
    pub const fn is_none(&self) -> bool {
        self.blocks == 0
    }

    /// What is wrong with the rule, if anything.
    pub const fn problem(&self) -> Option<&'static str> {
        if self.is_none() {
            None
        } else if self.blocks > MAX_PROBATION_BLOCKS {
            Some("more blocks than a probation may have")
        } else if self.min_calls == 0 {
            Some("at least one call is needed before the rule can trip")
        } else if self.faults_per_thousand == 0 || self.faults_per_thousand > 1_000 {
            Some("faults per thousand must be between 1 and 1000")
        } else {
            None
        }
    }

    /// Whether so many faults in so many calls are too many.
    pub const fn trips(&self, calls: u64, faults: u64) -> bool {
        calls >= self.min_calls
            && faults.saturating_mul(1_000) >= self.faults_per_thousand.saturating_mul(calls)
            && faults > 0
    }
}

/// Where a mount stands on the road, when it is not simply active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Swap {
    /// Which mount.
    pub mount: Address,
    /// Where it stands.
    pub phase: Phase,
}

/// A stage of the road that lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Phase {
    /// The state is on its way from one layout to another.
    Migrating(Migration),
    /// A migration failed; what it wrote is being undone.
    RollingBack(RollBack),
    /// The new generation is on trial.
    Probation(Probation),
    /// No generation fits the state: calls revert until the governor activates one that does.
    Frozen(Freeze),
}

impl Phase {
    /// The name by which users see it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Migrating(_) => "migrating",
            Self::RollingBack(_) => "rolling-back",
            Self::Probation(_) => "probation",
            Self::Frozen(_) => "frozen",
        }
    }

    /// The height from which the state as it then was is still answered from, while it is being rewritten.
    pub const fn rewritten_since(&self) -> Option<u64> {
        match self {
            Self::Migrating(migration) => Some(migration.since),
            Self::RollingBack(back) => Some(back.since),
            Self::Probation(_) | Self::Frozen(_) => None,
        }
    }
}

/// Why a pointer moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The governor armed it.
    Armed,
    /// The rule of the probation tripped.
    Reverted,
}

/// A migration that takes more than one block, or waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Migration {
    /// What goes live when it is done.
    pub target: Generation,
    /// Why.
    pub cause: Cause,
    /// In words, for the event.
    pub reason: String,
    /// The probation that follows.
    pub rule: ProbationRule,
    /// What froze the mount before, if it was frozen.
    pub frozen: Option<Freeze>,
    /// Height at which it began.
    pub since: u64,
    /// Steps done.
    pub steps: u32,
    /// Where the next step goes on.
    pub cursor: Bytes,
    /// How far it says it is.
    pub done: u64,
    /// Out of how much.
    pub total: u64,
    /// Entries of the engine's storage whose old values are kept.
    pub kept: u64,
    /// Gas used so far.
    pub gas_used: u64,
}

/// A failed migration whose writes are being undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollBack {
    /// What was to go live.
    pub digest: Digest,
    /// Height at which the migration began.
    pub since: u64,
    /// Entries still to be restored.
    pub left: u64,
    /// Frozen afterwards, for this reason.
    pub frozen: Option<Freeze>,
}

/// A generation on trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "camelCase")]
pub struct Probation {
    /// What comes back when the rule trips.
    pub previous: Generation,
    /// The rule.
    pub rule: ProbationRule,
    /// Height of the activation.
    pub since: u64,
    /// First height at which it is over.
    pub until: u64,
    /// Height from which calls and faults are counted.
    pub window_since: u64,
    /// Calls in the window.
    pub calls: u64,
    /// Faults in the window that count.
    pub faults: u64,
}

/// Why and since when a mount is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[serde(rename_all = "camelCase")]
pub struct Freeze {
    /// Height.
    pub since: u64,
    /// In words.
    pub reason: String,
}

#[derive(RlpEncodable, RlpDecodable)]
struct StoredMigration {
    target: Generation,
    reverted: bool,
    reason: String,
    rule: ProbationRule,
    frozen: Vec<Freeze>,
    since: u64,
    steps: u32,
    cursor: Bytes,
    done: u64,
    total: u64,
    kept: u64,
    gas_used: u64,
}

#[derive(RlpEncodable, RlpDecodable)]
struct StoredRollBack {
    digest: Digest,
    since: u64,
    left: u64,
    frozen: Vec<Freeze>,
}

/// The stored form of a phase: its kind, then its record.
#[derive(RlpEncodable, RlpDecodable)]
struct Stored {
    kind: u8,
    record: Bytes,
}

impl Encodable for Phase {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        let (kind, record) = match self.clone() {
            Self::Migrating(m) => (
                0,
                alloy_rlp::encode(StoredMigration {
                    target: m.target,
                    reverted: m.cause == Cause::Reverted,
                    reason: m.reason,
                    rule: m.rule,
                    frozen: m.frozen.into_iter().collect(),
                    since: m.since,
                    steps: m.steps,
                    cursor: m.cursor,
                    done: m.done,
                    total: m.total,
                    kept: m.kept,
                    gas_used: m.gas_used,
                }),
            ),
            Self::RollingBack(back) => (
                1,
                alloy_rlp::encode(StoredRollBack {
                    digest: back.digest,
                    since: back.since,
                    left: back.left,
                    frozen: back.frozen.into_iter().collect(),
                }),
            ),
            Self::Probation(probation) => (2, alloy_rlp::encode(probation)),
            Self::Frozen(freeze) => (3, alloy_rlp::encode(freeze)),
        };
        Stored { kind, record: record.into() }.encode(out);
    }
}

impl Decodable for Phase {
    fn decode(buf: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let Stored { kind, record } = Stored::decode(buf)?;
        let record = record.as_ref();
        Ok(match kind {
            0 => {
                let m: StoredMigration = alloy_rlp::decode_exact(record)?;
                Self::Migrating(Migration {
                    target: m.target,
                    cause: if m.reverted { Cause::Reverted } else { Cause::Armed },
                    reason: m.reason,
                    rule: m.rule,
                    frozen: m.frozen.into_iter().next(),
                    since: m.since,
                    steps: m.steps,
                    cursor: m.cursor,
                    done: m.done,
                    total: m.total,
                    kept: m.kept,
                    gas_used: m.gas_used,
                })
            }
            1 => {
                let back: StoredRollBack = alloy_rlp::decode_exact(record)?;
                Self::RollingBack(RollBack {
                    digest: back.digest,
                    since: back.since,
                    left: back.left,
                    frozen: back.frozen.into_iter().next(),
                })
            }
            2 => Self::Probation(alloy_rlp::decode_exact(record)?),
            3 => Self::Frozen(alloy_rlp::decode_exact(record)?),
            _ => return Err(alloy_rlp::Error::Custom("a phase of no known kind")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation() -> Generation {
        Generation {
            digest: Digest::of(b"engine"),
            grants: Grants::ALL,
            limits: EngineLimits::recommended(),
            state_version: 2,
            hooks: Hooks { begin_block: true, end_block: false },
            config: Bytes::from_static(b"config"),
        }
    }

    #[test]
    fn phases_survive_storage() {
        let freeze = Freeze { since: 9, reason: "no way back".into() };
        let rule = ProbationRule { blocks: 10, window: 0, min_calls: 4, faults_per_thousand: 100 };
        let migration = Migration {
            target: generation(),
            cause: Cause::Reverted,
            reason: "faults".into(),
            rule,
            frozen: Some(freeze.clone()),
            since: 7,
            steps: 3,
            cursor: Bytes::from_static(b"at"),
            done: 5,
            total: 8,
            kept: 2,
            gas_used: 1_000,
        };
        let probation =
            Probation { previous: generation(), rule, since: 1, until: 11, window_since: 3, calls: 4, faults: 1 };
        for phase in [
            Phase::Migrating(migration.clone()),
            Phase::Migrating(Migration { cause: Cause::Armed, frozen: None, ..migration }),
            Phase::RollingBack(RollBack { digest: Digest::of(b"x"), since: 7, left: 2, frozen: Some(freeze.clone()) }),
            Phase::Probation(probation),
            Phase::Frozen(freeze),
        ] {
            assert_eq!(alloy_rlp::decode_exact::<Phase>(alloy_rlp::encode(&phase)), Ok(phase));
        }
    }

    #[test]
    fn a_rule_trips_at_its_share_and_not_before() {
        let rule = ProbationRule { blocks: 10, window: 0, min_calls: 4, faults_per_thousand: 250 };
        for (calls, faults, trips) in
            [(0, 0, false), (3, 3, false), (4, 0, false), (4, 1, true), (5, 1, false), (8, 2, true)]
        {
            assert_eq!(rule.trips(calls, faults), trips, "{faults} of {calls}");
        }
        assert!(ProbationRule { min_calls: 0, ..rule }.problem().is_some());
        assert!(ProbationRule { faults_per_thousand: 1_001, ..rule }.problem().is_some());
        assert!(rule.problem().is_none() && ProbationRule::NONE.problem().is_none());
    }
}
