//! The `caldera_` methods: what this node has and Ethereum does not. All JSON is camelCase; digests are SHA-256.
//!
//! - `caldera_engines` → who governs the chain, what is mounted, staged and armed, and what is in the middle of a swap.
//! - `caldera_status` → head, pool, why the chain has halted, if it has, and how following stands, if it follows another node.
//! - `caldera_getLoggedBlocks(from, count?, wait?)` → blocks as they are logged, for who follows this node: see `logged.rs`.
//! - `caldera_sendRawTransactionWithSidecar(transaction, [component…])` → the transaction's hash. The transaction calls
//!   the registry's `stage`; the components, as hexadecimal bytes, travel with it into the block's sidecar.

use alloy_primitives::{Address, Bytes, U64};
use caldera_chain::{Accepted, Alarm, FollowStatus, RegistryView};
use caldera_execution::registry::{Armed, Staged};
use caldera_types::{
    Component, Digest, EngineLimits, Grants, Hooks, LastSwap, Mount, ProbationRule, Swap,
    limits::MAX_SIDECAR_COMPONENTS,
};
use jsonrpsee_core::RegisterMethodError;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    eth,
    methods::{Param, param::RAW_TRANSACTION},
    module::Module,
    node::CLIENT_VERSION,
};

/// Adds the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Who governs the chain, what is mounted, staged and armed, and what is in the middle of a swap.";
    module.blocking("caldera_engines", about, &[], "Engines", |api, _| Ok(EnginesJson::from(api.chain.registry()?)))?;
    let about = "Head, pool, the first block whose state is kept, why the chain has halted, if it has, and how following \
                 stands, if it follows another node.";
    module.quick("caldera_status", about, &[], "ChainStatus", |api, _| Ok(status(api)))?;
    let about = "Takes a transaction that stages components into the pool, with the components.";
    let params = const { &[RAW_TRANSACTION, Param::new("components", "Components")] };
    module.accepting_aside("caldera_sendRawTransactionWithSidecar", about, params, send_with_sidecar)
}

fn send_with_sidecar(api: &ChainApi, args: &mut Args<'_>) -> Reply<Accepted> {
    let tx = eth::decode_transaction(&args.next::<Bytes>()?)?;
    let components: Vec<Bytes> = args.next()?;
    if components.len() > MAX_SIDECAR_COMPONENTS {
        return Err(RpcError::Limit(format!("{} components, at most {MAX_SIDECAR_COMPONENTS}", components.len())));
    }
    let sidecar = components.into_iter().map(Component::new).collect::<Result<_, _>>();
    let sidecar = sidecar.map_err(|error| RpcError::InvalidParams(error.to_string()))?;
    Ok(api.chain.accept(tx, sidecar)?)
}

fn status(api: &ChainApi) -> Value {
    let head = api.chain.head();
    let pool = api.chain.pool_status();
    json!({
        "name": api.chain.name(),
        "chainId": U64::from(api.chain.chain_id()),
        "client": CLIENT_VERSION,
        "head": {
            "number": U64::from(head.block.header.number),
            "hash": head.block.hash(),
            "timestamp": U64::from(head.block.header.timestamp),
            "stateRoot": head.block.header.state_root,
        },
        "pool": { "pending": pool.pending, "queued": pool.queued },
        "firstState": U64::from(api.chain.first_state()),
        "halted": api.chain.halted(),
        "follows": api.chain.follow_status().map(follows),
    })
}

fn follows(status: FollowStatus) -> Value {
    json!({
        "leader": status.leader,
        "leaderHead": status.leader_head.map(U64::from),
        "waits": status.waits,
        "alarm": status.alarm.as_ref().map(alarm),
    })
}

/// An alarm with both roots.
pub(crate) fn alarm(alarm: &Alarm) -> Value {
    json!({
        "number": U64::from(alarm.number),
        "leaderHash": alarm.leader_hash,
        "leaderStateRoot": alarm.leader_root,
        "ownStateRoot": alarm.own_root,
        "why": alarm.why,
    })
}

/// The registry at the head.
#[derive(Clone, Debug, Serialize)]
struct EnginesJson {
    governor: Address,
    mounts: Vec<MountJson>,
    staged: Vec<StagedJson>,
    armed: Vec<ArmedJson>,
    /// Mounts in the middle of a swap: migrating, rolling back, on probation or frozen.
    swaps: Vec<Swap>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MountJson {
    address: Address,
    digest: Digest,
    /// What the component calls itself; null when it was never staged here.
    name: Option<String>,
    version: Option<String>,
    grants: Vec<&'static str>,
    limits: LimitsJson,
    state_version: u32,
    generation: u32,
    hooks: HooksJson,
    config: Bytes,
    /// How the last swap here ended; null when none has.
    last_swap: Option<LastSwap>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StagedJson {
    digest: Digest,
    name: String,
    version: String,
    grants: Vec<&'static str>,
    limits: LimitsJson,
    state_version: u32,
    hooks: HooksJson,
    staged_at: u64,
}

#[derive(Clone, Debug, Serialize)]
struct ArmedJson {
    mount: Address,
    digest: Digest,
    height: u64,
    config: Bytes,
    probation: ProbationRule,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LimitsJson {
    memory_pages: u32,
    fuel_per_call: u64,
    value_bytes: u32,
    subcall_depth: u8,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HooksJson {
    begin_block: bool,
    end_block: bool,
}

impl From<RegistryView> for EnginesJson {
    fn from(view: RegistryView) -> Self {
        Self {
            governor: view.governor,
            mounts: {
                let (staged, ended) = (&view.staged, &view.ended);
                let json = |mount: Mount| MountJson::new(ended.get(&mount.address).copied(), mount, staged);
                view.mounts.into_iter().map(json).collect()
            },
            armed: view.armed.into_iter().map(ArmedJson::from).collect(),
            swaps: view.swaps,
            staged: view.staged.into_iter().map(StagedJson::from).collect(),
        }
    }
}

impl MountJson {
    fn new(last_swap: Option<LastSwap>, mount: Mount, staged: &[Staged]) -> Self {
        let claims = staged.iter().find(|staged| staged.digest == mount.digest);
        Self {
            address: mount.address,
            digest: mount.digest,
            name: claims.map(|claims| claims.name.clone()),
            version: claims.map(|claims| claims.version.clone()),
            grants: names(mount.grants),
            limits: mount.limits.into(),
            state_version: mount.state_version,
            generation: mount.generation,
            hooks: mount.hooks.into(),
            config: mount.config,
            last_swap,
        }
    }
}

impl From<Staged> for StagedJson {
    fn from(staged: Staged) -> Self {
        Self {
            digest: staged.digest,
            name: staged.name,
            version: staged.version,
            grants: names(staged.grants),
            limits: staged.limits.into(),
            state_version: staged.state_version,
            hooks: staged.hooks.into(),
            staged_at: staged.staged_at,
        }
    }
}

impl From<Armed> for ArmedJson {
    fn from(armed: Armed) -> Self {
        Self {
            mount: armed.mount,
            digest: armed.digest,
            height: armed.height,
            config: armed.config,
            probation: armed.probation,
        }
    }
}

impl From<EngineLimits> for LimitsJson {
    fn from(limits: EngineLimits) -> Self {
        Self {
            memory_pages: limits.memory_pages,
            fuel_per_call: limits.fuel_per_call,
            value_bytes: limits.value_bytes,
            subcall_depth: limits.subcall_depth,
        }
    }
}

impl From<Hooks> for HooksJson {
    fn from(hooks: Hooks) -> Self {
        Self { begin_block: hooks.begin_block, end_block: hooks.end_block }
    }
}

fn names(grants: Grants) -> Vec<&'static str> {
    let granted = caldera_types::Interface::ALL.into_iter().filter(|interface| grants.allows(*interface));
    granted.map(caldera_types::Interface::name).collect()
}
