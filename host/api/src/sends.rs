//! Transactions that come in one batch are taken in together.
//!
//! The server answers the calls of a batch one after the other, and `eth_sendRawTransaction` is answered once the disk has the
//! transaction: a batch of a hundred would wait for the disk a hundred times. Here those that follow each other in a batch
//! have their signatures recovered on all processors, enter the pool in their order, and wait for the disk once.
//!
//! Single calls go through.

use std::{
    num::NonZeroUsize,
    sync::{Arc, LazyLock},
    thread::available_parallelism,
};

use alloy_consensus::TxEnvelope;
use alloy_primitives::{B256, Bytes};
use jsonrpsee_core::middleware::{Batch, BatchEntry, BatchEntryErr, Notification, Request, RpcServiceT};
use jsonrpsee_server::{BatchResponseBuilder, MethodResponse, ResponsePayload};
use jsonrpsee_types::Params;
use tokio::sync::Semaphore;
use tower::Layer;

use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    eth::{SEND_RAW_TRANSACTION, decode_transaction},
    methods::param::RAW_TRANSACTION,
    module::mine_what_came,
};

/// Batches are taken in by one thread more than there are processors: while one hands its answers over, another is at work.
/// Still more would not take in more, and the thread that makes blocks would get the less of a processor the more
/// connections send.
static TURNS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(1 + available_parallelism().map_or(1, NonZeroUsize::get)));

/// Wraps what answers the calls of one chain.
#[derive(Clone)]
pub(crate) struct Together {
    pub(crate) api: Arc<ChainApi>,
}

impl<S> Layer<S> for Together {
    type Service = Sends<S>;

    fn layer(&self, inner: S) -> Sends<S> {
        Sends { inner, api: self.api.clone() }
    }
}

/// What answers the calls of one chain, with sends of a batch taken together.
#[derive(Clone)]
pub(crate) struct Sends<S> {
    inner: S,
    api: Arc<ChainApi>,
}

type Entry<'a> = Result<BatchEntry<'a>, BatchEntryErr<'a>>;

impl<S> RpcServiceT for Sends<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            NotificationResponse = MethodResponse,
            BatchResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.inner.call(request)
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.inner.notification(notification)
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move {
            // Who follows sends each on to its leader.
            if this.api.leader.is_some() || batch.iter().filter(|entry| is_send(entry)).count() < 2 {
                return this.inner.batch(batch).await;
            }
            let mut answers = Answers::new(this.api.limits.longest_response());
            let mut entries = batch.into_iter().peekable();
            while let Some(entry) = entries.next() {
                let done = match entry {
                    Ok(BatchEntry::Call(first)) if first.method == SEND_RAW_TRANSACTION => {
                        let mut calls = vec![first];
                        while let Some(Ok(BatchEntry::Call(next))) = entries.next_if(is_send) {
                            calls.push(next);
                        }
                        this.send(calls).await.into_iter().try_for_each(|answer| answers.take(answer))
                    }
                    other => answers.of(&this.inner, other).await,
                };
                if let Err(too_long) = done {
                    return too_long;
                }
            }
            answers.finish()
        }
    }
}

/// Answers what a batch asks, one after the other.
pub(crate) async fn in_order<S>(service: &S, batch: Batch<'_>, most: usize) -> MethodResponse
where
    S: RpcServiceT<MethodResponse = MethodResponse, NotificationResponse = MethodResponse>,
{
    let mut answers = Answers::new(most);
    for entry in batch {
        if let Err(too_long) = answers.of(service, entry).await {
            return too_long;
        }
    }
    answers.finish()
}

/// The answers to a batch.
struct Answers {
    answers: BatchResponseBuilder,
    /// Something came that is not to be answered.
    notified: bool,
}

impl Answers {
    fn new(most: usize) -> Self {
        Self { answers: BatchResponseBuilder::new_with_limit(most), notified: false }
    }

    /// One more; an error is the answer to the whole batch, which has become too long.
    fn take(&mut self, answer: MethodResponse) -> Result<(), MethodResponse> {
        self.answers.append(answer)
    }

    /// The answer to one entry, if it is to have any.
    async fn of<S>(&mut self, service: &S, entry: Entry<'_>) -> Result<(), MethodResponse>
    where
        S: RpcServiceT<MethodResponse = MethodResponse, NotificationResponse = MethodResponse>,
    {
        match entry {
            Ok(BatchEntry::Call(call)) => self.take(service.call(call).await),
            Ok(BatchEntry::Notification(notification)) => {
                self.notified = true;
                service.notification(notification).await;
                Ok(())
            }
            Err(error) => {
                let (error, id) = error.into_parts();
                self.take(MethodResponse::error(id, error))
            }
        }
    }

    /// All of them. Of a batch that asked nothing at all, an error.
    fn finish(self) -> MethodResponse {
        match self.answers.is_empty() && self.notified {
            true => MethodResponse::notification(),
            false => MethodResponse::from_batch(self.answers.finish()),
        }
    }
}

impl<S> Sends<S> {
    /// Takes them in, and answers once all are on the disk or refused.
    async fn send(&self, calls: Vec<Request<'_>>) -> Vec<MethodResponse> {
        let api = self.api.clone();
        let raw: Vec<_> = calls.iter().map(raw_of).collect();
        let mut hashes = take_in(api.clone(), raw).await;
        if let Err(error) = mine_what_came(api).await {
            hashes.fill_with(|| Err(RpcError::Node(error.to_string())));
        }
        let answer = |(call, hash): (Request<'_>, Reply<B256>)| {
            let payload = match hash {
                Ok(hash) => ResponsePayload::success(hash),
                Err(error) => ResponsePayload::error(error),
            };
            MethodResponse::response(call.id, payload, self.api.limits.longest_response())
                .with_extensions(call.extensions)
        };
        calls.into_iter().zip(hashes).map(answer).collect()
    }
}

fn is_send(entry: &Entry<'_>) -> bool {
    matches!(entry, Ok(BatchEntry::Call(call)) if call.method == SEND_RAW_TRANSACTION)
}

fn raw_of(call: &Request<'_>) -> Reply<Bytes> {
    let params = Params::new(call.params.as_ref().map(|params| params.get()));
    Args::new(&params, &[RAW_TRANSACTION])?.next()
}

/// The hash of each, once it would survive a crash.
async fn take_in(api: Arc<ChainApi>, raw: Vec<Reply<Bytes>>) -> Vec<Reply<B256>> {
    let count = raw.len();
    let accept = move || {
        let decoded: Vec<Reply<TxEnvelope>> = raw.into_iter().map(|raw| decode_transaction(&raw?)).collect();
        let mut refused = Vec::new();
        let mut fit = Vec::new();
        for tx in decoded {
            match tx {
                Ok(tx) => {
                    fit.push((tx, Vec::new()));
                    refused.push(None);
                }
                Err(error) => refused.push(Some(error)),
            }
        }
        let mut accepted = api.chain.accept_all(fit).into_iter();
        let missing = || RpcError::Node("a transaction of a batch was not answered".into());
        let answer = |refused: Option<RpcError>| match refused {
            Some(error) => Err(error),
            None => Ok(accepted.next().ok_or_else(missing)??),
        };
        refused.into_iter().map(answer).collect::<Vec<Reply<_>>>()
    };
    // A closed one would let all in.
    let turn = TURNS.acquire().await;
    let accepted = tokio::task::spawn_blocking(accept).await;
    drop(turn);
    let accepted = match accepted {
        Ok(accepted) => accepted,
        Err(error) => {
            let failed = || Err(RpcError::Node(format!("accepting transactions: {error}")));
            return (0..count).map(|_| failed()).collect();
        }
    };
    let mut hashes = Vec::with_capacity(count);
    for accepted in accepted {
        hashes.push(match accepted {
            Ok(accepted) => accepted.settled().await.map_err(RpcError::from),
            Err(error) => Err(error),
        });
    }
    hashes
}
