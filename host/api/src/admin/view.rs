//! The answers of the admin API, as its clients read them. All JSON is camelCase; heights, gas and times are numbers.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes};
use caldera_types::{Digest, Grants, LastSwap, ProbationRule, mount::grant_names};
use serde::{Deserialize, Serialize};

pub use super::{
    phase::Phase,
    port::{CompileState, ShadowReport, ShadowRequest},
};

/// `GET /v1/chains`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeView {
    /// Name and version of the node.
    pub client: String,
    /// Its chains; the first is served at `/` of JSON-RPC.
    pub chains: Vec<ChainView>,
}

/// `GET /v1/chains/{chain}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainView {
    /// Its name.
    pub name: String,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Height.
    pub head: u64,
    /// Hash of the newest block.
    pub hash: B256,
    /// State root after it.
    pub state_root: B256,
    /// When it was made, in Unix seconds.
    pub timestamp_s: u64,
    /// Time between two blocks, in milliseconds.
    pub block_interval_ms: u64,
    /// Transactions that the next block can take.
    pub pending: usize,
    /// Transactions behind a gap of nonces.
    pub queued: usize,
    /// The first block whose state is kept.
    pub first_state: u64,
    /// Why it makes no blocks, if it does not.
    pub halted: Option<String>,
}

/// `GET /v1/chains/{chain}/engines`: the registry at the head, and what this node knows beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnginesView {
    /// Height.
    pub head: u64,
    /// Who may stage and arm.
    pub governor: Address,
    /// What runs, by address.
    pub mounts: Vec<MountView>,
    /// The road of every staged component, in the order of staging.
    pub components: Vec<RoadView>,
}

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MountView {
    /// Where.
    pub address: Address,
    /// What runs.
    pub digest: Digest,
    /// The name it claims; none when it was never staged.
    pub name: Option<String>,
    /// The version it claims.
    pub version: Option<String>,
    /// What it may import.
    #[serde(with = "grant_names")]
    pub grants: Grants,
    /// Layout of its state.
    pub state_version: u32,
    /// How often the pointer has moved.
    pub generation: u32,
    /// What it was configured with.
    pub config: Bytes,
    /// What it is doing.
    pub phase: Phase,
    /// What goes live there next.
    pub armed: Option<ArmedView>,
    /// How the last swap there ended.
    pub last_swap: Option<LastSwap>,
}

/// One armed component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArmedView {
    /// Where.
    pub mount: Address,
    /// What.
    pub digest: Digest,
    /// When: before the first transaction of this block.
    pub height: u64,
    /// The configuration that it is given; empty to keep the old one.
    pub config: Bytes,
    /// The probation that follows.
    pub probation: ProbationRule,
}

/// How far one component has come: staged and verified by the chain, compiled and shadowed here, armed and mounted by the
/// chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoadView {
    /// What it is.
    pub digest: Digest,
    /// The name it claims.
    pub name: String,
    /// The version it claims.
    pub version: String,
    /// Layout of its state.
    pub state_version: u32,
    /// What it may import.
    #[serde(with = "grant_names")]
    pub grants: Grants,
    /// The block that staged it, after it passed the checks.
    pub staged_at: u64,
    /// How far it is to native code on this node.
    pub compile: CompileState,
    /// Whether it can be called on this node now.
    pub ready: bool,
    /// Shadow runs of it on this node.
    pub shadows: Vec<ShadowBrief>,
    /// Where and when it goes live.
    pub armed: Vec<ArmedView>,
    /// Where it runs, and what it is doing there.
    pub mounted: Vec<MountedView>,
}

/// Where a component runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountedView {
    /// Where.
    pub mount: Address,
    /// What it is doing.
    pub phase: Phase,
}

/// What a shadow run comes to in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowBrief {
    /// At which engine.
    pub mount: Address,
    /// `running`, or how it ended.
    pub state: String,
    /// Calls that ran in both engines.
    pub compared: u64,
    /// Calls that did not.
    pub skipped: u64,
    /// Divergences of all kinds.
    pub divergences: u64,
}

impl From<&ShadowReport> for ShadowBrief {
    fn from(report: &ShadowReport) -> Self {
        Self {
            mount: report.mount,
            state: report.state.clone(),
            compared: report.compared,
            skipped: report.skipped.values().sum(),
            divergences: report.divergences.values().sum(),
        }
    }
}

/// `POST /v1/chains/{chain}/check`: a component that every node of a chain would take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckedView {
    /// Its identity.
    pub digest: Digest,
    /// Its size.
    pub bytes: usize,
    /// The name it claims.
    pub name: String,
    /// The version it claims.
    pub version: String,
    /// Layout of its state.
    pub state_version: u32,
    /// Which block hooks it asks for.
    pub hooks: Vec<String>,
    /// What it was granted for the check.
    #[serde(with = "grant_names")]
    pub grants: Grants,
    /// Gas of its first instance in a block, and of each further one.
    pub instance_gas: [u64; 2],
    /// How many functions, errors and events its ABI names.
    pub abi: BTreeMap<String, usize>,
}

/// `GET /v1/chains/{chain}/engines/{digest}/ready` and `POST …/prepare`: it can be armed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadyView {
    /// What.
    pub digest: Digest,
    /// How it came to be ready.
    pub compile: CompileState,
    /// Height of the chain.
    pub head: u64,
}
