//! One chain's JSON-RPC, typed.

use std::time::Duration;

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, Bytes, TxHash, U64, U256};
use alloy_rpc_types_eth::{Block, Filter, Log, Transaction, TransactionReceipt};
use alloy_sol_types::SolCall;
use jsonrpsee_core::{
    client::{BatchResponse, ClientT},
    params::{ArrayParams, BatchRequestBuilder},
    rpc_params,
};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::RpcError;

/// A block with the hashes of its transactions.
pub type RpcBlock = Block;
/// A receipt.
pub type RpcReceipt = TransactionReceipt;
/// A log with its place.
pub type RpcLog = Log;

/// Most requests in one batch.
const BATCH: usize = 200;
/// A call may run for seconds; more than this is a node that hangs.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A staged component travels as hexadecimal digits in one request.
const MAX_REQUEST_BYTES: u32 = 64 * 1024 * 1024;

/// Where a chain is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `http://host:port/chains/<name>`.
    pub http: String,
}

impl Endpoint {
    /// The chain of that name on a node.
    pub fn of(node: &str, chain: &str) -> Self {
        Self { http: format!("{}/chains/{chain}", node.trim_end_matches('/')) }
    }

    /// The same over WebSocket.
    pub fn ws(&self) -> String {
        self.http.replacen("http", "ws", 1)
    }
}

/// A client of one chain. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Rpc {
    client: HttpClient,
    endpoint: Endpoint,
}

impl Rpc {
    /// A client; nothing is sent yet.
    pub fn new(endpoint: Endpoint) -> Result<Self, RpcError> {
        let client = HttpClientBuilder::default()
            .request_timeout(TIMEOUT)
            .max_request_size(MAX_REQUEST_BYTES)
            .max_response_size(MAX_REQUEST_BYTES)
            .build(&endpoint.http)
            .map_err(|error| RpcError::from_client(&endpoint.http, "connect", error))?;
        Ok(Self { client, endpoint })
    }

    /// Where the chain is served.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// One request.
    pub async fn request<T: DeserializeOwned>(&self, method: &'static str, params: ArrayParams) -> Result<T, RpcError> {
        let answer = self.client.request(method, params).await;
        answer.map_err(|error| RpcError::from_client(&self.endpoint.http, method, error))
    }

    /// Many requests of one method, in as few round trips as the node takes; answers in the order of the questions.
    pub async fn batch<T: DeserializeOwned + std::fmt::Debug + 'static>(
        &self,
        method: &'static str,
        questions: &[ArrayParams],
    ) -> Result<Vec<T>, RpcError> {
        self.batch_each(method, questions).await?.into_iter().collect()
    }

    /// The same; one that is refused does not stop the others.
    async fn batch_each<T: DeserializeOwned + std::fmt::Debug + 'static>(
        &self,
        method: &'static str,
        questions: &[ArrayParams],
    ) -> Result<Vec<Result<T, RpcError>>, RpcError> {
        let mut answers = Vec::with_capacity(questions.len());
        for chunk in questions.chunks(BATCH) {
            let mut batch = BatchRequestBuilder::new();
            for params in chunk {
                batch
                    .insert(method, params.clone())
                    .map_err(|error| RpcError::BadAnswer { what: method.to_owned(), why: error.to_string() })?;
            }
            let response: BatchResponse<'_, T> = self
                .client
                .batch_request(batch)
                .await
                .map_err(|error| RpcError::from_client(&self.endpoint.http, method, error))?;
            for answer in response {
                answers
                    .push(answer.map_err(|error| {
                        RpcError::from_client(&self.endpoint.http, method, error.into_owned().into())
                    }));
            }
        }
        Ok(answers)
    }

    /// EIP-155 chain id.
    pub async fn chain_id(&self) -> Result<u64, RpcError> {
        Ok(self.request::<U64>("eth_chainId", rpc_params![]).await?.to())
    }

    /// Height of the head.
    pub async fn block_number(&self) -> Result<u64, RpcError> {
        Ok(self.request::<U64>("eth_blockNumber", rpc_params![]).await?.to())
    }

    /// A block with the hashes of its transactions; none above the head.
    pub async fn block(&self, number: u64) -> Result<Option<RpcBlock>, RpcError> {
        self.request("eth_getBlockByNumber", rpc_params![U64::from(number), false]).await
    }

    /// The head.
    pub async fn head(&self) -> Result<RpcBlock, RpcError> {
        self.request("eth_getBlockByNumber", rpc_params!["latest", false]).await
    }

    /// Next nonces of accounts, transactions that wait included.
    pub async fn nonces(&self, of: &[Address], tag: &str) -> Result<Vec<u64>, RpcError> {
        let questions: Vec<_> = of.iter().map(|address| rpc_params![address, tag]).collect();
        let nonces: Vec<U64> = self.batch("eth_getTransactionCount", &questions).await?;
        Ok(nonces.into_iter().map(|nonce| nonce.to()).collect())
    }

    /// Calls a view function at the head.
    pub async fn call<C: SolCall>(&self, to: Address, call: C) -> Result<C::Return, RpcError> {
        self.call_from(Address::ZERO, to, call).await
    }

    /// Calls a function at the head as `from` would, without a transaction.
    pub async fn call_from<C: SolCall>(&self, from: Address, to: Address, call: C) -> Result<C::Return, RpcError> {
        let request = json!({ "from": from, "to": to, "data": Bytes::from(call.abi_encode()) });
        let answer = self.request("eth_call", rpc_params![request, "latest"]).await;
        decode::<C>(answer.map_err(|error| error.about(C::SIGNATURE))?)
    }

    /// Calls a view function many times at the head.
    pub async fn call_many<C: SolCall>(&self, to: Address, calls: &[C]) -> Result<Vec<C::Return>, RpcError> {
        self.call_each(to, calls).await?.into_iter().collect()
    }

    /// The same; one that reverts does not stop the others.
    pub async fn call_each<C: SolCall>(
        &self,
        to: Address,
        calls: &[C],
    ) -> Result<Vec<Result<C::Return, RpcError>>, RpcError> {
        let question = |call: &C| rpc_params![json!({ "to": to, "data": Bytes::from(call.abi_encode()) }), "latest"];
        let questions: Vec<_> = calls.iter().map(question).collect();
        let answers: Vec<Result<Bytes, _>> = self.batch_each("eth_call", &questions).await?;
        let answers = answers.into_iter().map(|answer| decode::<C>(answer.map_err(|error| error.about(C::SIGNATURE))?));
        Ok(answers.collect())
    }

    /// Gas that a transaction of `from` would take at the head. One that would revert says why.
    pub async fn estimate<C: SolCall>(&self, from: Address, to: Address, call: &C) -> Result<u64, RpcError> {
        let request = json!({ "from": from, "to": to, "data": Bytes::from(call.abi_encode()) });
        let gas: Result<U64, _> = self.request("eth_estimateGas", rpc_params![request, "latest"]).await;
        // The name alone: the tuples of some signatures take a line and say nothing.
        let name = C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE);
        Ok(gas.map_err(|error| error.about(name))?.to())
    }

    /// Sends a signed transaction.
    pub async fn send_raw(&self, raw: &Bytes) -> Result<TxHash, RpcError> {
        self.request("eth_sendRawTransaction", rpc_params![raw]).await
    }

    /// Sends many signed transactions, in order.
    pub async fn send_many(&self, raw: &[Bytes]) -> Result<Vec<TxHash>, RpcError> {
        let questions: Vec<_> = raw.iter().map(|raw| rpc_params![raw]).collect();
        self.batch("eth_sendRawTransaction", &questions).await
    }

    /// Sends a signed transaction together with components that it names.
    pub async fn send_with_sidecar(&self, raw: &Bytes, components: &[&Bytes]) -> Result<TxHash, RpcError> {
        self.request("caldera_sendRawTransactionWithSidecar", rpc_params![raw, components]).await
    }

    /// Receipts, in the order of the hashes; none for what is in no block.
    pub async fn receipts(&self, hashes: &[TxHash]) -> Result<Vec<Option<RpcReceipt>>, RpcError> {
        let questions: Vec<_> = hashes.iter().map(|hash| rpc_params![hash]).collect();
        self.batch("eth_getTransactionReceipt", &questions).await
    }

    /// Every receipt of a block.
    pub async fn block_receipts(&self, number: u64) -> Result<Vec<RpcReceipt>, RpcError> {
        self.request("eth_getBlockReceipts", rpc_params![U64::from(number)]).await
    }

    /// Why a transaction failed in a block, as far as asking the same call again before that block can tell.
    pub(super) async fn why_failed(&self, hash: TxHash, block: u64) -> String {
        match self.ask_again(hash, block).await {
            Ok(()) => {
                "it succeeds when it is asked again before that block: something earlier in it stood in its way".into()
            }
            Err(error) => error.to_string(),
        }
    }

    async fn ask_again(&self, hash: TxHash, block: u64) -> Result<(), RpcError> {
        let tx: Transaction = self.request("eth_getTransactionByHash", rpc_params![hash]).await?;
        let request = json!({
            "from": tx.inner.signer(), "to": tx.to(), "data": tx.input(), "value": tx.value(), "gas": U64::from(tx.gas_limit()),
        });
        let before = U64::from(block.saturating_sub(1));
        let _: Bytes =
            self.request("eth_call", rpc_params![request, before]).await.map_err(|e: RpcError| e.about("it"))?;
        Ok(())
    }

    /// Logs that fit a filter.
    pub async fn logs(&self, filter: &Filter) -> Result<Vec<RpcLog>, RpcError> {
        self.request("eth_getLogs", rpc_params![filter]).await
    }

    /// Wei per gas that a transaction should offer now.
    pub async fn gas_price(&self) -> Result<u128, RpcError> {
        Ok(self.request::<U256>("eth_gasPrice", rpc_params![]).await?.saturating_to())
    }
}

fn decode<C: SolCall>(answer: Bytes) -> Result<C::Return, RpcError> {
    C::abi_decode_returns(&answer)
        .map_err(|error| RpcError::BadAnswer { what: C::SIGNATURE.to_owned(), why: error.to_string() })
}
