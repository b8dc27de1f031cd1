//! Which path leads where: `/chains/<name>` to a chain, `/` to the first, a browser's GET to a list of the chains.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::U64;
use caldera_chain::Chain;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use jsonrpsee_server::{
    BatchRequestConfig, HttpBody, HttpRequest, HttpResponse, MethodResponse, Methods, PingConfig, Server, ServerConfig,
    StopHandle, TowerServiceBuilder, middleware::rpc::RpcServiceBuilder, ws,
};
use jsonrpsee_types::Id;
use serde_json::{Value, json};
use tower::{Layer, Service, layer::util::Identity};

use crate::{
    calls::Calls,
    context::ChainApi,
    errors::RpcError,
    ids::HexIds,
    in_flight::{Bounded, InFlight},
    leader::Beside,
    limits::ApiLimits,
    listen::{Answer, Connection},
    module::Module,
    node::CLIENT_VERSION,
    sends::{Sends, Together},
    server::ApiError,
    unsubscribed::Unsubscribed,
};

/// Any page may ask: there are no keys and no cookies here, only what the chain shows to everybody.
const ANY_ORIGIN: (HeaderName, &str) = (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
/// What a page is told that asks how it may ask.
const PREFLIGHT: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

/// The chains by name, and what serves a request to one of them.
pub(crate) struct Routes {
    chains: BTreeMap<String, Route>,
    first: String,
    index: Value,
    /// For WebSockets.
    service: TowerServiceBuilder<Identity, Identity>,
    /// Calls in a request at most.
    batch: BatchRequestConfig,
    limits: Arc<ApiLimits>,
}

/// What answers for one chain.
struct Route {
    methods: Methods,
    together: Together,
    /// To HTTP requests.
    calls: Sends<Calls>,
}

/// The routes of a server that can be told to stop.
pub(crate) struct Served {
    routes: Routes,
    stop: StopHandle,
}

impl Routes {
    pub(crate) fn new(chains: Vec<Arc<Chain>>, limits: &ApiLimits, beside: &Beside) -> Result<Self, ApiError> {
        let first = chains.first().ok_or(ApiError::NoChains)?.name().to_owned();
        let index = chains.iter().map(|chain| {
            json!({
                "name": chain.name(),
                "chainId": U64::from(chain.chain_id()),
                "path": format!("/chains/{}", chain.name()),
            })
        });
        let index = json!({ "client": CLIENT_VERSION, "chains": index.collect::<Vec<_>>() });
        let mut chains_by_name = BTreeMap::new();
        for chain in chains {
            let name = chain.name().to_owned();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
                return Err(ApiError::BadName(name));
            }
            let api = Arc::new(ChainApi::new(chain, limits.clone(), beside));
            let (methods, together) = (Module::methods(api.clone())?, Together { api });
            let calls = together.layer(Calls { methods: methods.clone(), most: limits.longest_response() });
            let route = Route { methods, together, calls };
            if chains_by_name.insert(name.clone(), route).is_some() {
                return Err(ApiError::NameTaken(name));
            }
        }
        let service = Server::builder().set_config(config(limits)).to_service_builder();
        let batch = BatchRequestConfig::Limit(limits.batch_calls);
        Ok(Self { chains: chains_by_name, first, index, service, batch, limits: Arc::new(limits.clone()) })
    }

    /// The same, ending what is long when `stop` says so.
    pub(crate) fn stopped_by(self, stop: StopHandle) -> Served {
        Served { routes: self, stop }
    }

    async fn dispatch(&self, request: HttpRequest<Incoming>, stop: &StopHandle) -> HttpResponse {
        if request.method() == Method::OPTIONS {
            let mut response = with_status(StatusCode::NO_CONTENT, HttpBody::empty());
            PREFLIGHT.into_iter().for_each(|header| set(&mut response, header));
            return response;
        }
        let Some(route) = self.route(request.uri().path()) else {
            let names: Vec<_> = self.chains.keys().map(|name| format!("/chains/{name}")).collect();
            let error = format!("nothing at {}; the chains are at {}", request.uri().path(), names.join(", "));
            return with_status(StatusCode::NOT_FOUND, pretty(&json!({ "error": error })));
        };
        if request.method() != Method::GET {
            return self.call(request, route).await;
        }
        if !ws::is_upgrade_request(&request) {
            let mut response = with_status(StatusCode::OK, pretty(&self.index));
            set(&mut response, (header::CONTENT_TYPE, "application/json"));
            return response;
        }
        let bounded = Bounded { in_flight: in_flight(&request), limits: self.limits.clone() };
        // The first is the outermost.
        let layers = RpcServiceBuilder::new().layer(bounded).layer(route.together.clone()).layer(Unsubscribed);
        let service = self.service.clone().set_rpc_middleware(layers);
        let mut service = service.build(route.methods.clone(), stop.clone());
        service.call(request).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "a request failed in the transport");
            with_status(StatusCode::INTERNAL_SERVER_ERROR, HttpBody::empty())
        })
    }

    /// Answers a request without a WebSocket.
    async fn call(&self, request: HttpRequest<Incoming>, route: &Route) -> HttpResponse {
        let most = self.limits.request_bytes;
        // Of one that does not say how long it is, as if it were as long as it may be. What is longer is refused unread.
        let bytes = request.body().size_hint().upper().unwrap_or(u64::MAX).min(most.into());
        // Before it is read.
        let _underway = match in_flight(&request).begin(bytes, &self.limits) {
            Ok(underway) => underway,
            Err(error) => return too_many(error),
        };
        jsonrpsee_server::http::call_with_service(request, self.batch, most, route.calls.clone()).await
    }

    /// Of the chain that a path names.
    fn route(&self, path: &str) -> Option<&Route> {
        self.chains.get(chain_name(path)?.unwrap_or(&self.first))
    }
}

impl Answer for Served {
    type Body = HttpBody;

    async fn answer(&self, request: HttpRequest<Incoming>) -> HttpResponse {
        let mut response = self.routes.dispatch(request, &self.stop).await;
        set(&mut response, ANY_ORIGIN);
        response
    }
}

/// The chain that a path names: none when it names nothing, and inside none for the first one.
fn chain_name(path: &str) -> Option<Option<&str>> {
    let path = path.trim_end_matches('/');
    if path.is_empty() { Some(None) } else { path.strip_prefix("/chains/").map(Some) }
}

fn config(limits: &ApiLimits) -> ServerConfig {
    ServerConfig::builder()
        .max_request_body_size(limits.request_bytes)
        .max_response_body_size(limits.response_bytes)
        .max_connections(limits.connections)
        .max_subscriptions_per_connection(limits.subscriptions_per_connection)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch_calls))
        // Zero would panic there.
        .set_message_buffer_capacity(limits.buffered_messages.max(1))
        .enable_ws_ping(PingConfig::new())
        .set_id_provider(HexIds)
        .build()
}

/// What the connection of a request has in flight.
fn in_flight(request: &HttpRequest<Incoming>) -> Arc<InFlight> {
    // Every request has its connection: it is put there where they come in.
    request.extensions().get::<Connection>().map(|connection| connection.in_flight.clone()).unwrap_or_default()
}

/// The answer to a request that was not read. Clients try again by its status.
fn too_many(error: RpcError) -> HttpResponse {
    let answer = MethodResponse::error(Id::Null, error);
    let mut response = with_status(StatusCode::TOO_MANY_REQUESTS, HttpBody::from(answer.as_json().get().to_owned()));
    set(&mut response, (header::CONTENT_TYPE, "application/json"));
    response
}

fn set(response: &mut HttpResponse, (name, value): (HeaderName, &'static str)) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}

fn with_status(status: StatusCode, body: HttpBody) -> HttpResponse {
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    response
}

fn pretty(json: &Value) -> HttpBody {
    HttpBody::from(format!("{json:#}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, name: Option<Option<&str>>) {
        assert_eq!(chain_name(path), name, "{path}");
    }

    #[test]
    fn paths_name_chains() {
        check("/", Some(None));
        check("", Some(None));
        check("/chains/finance", Some(Some("finance")));
        check("/chains/finance/", Some(Some("finance")));
        check("/chains", None);
        check("/chains/", None);
        check("/finance", None);
        check("/chains/a/b", Some(Some("a/b")));
    }
}
