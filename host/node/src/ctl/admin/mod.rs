//! The client of a node's admin API. The governor's key never comes here: it signs transactions, which go over JSON-RPC.

mod error;
mod place;

use std::time::Duration;

use alloy_primitives::Address;
use caldera_api::admin::{
    ErrorBody, Token,
    view::{CheckedView, EnginesView, NodeView, ReadyView, ShadowReport, ShadowRequest},
};
use caldera_types::{Digest, EngineLimits, Grants, Interface};
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::de::DeserializeOwned;

pub use error::AdminClientError;
pub use place::AdminPlace;

use crate::rpc::Rpc;

/// A little longer than the node gives a request, so that its own answer arrives.
const TIMEOUT: Duration = Duration::from_secs(150);
/// Longest answer: the report of a shadow run with its samples.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A client of one chain's admin API.
#[derive(Clone, Debug)]
pub struct Admin {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    token: Token,
    /// The chain's name there.
    chain: String,
}

impl Admin {
    /// The admin API of the node that runs the chain of `rpc`.
    pub async fn of(place: &AdminPlace, rpc: &Rpc) -> Result<Self, AdminClientError> {
        let (url, token_file) = place.resolve(rpc.endpoint());
        let bad = |why: &str| AdminClientError::BadUrl { url: url.clone(), why: why.to_owned() };
        let parsed: Uri = url.parse().map_err(|error: http::uri::InvalidUri| bad(&error.to_string()))?;
        if parsed.scheme_str() != Some("http") || parsed.host().is_none() {
            return Err(bad("expected http://host:port; for one that is elsewhere, forward its port by ssh"));
        }
        let token = Token::read(&token_file)?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut admin = Self { client, url: url.trim_end_matches('/').to_owned(), token, chain: String::new() };
        // By its id: a name is this node's own, and an `arm` is signed for the id.
        let chain_id = rpc.chain_id().await?;
        let node: NodeView = admin.get("/v1/chains").await?;
        let known = || node.chains.iter().map(|chain| format!("{} ({})", chain.name, chain.chain_id)).collect();
        admin.chain = match node.chains.iter().find(|chain| chain.chain_id == chain_id) {
            Some(chain) => chain.name.clone(),
            None => return Err(AdminClientError::OtherNode { url: admin.url, chain_id, known: known() }),
        };
        Ok(admin)
    }

    /// What every node of the chain would say of a component.
    pub async fn check(
        &self,
        component: &[u8],
        grants: Grants,
        limits: &EngineLimits,
    ) -> Result<CheckedView, AdminClientError> {
        let granted = Interface::ALL.into_iter().filter(|interface| grants.allows(*interface));
        let path = format!(
            "/v1/chains/{}/check?grants={}&memoryPages={}&fuelPerCall={}&valueBytes={}&subcallDepth={}",
            self.chain,
            granted.map(Interface::name).collect::<Vec<_>>().join(","),
            limits.memory_pages,
            limits.fuel_per_call,
            limits.value_bytes,
            limits.subcall_depth
        );
        self.send(Method::POST, &path, Bytes::copy_from_slice(component)).await
    }

    /// The registry, and how far each component has come there.
    pub async fn engines(&self) -> Result<EnginesView, AdminClientError> {
        self.get(&format!("/v1/chains/{}/engines", self.chain)).await
    }

    /// The arm check.
    pub async fn ready(&self, digest: Digest) -> Result<ReadyView, AdminClientError> {
        self.get(&format!("/v1/chains/{}/engines/{digest}/ready", self.chain)).await
    }

    /// Compiles a staged component, and waits for it.
    pub async fn prepare(&self, digest: Digest) -> Result<ReadyView, AdminClientError> {
        let path = format!("/v1/chains/{}/engines/{digest}/prepare", self.chain);
        self.send(Method::POST, &path, Bytes::new()).await
    }

    /// Starts a shadow run.
    pub async fn shadow(&self, mount: Address, request: &ShadowRequest) -> Result<ShadowReport, AdminClientError> {
        let path = self.shadow_path(mount);
        let body = serde_json::to_vec(request)
            .map_err(|error| AdminClientError::BadAnswer { path: path.clone(), why: error.to_string() })?;
        self.send(Method::PUT, &path, body.into()).await
    }

    /// Ends a shadow run.
    pub async fn end_shadow(&self, mount: Address) -> Result<ShadowReport, AdminClientError> {
        self.send(Method::DELETE, &self.shadow_path(mount), Bytes::new()).await
    }

    /// The report of a shadow run.
    pub async fn shadow_report(&self, mount: Address) -> Result<ShadowReport, AdminClientError> {
        self.get(&self.shadow_path(mount)).await
    }

    fn shadow_path(&self, mount: Address) -> String {
        format!("/v1/chains/{}/shadows/{mount}", self.chain)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AdminClientError> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    async fn send<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, AdminClientError> {
        let url = format!("{}{path}", self.url);
        let unreachable = |why: String| AdminClientError::Unreachable { url: self.url.clone(), why };
        let request = Request::builder()
            .method(method)
            .uri(&url)
            .header(header::AUTHORIZATION, self.token.bearer())
            .body(Full::new(body))
            .map_err(|error| AdminClientError::BadUrl { url: url.clone(), why: error.to_string() })?;
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|error| unreachable(causes(&error)))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
            Ok::<_, AdminClientError>((status, body.map_err(|error| unreachable(error.to_string()))?.to_bytes()))
        };
        let late = |_| unreachable(format!("no answer within {} s", TIMEOUT.as_secs()));
        let (status, body) = tokio::time::timeout(TIMEOUT, exchange).await.map_err(late)??;
        decode(path, status, &body)
    }
}

fn decode<T: DeserializeOwned>(path: &str, status: StatusCode, body: &[u8]) -> Result<T, AdminClientError> {
    let bad = |why: String| AdminClientError::BadAnswer { path: path.to_owned(), why };
    if status.is_success() {
        return serde_json::from_slice(body).map_err(|error| bad(error.to_string()));
    }
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(ErrorBody { error }) => {
            Err(AdminClientError::Refused { code: error.code, message: error.message, hint: error.hint })
        }
        Err(_) => Err(bad(format!("status {status}"))),
    }
}

/// An error with what caused it: the transport's own text alone says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text += &format!(": {inner}");
        cause = inner.source();
    }
    text
}
