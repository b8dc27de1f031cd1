//! Building one block from the pool: execution feeds on candidates until the block is full or they are used up.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256};
use caldera_execution::{BlockExecutor, BlockOutcome, ExecutionError, Ground, TxError, TxRefusal};
use caldera_types::{BlockEnv, Digest, SYSTEM_ADDRESS, is_system_transaction};

use crate::{
    pool::{Candidates, PooledTx},
    readiness::{Gate, Gatekeeper},
};

/// How many transactions that do not fit are tried before a block counts as full.
const MAX_MISFITS: usize = 32;

/// A block that was built, and what became of the candidates.
pub(crate) struct Built {
    pub(crate) outcome: BlockOutcome,
    /// The sender of each transaction of the outcome.
    pub(crate) senders: Vec<Address>,
    /// Transactions that can never be included, with the reason.
    pub(crate) dropped: Vec<(Arc<PooledTx>, String)>,
}

/// Why no block was built.
pub(crate) enum Unbuilt {
    /// The transaction stages a component that is not compiled here: leave it out, and build again.
    Waits(Arc<PooledTx>, Digest),
    /// This node's failure.
    Node(ExecutionError),
}

impl From<ExecutionError> for Unbuilt {
    fn from(error: ExecutionError) -> Self {
        Self::Node(error)
    }
}

/// Runs candidates on the parent's state until the block is full, they are used up, or `time` is over. The time bounds
/// what the builder *takes in*; it has no say in what a transaction does. It runs from the end of the chain's own turn, and
/// one transaction is always taken: a migration or a hook that is slower than the interval must not keep all of them
/// out, the governor's `abort` least of all. Transactions in `held` are left out.
pub(crate) fn build(
    ground: Ground<'_>,
    env: BlockEnv,
    candidates: &mut Candidates,
    held: &BTreeSet<B256>,
    time: Duration,
) -> Result<Built, Unbuilt> {
    let (mut senders, mut dropped, mut misfits) = (Vec::new(), Vec::new(), 0);
    let mut taken: Vec<Arc<PooledTx>> = Vec::new();
    let gatekeeper = Gatekeeper::new(ground)?;
    let gates = |tx: &Arc<PooledTx>| (tx.hash, (tx.clone(), gatekeeper.judge(tx)));
    // The executor borrows the components, so their owners must outlive it.
    let gates: BTreeMap<B256, (Arc<PooledTx>, Gate)> = candidates.with_sidecar().map(gates).collect();
    let mut executor = BlockExecutor::begin(ground, env)?;
    let open = gates.values().filter(|(_, gate)| matches!(gate, Gate::Open));
    for component in open.flat_map(|(tx, _)| &tx.sidecar) {
        executor.offer(component);
    }
    let started = Instant::now();
    while let Some(tx) = candidates.peek().cloned() {
        let late = !taken.is_empty() && started.elapsed() > time;
        if late || misfits == MAX_MISFITS || executor.gas_left() < 21_000 {
            break;
        }
        if held.contains(&tx.hash) {
            candidates.skip_sender();
            continue;
        }
        match gates.get(&tx.hash).map(|(_, gate)| gate) {
            None | Some(Gate::Open | Gate::Alone) => {}
            Some(Gate::Wait) => {
                candidates.skip_sender();
                continue;
            }
            Some(Gate::Closed(why)) => {
                dropped.push((tx, why.clone()));
                candidates.skip_sender();
                continue;
            }
        }
        match executor.apply(&tx.tx, tx.sender) {
            Ok(_) => {
                taken.push(tx);
                candidates.advance(env.base_fee);
            }
            Err(TxError::Refused(TxRefusal::BlockFull { .. } | TxRefusal::NonceAhead { .. })) => {
                misfits += 1;
                candidates.skip_sender();
            }
            Err(TxError::Refused(TxRefusal::Invalid(why))) => {
                dropped.push((tx, why));
                candidates.skip_sender();
            }
            Err(TxError::Node(error)) => {
                return Err(match error.unready() {
                    Some(digest) => Unbuilt::Waits(tx, digest),
                    None => Unbuilt::Node(error),
                });
            }
        }
    }
    let outcome = executor.finish()?;
    let mut users = taken.iter().map(|tx| tx.sender);
    for tx in &outcome.transactions {
        let sender = if is_system_transaction(tx) { None } else { users.next() };
        senders.push(sender.unwrap_or(SYSTEM_ADDRESS));
    }
    Ok(Built { outcome, senders, dropped })
}
