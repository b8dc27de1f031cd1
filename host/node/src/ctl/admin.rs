//! The client of a node's admin API. The governor's key never comes here: it signs transactions, which go over JSON-RPC.

use std::{path::PathBuf, time::Duration};

use caldera_api::admin::{
    ErrorBody, Token, TokenError, TOKEN_FILE,
    view::{CheckedView, EnginesView, NodeView, ReadyView, ShadowReport, ShadowRequest},
};
use caldera_types::{Digest, EngineLimits, Grants, Interface};
use alloy_primitives::Address;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::de::DeserializeOwned;

use crate::{
    admin::{AdminSpec, Note},
    paths,
    rpc::{Endpoint, Rpc, RpcError},
};

/// A little longer than the node gives a request, so that its own answer arrives.
const TIMEOUT: Duration = Duration::from_secs(150);
/// Longest answer: the report of a shadow run with its samples.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Why the admin API gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum AdminClientError {
    /// There is no token to show.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The URL is not one of an admin API.
    #[error("'{url}' is no address of an admin API: {why}")]
    BadUrl {
        /// As it was given.
        url: String,
        /// Why not.
        why: String,
    },
    /// Nobody answers there.
    #[error("cannot reach the admin API at {url}: {why}; say where it is by --admin URL")]
    Unreachable {
        /// Where.
        url: String,
        /// What the transport says.
        why: String,
    },
    /// The node refused.
    #[error("{message} ({code}): {hint}")]
    Refused {
        /// For programs.
        code: String,
        /// What went wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The answer is not what the path promises.
    #[error("{path} gave an answer that does not decode: {why}")]
    BadAnswer {
        /// Which path.
        path: String,
        /// Why not.
        why: String,
    },
    /// The node runs other chains.
    #[error("the node at {url} does not run the chain {chain_id}; it runs: {}", known.join(", "))]
    OtherNode {
        /// Where its admin API is.
        url: String,
        /// Which chain was meant.
        chain_id: u64,
        /// The chains it has.
        known: Vec<String>,
    },
    /// The chain itself could not be asked.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// Where an admin API is, as far as somebody said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminPlace {
    /// `http://host:port`.
    pub url: Option<String>,
    /// File of the token.
    pub token_file: Option<PathBuf>,
    /// The node's data folder, in which the token lies.
    pub data: Option<PathBuf>,
}

impl AdminPlace {
    /// The URL and the token's file. What nobody said comes from the note that the node at `rpc` left, else from where things
    /// lie by default.
    fn resolve(&self, rpc: &Endpoint) -> (String, PathBuf) {
        let note = port_here(&rpc.http).and_then(|port| Note::find(&paths::runtime_folder(), port));
        let given = self.token_file.clone().or_else(|| self.data.as_ref().map(|data| data.join(TOKEN_FILE)));
        let noted = note.as_ref().map(|note| note.token_file.clone());
        let token_file = given.or(noted).unwrap_or_else(|| paths::data_folder().join(TOKEN_FILE));
        let url = self.url.clone().or(note.map(|note| note.admin));
        (url.unwrap_or_else(|| format!("http://127.0.0.1:{}", AdminSpec::PORT)), token_file)
    }
}

/// The port of a URL on this machine.
fn port_here(url: &str) -> Option<u16> {
    let url: Uri = url.parse().ok()?;
    let host = url.host()?.trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    url.port_u16().filter(|_| here)
}

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
        let mut admin =
            Self { client, url: url.trim_end_matches('/').to_owned(), token, chain: String::new() };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nodes_on_this_machine_leave_notes_for_us() {
        for (url, port) in [
            ("http://127.0.0.1:8545/chains/a", Some(8545)),
            ("http://localhost:1", Some(1)),
            ("http://[::1]:2/", Some(2)),
            ("http://10.0.0.1:8545", None),
            ("http://example.org", None),
            ("nonsense", None),
        ] {
            assert_eq!(port_here(url), port, "{url}");
        }
    }

    #[test]
    fn what_is_said_goes_before_what_is_found() {
        let rpc = Endpoint { http: "http://10.0.0.1:8545/chains/a".into() };
        let nothing = AdminPlace::default().resolve(&rpc);
        assert_eq!(nothing.0, "http://127.0.0.1:8546");
        assert!(nothing.1.ends_with("caldera/admin-token"), "{nothing:?}");
        let data = AdminPlace { data: Some("/d".into()), ..AdminPlace::default() };
        assert_eq!(data.resolve(&rpc).1, PathBuf::from("/d/admin-token"));
        let file = AdminPlace { url: Some("http://x:1".into()), token_file: Some("/t".into()), ..data };
        assert_eq!(file.resolve(&rpc), ("http://x:1".into(), PathBuf::from("/t")));
    }
}
