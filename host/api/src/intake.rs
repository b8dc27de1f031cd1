//! Transactions that come one by one, from many connections, are taken in together.
//!
//! Several signatures are recovered in the time of two, the pool is locked once, and the disk is waited for once. Nobody waits for
//! others to come: the runtime first hands on what has come already, then those that are there are taken in.

use std::{mem, sync::Arc};

use alloy_consensus::TxEnvelope;
use alloy_primitives::B256;
use caldera_chain::{Accepted, Chain};
use parking_lot::Mutex;
use tokio::{sync::oneshot, task};

use crate::errors::{Reply, RpcError};

/// Transactions that are taken in without a look at what else the thread has to do: some milliseconds at most.
const AT_A_TIME: usize = 64;

/// Where the transactions of a chain wait to be taken in.
pub(crate) struct Intake {
    chain: Arc<Chain>,
    waiting: Arc<Mutex<Vec<Waiting>>>,
}

struct Waiting {
    tx: TxEnvelope,
    told: oneshot::Sender<Reply<B256>>,
}

impl Intake {
    /// Of a chain, with nothing that waits.
    pub(crate) fn new(chain: Arc<Chain>) -> Self {
        Self { chain, waiting: Arc::default() }
    }

    /// Takes a transaction in; its hash, once it would survive a crash. That it is taken in does not depend on who waits for this:
    /// one connection's end is nothing to the others.
    pub(crate) async fn take(&self, tx: TxEnvelope) -> Reply<B256> {
        let (told, answer) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting.lock();
            waiting.push(Waiting { tx, told });
            waiting.len() == 1
        };
        if first {
            task::spawn(take_all(self.chain.clone(), self.waiting.clone()));
        }
        answer.await.unwrap_or_else(|_| Err(RpcError::Node("what takes transactions in ended".into())))
    }
}

async fn take_all(chain: Arc<Chain>, waiting: Arc<Mutex<Vec<Waiting>>>) {
    task::yield_now().await;
    let all = mem::take(&mut *waiting.lock());
    let (transactions, told): (Vec<_>, Vec<_>) = all.into_iter().map(|one| ((one.tx, Vec::new()), one.told)).unzip();
    let mut transactions = transactions.into_iter();
    let mut accepted = Vec::with_capacity(told.len());
    while transactions.len() > 0 {
        accepted.extend(chain.accept_all(transactions.by_ref().take(AT_A_TIME).collect()));
        task::yield_now().await;
    }
    for (accepted, told) in accepted.into_iter().zip(told) {
        let hash = match accepted {
            Ok(accepted) => settled(accepted).await,
            Err(error) => Err(error.into()),
        };
        // Who sent it may be gone.
        let _ = told.send(hash);
    }
}

async fn settled(accepted: Accepted) -> Reply<B256> {
    Ok(accepted.settled().await?)
}
