//! Shadow runs of one chain: start, stop, report.

use std::sync::Arc;

use alloy_primitives::Address;
use axum::{Json, body::Body, extract::State};
use caldera_types::Component;

use super::{
    engines::{read, staged},
    error::{AdminError, Reply},
    port::{ShadowPlan, ShadowReport, ShadowRequest},
    routes::{App, PathOf},
    server::AdminChain,
};

/// Every report.
pub(super) async fn all(State(app): State<Arc<App>>, PathOf(name): PathOf<String>) -> Reply<Vec<ShadowReport>> {
    app.blocking(move |app| Ok(app.chain(&name)?.shadows.reports())).await.map(Json)
}

/// The report of one mount.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    PathOf((name, mount)): PathOf<(String, String)>,
) -> Reply<ShadowReport> {
    let mount = address(&mount)?;
    app.blocking(move |app| report(&app.chain(&name)?, mount)).await.map(Json)
}

/// Starts a run.
pub(super) async fn start(
    State(app): State<Arc<App>>,
    PathOf((name, mount)): PathOf<(String, String)>,
    body: Body,
) -> Reply<ShadowReport> {
    let mount = address(&mount)?;
    let body = read(body, app.limits.body_bytes).await?;
    let request: ShadowRequest =
        serde_json::from_slice(&body).map_err(|error| AdminError::BadRequest(format!("the body: {error}")))?;
    let started = app.blocking(move |app| {
        let chain = app.chain(&name)?;
        chain.shadows.start(plan(&chain, mount, request)?)?;
        report(&chain, mount)
    });
    started.await.map(Json)
}

/// Ends a run, and gives its last report.
pub(super) async fn stop(
    State(app): State<Arc<App>>,
    PathOf((name, mount)): PathOf<(String, String)>,
) -> Reply<ShadowReport> {
    let mount = address(&mount)?;
    let stopped = app.blocking(move |app| {
        let chain = app.chain(&name)?;
        chain.shadows.stop(mount)?;
        report(&chain, mount)
    });
    stopped.await.map(Json)
}

fn address(text: &str) -> Result<Address, AdminError> {
    text.parse().map_err(|_| AdminError::BadRequest(format!("'{text}' is no address: expected 0x and 40 hexadecimal digits")))
}

fn report(chain: &AdminChain, mount: Address) -> Result<ShadowReport, AdminError> {
    let report = chain.shadows.reports().into_iter().find(|report| report.mount == mount);
    report.ok_or_else(|| AdminError::NotFound(format!("no shadow run at {mount}")))
}

/// What a request means on this chain.
fn plan(chain: &AdminChain, mount: Address, request: ShadowRequest) -> Result<ShadowPlan, AdminError> {
    let active = chain.chain.registry()?.mounts.into_iter().find(|active| active.address == mount);
    let active = active.ok_or_else(|| AdminError::NotFound(format!("no engine is mounted at {mount}")))?;
    if !(1..=100).contains(&request.share_percent) || request.every == 0 {
        let why = "sharePercent is 1 to 100, and every is at least 1";
        return Err(AdminError::BadRequest(why.to_owned()));
    }
    let (component, grants, limits) = match (request.digest, request.component) {
        (Some(digest), None) => {
            let staged = staged(&chain.chain, digest)?;
            let component = chain.chain.component(digest)?;
            let component = component.ok_or_else(|| AdminError::Node(format!("the block log has lost {digest}")))?;
            (component, staged.grants, staged.limits)
        }
        (None, Some(bytes)) => {
            let component = Component::new(bytes).map_err(|error| AdminError::Rejected(error.to_string()))?;
            (component, active.grants, active.limits)
        }
        _ => return Err(AdminError::BadRequest("give either digest or component".to_owned())),
    };
    Ok(ShadowPlan {
        mount,
        component,
        grants: request.grants.unwrap_or(grants),
        limits,
        config: request.config,
        share_percent: request.share_percent,
        every: request.every,
        samples: request.samples,
    })
}
