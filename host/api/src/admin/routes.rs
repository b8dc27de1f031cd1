//! Which path leads where, behind the token and the bounds of time and number.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use caldera_types::Digest;
use http::{HeaderMap, Method, Request, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use super::{
    chains, engines,
    error::AdminError,
    port::Compiler,
    server::{AdminChain, AdminLimits},
    shadows,
    token::Token,
};
use crate::{
    caldera,
    listen::Answer,
    metrics::{self, Metrics},
};

/// The scheme of the header `Authorization`, compared without regard to case (RFC 9110).
const SCHEME: &[u8] = b"bearer ";

/// What handlers work with.
pub(super) struct App {
    pub(super) chains: Vec<AdminChain>,
    pub(super) compiler: Arc<dyn Compiler>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) limits: AdminLimits,
    /// A place for each piece of work under way, held until it ends, even if nobody waits for it any more.
    pub(super) work: Arc<Semaphore>,
}

impl App {
    /// Runs what reads the disk, compiles or calls engines on a thread that may.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&App) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<T, AdminError> {
        let place = self.work.clone().try_acquire_owned().map_err(|_| AdminError::Busy)?;
        let app = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&app);
            drop(place);
            done
        });
        // A panic is a bug of ours; the request fails and the server goes on.
        done.await.unwrap_or_else(|error| Err(AdminError::Node(error.to_string())))
    }

    /// The chain of that name.
    pub(super) fn chain(&self, name: &str) -> Result<AdminChain, AdminError> {
        let found = self.chains.iter().find(|chain| chain.chain.name() == name);
        found.cloned().ok_or_else(|| {
            let names: Vec<_> = self.chains.iter().map(|chain| chain.chain.name()).collect();
            AdminError::NotFound(format!("this node has no chain '{name}'; it has: {}", names.join(", ")))
        })
    }
}

/// The paths.
fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/v1/chains", get(chains::all))
        .route("/v1/chains/{chain}", get(chains::one))
        .route("/v1/chains/{chain}/check", post(engines::check))
        .route("/v1/chains/{chain}/engines", get(engines::all))
        .route("/v1/chains/{chain}/engines/{digest}", get(engines::one))
        .route("/v1/chains/{chain}/engines/{digest}/ready", get(engines::ready))
        .route("/v1/chains/{chain}/engines/{digest}/prepare", post(engines::prepare))
        .route("/v1/chains/{chain}/shadows", get(shadows::all))
        .route("/v1/chains/{chain}/shadows/{mount}", get(shadows::one).put(shadows::start).delete(shadows::stop))
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .with_state(app)
}

/// Which chains make no blocks, but not why: whoever asks has no token. Nor is a chain in health that follows and has met a
/// block which is not what its execution gives: who balances load looks elsewhere.
async fn health(State(app): State<Arc<App>>) -> Response {
    let chains = || app.chains.iter().map(|served| &served.chain);
    let halted: Vec<_> = chains().filter(|chain| chain.halted().is_some()).map(|chain| chain.name()).collect();
    let alarms = chains().filter_map(|chain| {
        let alarm = chain.follow_status()?.alarm?;
        Some((chain.name().to_owned(), caldera::alarm(&alarm)))
    });
    let alarms: serde_json::Map<_, _> = alarms.collect();
    let (code, status) = match (alarms.is_empty(), halted.is_empty()) {
        (true, true) => (StatusCode::OK, "live"),
        (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "halted"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "alarm"),
    };
    (code, axum::Json(json!({ "status": status, "halted": halted, "alarms": alarms }))).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Result<Response, AdminError> {
    let page = app.blocking(|app| Ok(app.metrics.page(app.compiler.as_ref()))).await?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response())
}

async fn nothing(request: Request<Body>) -> AdminError {
    AdminError::NotFound(format!("nothing is at {}", request.uri().path()))
}

async fn not_so(method: Method) -> AdminError {
    AdminError::Method(method)
}

/// The parts of a path, percent-decoded, as text.
pub(super) struct PathOf<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathOf<T> {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AdminError> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|error| AdminError::BadRequest(error.body_text()))
    }
}

/// A digest in a path.
pub(super) fn digest(text: &str) -> Result<Digest, AdminError> {
    text.parse().map_err(|error| AdminError::BadRequest(format!("{error}")))
}

/// The server: token first, then room, then time, then the paths.
pub(super) struct Guarded {
    router: Router,
    token: Token,
    requests: Semaphore,
    time: Duration,
}

impl Guarded {
    pub(super) fn new(app: App, token: Token) -> Self {
        let (requests, time) = (Semaphore::new(app.limits.requests), app.limits.time);
        Self { router: router(Arc::new(app)), token, requests, time }
    }

    /// Whether the request brings the token.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else { return false };
        let value = value.as_bytes();
        value.len() > SCHEME.len()
            && value[..SCHEME.len()].eq_ignore_ascii_case(SCHEME)
            && self.token.is(&value[SCHEME.len()..])
    }
}

impl Answer for Guarded {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>) -> Response {
        if request.uri().path() != "/health" && !self.admits(request.headers()) {
            let mut refused = AdminError::Unauthorized.into_response();
            refused.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            return refused;
        }
        let Ok(_place) = self.requests.try_acquire() else { return AdminError::Busy.into_response() };
        let answer = self.router.clone().oneshot(request.map(Body::new));
        match tokio::time::timeout(self.time, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(never)) => match never {},
            Err(_) => AdminError::Slow(self.time.as_secs()).into_response(),
        }
    }
}
