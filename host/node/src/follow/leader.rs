//! What a follower sends on: transactions, which only the leader takes into blocks.

use std::{future::Future, pin::Pin};

use caldera_api::Leader;
use jsonrpsee_core::{ClientError, client::ClientT, params::ArrayParams};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use jsonrpsee_types::ErrorObjectOwned;
use serde_json::Value;

use crate::rpc::RpcError;

/// JSON-RPC's code for what a server met inside.
const INTERNAL: i32 = -32603;
/// A staged component travels as hexadecimal digits in one request.
const MAX_REQUEST_BYTES: u32 = 64 << 20;

/// A leader that is asked over HTTP.
pub(crate) struct HttpLeader {
    url: String,
    client: HttpClient,
}

impl HttpLeader {
    pub(crate) fn new(url: String) -> Result<Self, RpcError> {
        let client = HttpClientBuilder::default().max_request_size(MAX_REQUEST_BYTES).build(&url);
        let client = client.map_err(|error| RpcError::from_client(&url, "connect", error))?;
        Ok(Self { url, client })
    }

    async fn ask(&self, method: &'static str, params: Vec<Value>) -> Result<Value, ErrorObjectOwned> {
        let mut positional = ArrayParams::new();
        let failed = |why: String| ErrorObjectOwned::owned(INTERNAL, why, None::<()>);
        for param in params {
            positional.insert(param).map_err(|error| failed(error.to_string()))?;
        }
        self.client.request(method, positional).await.map_err(|error| match error {
            ClientError::Call(refused) => refused,
            error => {
                failed(format!("the leader {} does not answer, and only it takes transactions: {error}", self.url))
            }
        })
    }
}

impl Leader for HttpLeader {
    fn request(
        &self,
        method: &'static str,
        params: Vec<Value>,
    ) -> Pin<Box<dyn Future<Output = Result<Value, ErrorObjectOwned>> + Send + '_>> {
        Box::pin(self.ask(method, params))
    }
}
