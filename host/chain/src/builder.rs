//! Building one block from the pool: execution feeds on candidates until the block is full or they are used up.

use std::{
    cell::OnceCell,
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256};
use caldera_execution::{BlockExecutor, BlockOutcome, ExecutionError, Ground, TxError, TxRefusal};
use caldera_types::{BlockEnv, Digest, SYSTEM_ADDRESS, is_system_transaction};

use crate::{
    pool::{Candidates, PooledTx},
    readiness::{Gate, Gatekeeper},
};

/// How many transactions that do not fit are tried before a block counts as full: few once little of its gas is left,
const MAX_MISFITS: usize = 32;
/// which is such a part of it;
const LITTLE: u64 = 16;
/// many before: some that ask for much, pay well and are never taken must not keep all others out.
const MAX_LARGE: usize = 16_384;
/// Gas of a transaction at least.
const LEAST_GAS: u64 = 21_000;

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
    candidates: &mut Candidates<'_>,
    held: &BTreeSet<B256>,
    time: Duration,
) -> Result<Built, Unbuilt> {
    let (mut senders, mut dropped, mut misfits, mut too_large) = (Vec::new(), Vec::new(), 0, 0);
    let mut taken: Vec<Arc<PooledTx>> = Vec::new();
    let gatekeeper = Gatekeeper::new(ground)?;
    // The executor borrows the components, so their owners must outlive it; a block holds no more of them than this.
    let owners = most_transactions(&env) + MAX_MISFITS;
    let owners: Box<[OnceCell<Arc<PooledTx>>]> = std::iter::repeat_with(OnceCell::new).take(owners).collect();
    let mut unowned = owners.iter();
    let little = env.gas_limit / LITTLE;
    let mut executor = BlockExecutor::begin(ground, env)?;
    let started = Instant::now();
    while let Some(tx) = candidates.peek().cloned() {
        let late = !taken.is_empty() && started.elapsed() > time;
        let left = executor.gas_left();
        let most = if left < little { MAX_MISFITS } else { MAX_LARGE };
        if late || misfits == MAX_MISFITS || too_large >= most || left < LEAST_GAS {
            break;
        }
        if tx.tx.gas_limit() > left {
            too_large += 1;
            candidates.skip_sender();
            continue;
        }
        if held.contains(&tx.hash) {
            candidates.skip_sender();
            continue;
        }
        match gatekeeper.judge(&tx) {
            Gate::Alone => {}
            Gate::Open if tx.sidecar.is_empty() => {}
            Gate::Open => {
                let Some(owner) = unowned.next() else { break };
                owner.get_or_init(|| tx.clone()).sidecar.iter().for_each(|component| executor.offer(component));
            }
            Gate::Wait => {
                candidates.skip_sender();
                continue;
            }
            Gate::Closed(why) => {
                dropped.push((tx, why));
                candidates.skip_sender();
                continue;
            }
        }
        match executor.apply(&tx.tx, tx.sender) {
            Ok(_) => {
                taken.push(tx);
                candidates.advance();
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

/// More than a block's gas has room for are not taken.
fn most_transactions(env: &BlockEnv) -> usize {
    usize::try_from(env.gas_limit / LEAST_GAS).unwrap_or(usize::MAX)
}
