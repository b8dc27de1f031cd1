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
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// Tasks that come for those who wait. Nobody waits while there is none.
    takers: usize,
}

struct Waiting {
    tx: TxEnvelope,
    told: oneshot::Sender<Reply<B256>>,
}

impl Intake {
    /// Of a chain, with nothing that waits.
    pub(crate) fn new(chain: Arc<Chain>) -> Self {
        Self { chain, line: Arc::default() }
    }

    /// Takes a transaction in; its hash, once it would survive a crash. That it is taken in does not depend on who waits for this:
    /// one connection's end is nothing to the others.
    pub(crate) async fn take(&self, tx: TxEnvelope) -> Reply<B256> {
        let (told, answer) = oneshot::channel();
        let taker = {
            let mut line = self.line.lock();
            line.waiting.push_back(Waiting { tx, told });
            // For many one more, if there is another processor.
            let due = line.takers == 0 || line.waiting.len().is_multiple_of(AT_A_TIME);
            due.then(|| Taker::of(&self.line, &mut line))
        };
        if let Some(taker) = taker {
            task::spawn(taker.take_all(self.chain.clone()));
        }
        answer.await.unwrap_or_else(|_| Err(RpcError::Node("what takes transactions in ended".into())))
    }
}

/// Comes for those who wait, and is counted until it finds nobody, or panics.
struct Taker {
    line: Arc<Mutex<Line>>,
    counted: bool,
}

impl Taker {
    fn of(line: &Arc<Mutex<Line>>, locked: &mut Line) -> Self {
        locked.takers += 1;
        Self { line: line.clone(), counted: true }
    }

    async fn take_all(mut self, chain: Arc<Chain>) {
        loop {
            task::yield_now().await;
            let some = self.next();
            if some.is_empty() {
                return;
            }
            let (transactions, told): (Vec<_>, Vec<_>) =
                some.into_iter().map(|one| ((one.tx, Vec::new()), one.told)).unzip();
            // The next need not wait for the disk.
            task::spawn(answer(chain.accept_all(transactions), told));
        }
    }

    /// Those whose turn it is.
    fn next(&mut self) -> Vec<Waiting> {
        let mut line = self.line.lock();
        let count = at_once(line.waiting.len());
        if count == 0 {
            // Under the same lock: who comes now finds one less.
            line.takers -= 1;
            self.counted = false;
        }
        line.waiting.drain(..count).collect()
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        if self.counted {
            self.line.lock().takers -= 1;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxLegacy};
    use alloy_primitives::{Signature, U256};

    fn line(count: usize) -> Arc<Mutex<Line>> {
        let one = Signature::new(U256::from(1), U256::from(1), false);
        let waiting = || Waiting { tx: TxLegacy::default().into_signed(one).into(), told: oneshot::channel().0 };
        Arc::new(Mutex::new(Line { waiting: (0..count).map(|_| waiting()).collect(), takers: 0 }))
    }

    fn taker(line: &Arc<Mutex<Line>>) -> Taker {
        Taker::of(line, &mut line.lock())
    }

    #[test]
    fn odd_ones_wait_for_others_once() {
        for (waiting, turns) in
            [(0, vec![]), (1, vec![1]), (16, vec![16]), (20, vec![16, 4]), (150, vec![64, 64, 16, 6])]
        {
            let line = line(waiting);
            let mut taker = taker(&line);
            for turn in turns {
                assert_eq!(taker.next().len(), turn, "of {waiting}");
                assert_eq!(line.lock().takers, 1);
            }
            assert!(taker.next().is_empty());
            assert_eq!(line.lock().takers, 0);
            drop(taker);
            assert_eq!(line.lock().takers, 0);
        }
    }

    /// Were it counted on, nobody would come for those who wait.
    #[test]
    fn a_taker_that_panics_is_no_longer_counted() {
        let line = line(3);
        let taken = taker(&line);
        let panicked = std::thread::spawn(move || {
            let _taken = taken;
            panic!("of what takes in");
        });
        assert!(panicked.join().is_err());
        let line = line.lock();
        assert_eq!((line.takers, line.waiting.len()), (0, 3));
    }
}
