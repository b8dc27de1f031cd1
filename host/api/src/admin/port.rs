//! What the admin API asks of the parts of the node that stand beside its chains: the compiler and the shadow runs.
//!
//! A trait stands here with who uses it; the node hands in what does the work.

use std::{collections::BTreeMap, time::Duration};

use alloy_primitives::{Address, Bytes};
use caldera_engine::{StageError, compile::CompileTimes};
use caldera_types::{Component, Digest, EngineLimits, Grants, mount::grant_names};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::view::CheckedView;

/// How far a component is on its way to native code on this node. Consensus never asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum CompileState {
    /// Nobody asked for it since this node started.
    Absent,
    /// It is being compiled.
    Compiling,
    /// It can be called.
    Ready {
        /// How long compiling or loading took.
        millis: u64,
        /// Whether it was loaded, not compiled.
        from_cache: bool,
        /// Size of the native code, if known.
        bytes: u64,
    },
    /// It can never be: its own fault, and every node says the same.
    Refused {
        /// Why.
        why: String,
    },
    /// It was not compiled here, by this node's fault. The next one who asks tries again.
    Failed {
        /// Why.
        why: String,
    },
}

/// What the compiler and its cache have done since this node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompileCounters {
    /// Components compiled.
    pub compiled: u64,
    /// Components refused: their own fault.
    pub refused: u64,
    /// Components that did not compile here: this node's fault.
    pub failed: u64,
    /// How long compilations took, whatever came of them.
    pub compile_times: CompileTimes,
    /// Components loaded from the cache.
    pub cache_hits: u64,
    /// Components that the cache did not have.
    pub cache_misses: u64,
    /// Entries of the cache that were damaged or foreign, and compiled anew.
    pub cache_rejected: u64,
    /// Time spent loading from the cache.
    pub cache_time: Duration,
}

/// Makes components ready to be called, for all chains of the node.
pub trait Compiler: Send + Sync {
    /// Judges a component as every node of a chain would, without staging it anywhere. Slow.
    fn check(&self, component: &Component, grants: Grants, limits: &EngineLimits) -> Result<CheckedView, StageError>;

    /// Makes a component ready under these grants, and waits for it. Slow.
    fn prepare(&self, component: &Component, grants: Grants, limits: &EngineLimits) -> Result<(), StageError>;

    /// Whether a component can be called under these grants now.
    fn is_ready(&self, digest: Digest, grants: Grants) -> bool;

    /// How far a component is.
    fn state(&self, digest: Digest) -> CompileState;

    /// What was done so far.
    fn counters(&self) -> CompileCounters;
}

/// What a shadow run compares, and at what cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ShadowRequest {
    /// A component that is staged on the chain; else `component`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The bytes of one that is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Bytes>,
    /// What it may import; left out, as it was staged, or as the active engine.
    #[serde(default, with = "optional_grants", skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
    /// The configuration it is given; left out, the mount's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Bytes>,
    /// Most time that it may take, in percent of the block interval.
    #[serde(default = "ShadowRequest::default_share_percent")]
    pub share_percent: u8,
    /// Of how many calls one is compared.
    #[serde(default = "ShadowRequest::default_every")]
    pub every: u32,
    /// Samples kept of each kind of divergence.
    #[serde(default = "ShadowRequest::default_samples")]
    pub samples: u32,
}

impl ShadowRequest {
    const fn default_share_percent() -> u8 {
        50
    }

    const fn default_every() -> u32 {
        1
    }

    const fn default_samples() -> u32 {
        8
    }
}

/// A shadow run that has to be started.
#[derive(Clone, Debug)]
pub struct ShadowPlan {
    /// At which engine.
    pub mount: Address,
    /// The candidate.
    pub component: Component,
    /// What it may import.
    pub grants: Grants,
    /// What it may use.
    pub limits: EngineLimits,
    /// The configuration it is given, if not the mount's.
    pub config: Option<Bytes>,
    /// Most time that it may take, in percent of the block interval.
    pub share_percent: u8,
    /// Of how many calls one is compared.
    pub every: u32,
    /// Samples kept of each kind of divergence.
    pub samples: u32,
}

/// What a shadow run has found so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShadowReport {
    /// At which engine.
    pub mount: Address,
    /// The candidate.
    pub candidate: Digest,
    /// `running`, or how it ended.
    pub state: String,
    /// Calls that ran in both engines.
    pub compared: u64,
    /// Calls that did not, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Divergences by kind.
    pub divergences: BTreeMap<String, u64>,
    /// Samples, fuel and what else there is.
    pub detail: Value,
}

/// Why a shadow run does not start or stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShadowError {
    /// One is running already at this mount.
    #[error("a shadow run of {candidate} is under way at {mount}: stop it first")]
    Running {
        /// Where.
        mount: Address,
        /// Of what.
        candidate: Digest,
    },
    /// As many as this node has room for are under way on the chain.
    #[error("{0} shadow runs are under way on this chain, as many as this node has room for: stop one first")]
    Full(usize),
    /// There is none.
    #[error("no shadow run at {0}")]
    NotRunning(Address),
    /// The candidate cannot run there.
    #[error("{0}")]
    Refused(String),
    /// This node's fault.
    #[error("{0}")]
    Node(String),
}

/// Runs candidates beside the active engines of one chain.
pub trait Shadows: Send + Sync {
    /// Starts one.
    fn start(&self, plan: ShadowPlan) -> Result<(), ShadowError>;

    /// Ends one; its report stays.
    fn stop(&self, mount: Address) -> Result<(), ShadowError>;

    /// Every report, of runs under way and of the last one of each mount, by mount.
    fn reports(&self) -> Vec<ShadowReport>;
}

/// Grants that may be left out.
mod optional_grants {
    use super::{Grants, grant_names};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Named(#[serde(with = "grant_names")] Grants);

    pub(super) fn serialize<S: Serializer>(grants: &Option<Grants>, serializer: S) -> Result<S::Ok, S::Error> {
        grants.map(Named).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Grants>, D::Error> {
        Ok(Option::<Named>::deserialize(deserializer)?.map(|named| named.0))
    }
}
