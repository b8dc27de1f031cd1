//! Transactions that come one by one, from many connections, are taken in together.
//!
//! Several signatures are recovered in the time of two, the pool is locked once, and the disk is waited for once. Nobody waits for
//! others to come: the runtime first hands on what has come already, then those that are there are taken in.

use std::{collections::VecDeque, sync::Arc};

use alloy_consensus::TxEnvelope;
use alloy_primitives::B256;
use caldera_chain::{Accepted, Chain, SubmitError};
use parking_lot::Mutex;
use tokio::{sync::oneshot, task};

use crate::errors::{Reply, RpcError};

/// Transactions that are taken in without a look at what else the thread has to do: a millisecond at most, about.
const AT_A_TIME: usize = 64;
/// Their signatures are recovered by so many: of more, the odd ones wait for the next.
const EVEN: usize = 16;

/// Where the transactions of a chain wait to be taken in.
pub(crate) struct Intake {
    chain: Arc<Chain>,
    waiting: Arc<Mutex<VecDeque<Waiting>>>,
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
        let due = {
            let mut waiting = self.waiting.lock();
            waiting.push_back(Waiting { tx, told });
            // For the first somebody has to come; for many, one more, if there is another processor.
            waiting.len() == 1 || waiting.len().is_multiple_of(AT_A_TIME)
        };
        if due {
            task::spawn(take_all(self.chain.clone(), self.waiting.clone()));
        }
        answer.await.unwrap_or_else(|_| Err(RpcError::Node("what takes transactions in ended".into())))
    }
}

/// Takes in what waits until nothing does.
async fn take_all(chain: Arc<Chain>, waiting: Arc<Mutex<VecDeque<Waiting>>>) {
    loop {
        task::yield_now().await;
        let some: Vec<_> = {
            let mut waiting = waiting.lock();
            let count = at_once(waiting.len());
            waiting.drain(..count).collect()
        };
        if some.is_empty() {
            return;
        }
        let (transactions, told): (Vec<_>, Vec<_>) =
            some.into_iter().map(|one| ((one.tx, Vec::new()), one.told)).unzip();
        // The next need not wait for the disk.
        task::spawn(answer(chain.accept_all(transactions), told));
    }
}

/// How many of those that wait are taken in at once.
fn at_once(waiting: usize) -> usize {
    let most = waiting.min(AT_A_TIME);
    if most > EVEN { most - most % EVEN } else { most }
}

/// Tells each what came of his, once all are on the disk.
async fn answer(accepted: Vec<Result<Accepted, SubmitError>>, told: Vec<oneshot::Sender<Reply<B256>>>) {
    for (accepted, told) in accepted.into_iter().zip(told) {
        let hash = match accepted {
            Ok(accepted) => accepted.settled().await.map_err(RpcError::from),
            Err(error) => Err(error.into()),
        };
        // Who sent it may be gone.
        let _ = told.send(hash);
    }
}
