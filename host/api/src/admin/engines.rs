//! The engines of one chain: what the registry says, how far each component has come on this node, and what brings it
//! further.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::Address;
use axum::{
    Json,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
};
use caldera_chain::{Chain, RegistryView};
use caldera_execution::registry::{Armed, Staged};
use caldera_types::{Component, Digest, EngineLimits, Grants, Interface, Mount, limits::MAX_COMPONENT_BYTES};
use serde::Deserialize;

use super::{
    error::{AdminError, Reply},
    phase::{Phase, phases},
    port::{Compiler, ShadowReport},
    routes::{App, PathOf, digest},
    server::AdminChain,
    view::{ArmedView, CheckedView, EnginesView, MountView, MountedView, ReadyView, RoadView, ShadowBrief},
};

/// The registry, and how far each component has come.
pub(super) async fn all(State(app): State<Arc<App>>, PathOf(name): PathOf<String>) -> Reply<EnginesView> {
    app.blocking(move |app| engines(app, &app.chain(&name)?)).await.map(Json)
}

/// How far one component has come.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    PathOf((name, text)): PathOf<(String, String)>,
) -> Reply<RoadView> {
    let digest = digest(&text)?;
    let road = app.blocking(move |app| {
        let engines = engines(app, &app.chain(&name)?)?;
        let road = engines.components.into_iter().find(|road| road.digest == digest);
        road.ok_or_else(|| not_staged(&name, digest))
    });
    road.await.map(Json)
}

/// The arm check. Consensus never asks; who signs an `arm` does.
pub(super) async fn ready(
    State(app): State<Arc<App>>,
    PathOf((name, text)): PathOf<(String, String)>,
) -> Reply<ReadyView> {
    let digest = digest(&text)?;
    let check = app.blocking(move |app| {
        let chain = app.chain(&name)?.chain;
        let staged = staged(&chain, digest)?;
        if !app.compiler.is_ready(digest, staged.grants) {
            let why =
                format!("{digest} is not ready to be called on this node: it would be compiled in a block's time");
            return Err(AdminError::NotReady(why));
        }
        Ok(ready_view(app, &chain, digest))
    });
    check.await.map(Json)
}

/// Compiles a staged component now.
pub(super) async fn prepare(
    State(app): State<Arc<App>>,
    PathOf((name, text)): PathOf<(String, String)>,
) -> Reply<ReadyView> {
    let digest = digest(&text)?;
    let prepared = app.blocking(move |app| {
        let chain = app.chain(&name)?.chain;
        let staged = staged(&chain, digest)?;
        let component = chain.component(digest)?;
        let component = component.ok_or_else(|| AdminError::Node(format!("the block log has lost {digest}")))?;
        app.compiler.prepare(&component, staged.grants, &staged.limits)?;
        Ok(ready_view(app, &chain, digest))
    });
    prepared.await.map(Json)
}

/// What a component is checked under.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CheckQuery {
    /// Names with commas between; left out, everything.
    grants: Option<String>,
    memory_pages: Option<u32>,
    fuel_per_call: Option<u64>,
    value_bytes: Option<u32>,
    subcall_depth: Option<u8>,
}

impl CheckQuery {
    fn grants(&self) -> Result<Grants, AdminError> {
        let Some(names) = &self.grants else { return Ok(Grants::ALL) };
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::parse::<Interface>).collect::<Result<_, _>>().map_err(|e| AdminError::BadRequest(e.to_string()))
    }

    fn limits(&self) -> EngineLimits {
        let recommended = EngineLimits::recommended();
        EngineLimits {
            memory_pages: self.memory_pages.unwrap_or(recommended.memory_pages),
            fuel_per_call: self.fuel_per_call.unwrap_or(recommended.fuel_per_call),
            value_bytes: self.value_bytes.unwrap_or(recommended.value_bytes),
            subcall_depth: self.subcall_depth.unwrap_or(recommended.subcall_depth),
        }
    }
}

/// Says whether a chain would take the component in the body.
pub(super) async fn check(
    State(app): State<Arc<App>>,
    PathOf(name): PathOf<String>,
    query: Result<Query<CheckQuery>, QueryRejection>,
    body: Body,
) -> Reply<CheckedView> {
    app.chain(&name)?;
    let Query(query) = query.map_err(|error| AdminError::BadRequest(error.body_text()))?;
    let (grants, limits) = (query.grants()?, query.limits());
    if let Some(limit) = limits.excess() {
        return Err(AdminError::Rejected(format!("{limit} is over what a chain allows")));
    }
    let bytes = read(body, MAX_COMPONENT_BYTES).await?;
    let component = Component::new(bytes).map_err(|error| AdminError::Rejected(error.to_string()))?;
    app.blocking(move |app| Ok(app.compiler.check(&component, grants, &limits)?)).await.map(Json)
}

/// A body of so many bytes at most.
pub(super) async fn read(body: Body, most: usize) -> Result<axum::body::Bytes, AdminError> {
    // One byte more than is allowed tells a body that is too long from a connection that broke.
    axum::body::to_bytes(body, most).await.map_err(|error| {
        let long = std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("length limit"));
        match long {
            true => AdminError::TooLong(most),
            false => AdminError::BadRequest(format!("the body ended early: {error}")),
        }
    })
}

fn ready_view(app: &App, chain: &Chain, digest: Digest) -> ReadyView {
    ReadyView { digest, compile: app.compiler.state(digest), head: chain.head().number() }
}

fn not_staged(chain: &str, digest: Digest) -> AdminError {
    AdminError::NotFound(format!("{digest} is not staged on '{chain}': `caldera engine stage FILE` first"))
}

/// A staged component of a chain.
pub(super) fn staged(chain: &Chain, digest: Digest) -> Result<Staged, AdminError> {
    let staged = chain.registry()?.staged.into_iter().find(|staged| staged.digest == digest);
    staged.ok_or_else(|| not_staged(chain.name(), digest))
}

fn engines(app: &App, chain: &AdminChain) -> Result<EnginesView, AdminError> {
    // The height first: what the registry says is of that block or a later one.
    let head = chain.chain.head().number();
    let registry = chain.chain.registry()?;
    let reports = chain.shadows.reports();
    let phases = phases(&registry);
    let road = |staged| road(staged, &registry, &phases, &reports, app.compiler.as_ref());
    Ok(EnginesView {
        head,
        governor: registry.governor,
        mounts: registry.mounts.iter().map(|mount| mount_view(mount, &registry, &phases)).collect(),
        components: registry.staged.iter().map(road).collect(),
    })
}

fn mount_view(mount: &Mount, registry: &RegistryView, phases: &BTreeMap<Address, Phase>) -> MountView {
    let claims = registry.staged.iter().find(|staged| staged.digest == mount.digest);
    MountView {
        address: mount.address,
        digest: mount.digest,
        name: claims.map(|claims| claims.name.clone()),
        version: claims.map(|claims| claims.version.clone()),
        grants: mount.grants,
        state_version: mount.state_version,
        generation: mount.generation,
        config: mount.config.clone(),
        phase: phases.get(&mount.address).cloned().unwrap_or_default(),
        armed: registry.armed.iter().find(|armed| armed.mount == mount.address).map(armed_view),
        last_swap: registry.ended.get(&mount.address).copied(),
    }
}

fn armed_view(armed: &Armed) -> ArmedView {
    ArmedView {
        mount: armed.mount,
        digest: armed.digest,
        height: armed.height,
        config: armed.config.clone(),
        probation: armed.probation,
    }
}

fn road(
    staged: &Staged,
    registry: &RegistryView,
    phases: &BTreeMap<Address, Phase>,
    reports: &[ShadowReport],
    compiler: &dyn Compiler,
) -> RoadView {
    let digest = staged.digest;
    let mounts = registry.mounts.iter().filter(|mount| mount.digest == digest);
    let mounted = mounts.map(|mount| MountedView {
        mount: mount.address,
        phase: phases.get(&mount.address).cloned().unwrap_or_default(),
    });
    RoadView {
        digest,
        name: staged.name.clone(),
        version: staged.version.clone(),
        state_version: staged.state_version,
        grants: staged.grants,
        staged_at: staged.staged_at,
        compile: compiler.state(digest),
        ready: compiler.is_ready(digest, staged.grants),
        shadows: reports.iter().filter(|report| report.candidate == digest).map(ShadowBrief::from).collect(),
        armed: registry.armed.iter().filter(|armed| armed.digest == digest).map(armed_view).collect(),
        mounted: mounted.collect(),
    }
}
