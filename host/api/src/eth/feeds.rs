//! What subscriptions tell, as it happens.
//!
//! Heads and logs are complete and in order: when blocks overtake a subscriber, those in between are read back; when a development
//! chain goes back, they go on with the blocks that it then makes. Who does not keep up is dropped, with a last message that says
//! so: when its connection's buffer stays full for [`crate::ApiLimits::slow_subscriber`], or when it has missed pending
//! transactions, which nobody can read back.

use std::{sync::Arc, time::Duration};

use alloy_rpc_types_eth::Filter;
use caldera_chain::{ChainEvent, ExecutedBlock, PooledTx};
use jsonrpsee_core::server::SubscriptionMessage;
use jsonrpsee_server::{SendTimeoutError, SubscriptionSink};
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{context::ChainApi, convert};

/// Why a subscription is over.
pub(super) enum End {
    /// The subscriber left.
    Gone,
    /// This side ends it.
    Dropped(String),
}

/// Who is told.
pub(super) struct Subscriber {
    pub sink: SubscriptionSink,
    /// How long its connection's buffer may stay full.
    pub patience: Duration,
}

impl Subscriber {
    /// What happens next, or how much of it was missed; an end if there is nobody to tell of it.
    async fn next<T: Clone>(&self, happens: &mut Receiver<T>) -> Result<Result<T, u64>, End> {
        tokio::select! {
            () = self.sink.closed() => Err(End::Gone),
            next = happens.recv() => match next {
                Ok(next) => Ok(Ok(next)),
                Err(RecvError::Lagged(missed)) => Ok(Err(missed)),
                Err(RecvError::Closed) => Err(End::Dropped("the chain has stopped".into())),
            },
        }
    }

    async fn tell(&self, item: &impl Serialize) -> Result<(), End> {
        // The execution-apis' types serialise whatever they hold; should one not, it is left out and said.
        let json = serde_json::value::to_raw_value(item);
        let json = json.inspect_err(|error| tracing::error!(%error, "a subscription's message does not serialise"));
        let Ok(json) = json else { return Ok(()) };
        self.sink.send_timeout(SubscriptionMessage::from(json), self.patience).await.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => End::Dropped("too slow: messages are not read".into()),
            SendTimeoutError::Closed(_) => End::Gone,
        })
    }
}

/// Heads, or logs, from the block after the newest on.
pub(super) struct BlockFeed {
    api: Arc<ChainApi>,
    events: Receiver<ChainEvent>,
    /// Height of the last block that the subscriber was told of.
    told: u64,
    /// Which logs, if not heads.
    logs: Option<Box<Filter>>,
}

impl BlockFeed {
    pub fn of_heads(api: Arc<ChainApi>) -> Self {
        Self { events: api.chain.events(), told: api.head_number(), logs: None, api }
    }

    pub fn of_logs(api: Arc<ChainApi>, filter: Box<Filter>) -> Self {
        Self { logs: Some(filter), ..Self::of_heads(api) }
    }

    /// Tells of what happens next.
    pub async fn advance(&mut self, subscriber: &Subscriber) -> Result<(), End> {
        match subscriber.next(&mut self.events).await? {
            Ok(ChainEvent::Block(block)) if block.number() == self.told + 1 => self.tell(subscriber, &block).await,
            Ok(ChainEvent::Block(_)) | Err(_) => self.catch_up(subscriber).await,
            Ok(ChainEvent::WentBack(height)) => {
                self.told = self.told.min(height);
                Ok(())
            }
        }
    }

    /// Tells of the blocks up to the head of which the subscriber was not told.
    async fn catch_up(&mut self, subscriber: &Subscriber) -> Result<(), End> {
        // That the chain went back may be among what was missed.
        self.told = self.told.min(self.api.head_number());
        while self.told < self.api.head_number() {
            let (api, number) = (self.api.clone(), self.told + 1);
            let block = tokio::task::spawn_blocking(move || api.chain.block(number)).await;
            let Ok(Ok(Some(block))) = block else {
                return Err(End::Dropped(format!("block {number} cannot be read")));
            };
            self.tell(subscriber, &block).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, subscriber: &Subscriber, block: &ExecutedBlock) -> Result<(), End> {
        self.told = block.number();
        let Some(filter) = &self.logs else { return subscriber.tell(&convert::header(block)).await };
        for log in convert::logs(block, filter) {
            subscriber.tell(&log).await?;
        }
        Ok(())
    }
}

/// What enters the pool.
pub(super) struct PendingFeed {
    entered: Receiver<Arc<PooledTx>>,
    /// Whole transactions, or their hashes.
    full: bool,
}

impl PendingFeed {
    pub fn new(api: &ChainApi, full: bool) -> Self {
        Self { entered: api.chain.pending(), full }
    }

    /// Tells of what enters next.
    pub async fn advance(&mut self, subscriber: &Subscriber) -> Result<(), End> {
        match subscriber.next(&mut self.entered).await? {
            Ok(tx) if self.full => subscriber.tell(&convert::pending(&tx)).await,
            Ok(tx) => subscriber.tell(&tx.hash).await,
            Err(missed) => Err(End::Dropped(format!("too slow: {missed} transactions were missed"))),
        }
    }
}
