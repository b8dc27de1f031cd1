//! Taking transactions in: from a client, and after a restart from the pool's journal.

use std::{
    collections::HashSet,
    num::NonZeroUsize,
    sync::Arc,
    thread::{self, available_parallelism},
};

use alloy_consensus::{Transaction, TxEnvelope, transaction::SignerRecoverable};
use alloy_primitives::{Address, B256, U256};
use caldera_state::{ChainState, StateView};
use caldera_types::{
    Component, is_system_transaction,
    limits::{MAX_SIDECAR_COMPONENTS, TX_GAS},
};
use parking_lot::Mutex;

use crate::{
    chain::{Chain, ChainEvent},
    error::{ChainError, SubmitError},
    pool::{
        Pool, PooledTx,
        journal::{Batch, JournalError, Reader},
    },
    spec::ChainSpec,
};

/// Gas of a transaction before its data (EIP-2718 types with a recipient).
const TX_BASE_GAS: u64 = 21_000;
/// Transactions of the journal that are read at a time.
const RESTORED_AT_A_TIME: usize = 4_096;

/// A transaction that is in the pool, and on its way into the journal. Its sender may be told so once it is there.
#[must_use = "a transaction is accepted only once it is in the journal"]
pub struct Accepted {
    tx: Arc<PooledTx>,
    batch: Arc<Batch>,
    pool: Arc<Mutex<Pool>>,
}

impl Accepted {
    /// Waits on this thread until the transaction would survive a crash.
    pub fn wait(self) -> Result<B256, SubmitError> {
        let outcome = self.batch.wait();
        self.end(outcome)
    }

    /// The same without a thread.
    pub async fn settled(self) -> Result<B256, SubmitError> {
        let outcome = self.batch.settled().await;
        self.end(outcome)
    }

    fn end(self, outcome: Result<(), Arc<JournalError>>) -> Result<B256, SubmitError> {
        match outcome {
            Ok(()) => Ok(self.tx.hash),
            Err(error) => {
                // What is refused must not happen all the same, unless a block already has it.
                self.pool.lock().remove(&self.tx);
                Err(ChainError::from(error).into())
            }
        }
    }
}

impl Chain {
    /// Takes a signed transaction into the pool, with the components that it stages, and returns once it would survive a
    /// crash.
    pub fn submit(&self, tx: TxEnvelope, sidecar: Vec<Component>) -> Result<B256, SubmitError> {
        self.accept(tx, sidecar)?.wait()
    }

    /// The same without waiting for the disk. Recovers the signature here, on the caller's thread, so that block building never
    /// has to.
    pub fn accept(&self, tx: TxEnvelope, sidecar: Vec<Component>) -> Result<Accepted, SubmitError> {
        if let Some(reason) = self.halted() {
            return Err(SubmitError::Halted(reason));
        }
        check_form(&self.spec, &tx, &sidecar)?;
        let sender = tx.recover_signer().map_err(|_| SubmitError::BadSignature)?;
        let hash = *tx.tx_hash();
        let pooled = Arc::new(PooledTx { tx, sender, hash, sidecar });
        self.enter_pool(&pooled)?;
        let batch = self.journal.append(&pooled).inspect_err(|_| self.pool.lock().remove(&pooled));
        let batch = batch.map_err(ChainError::from)?;
        self.compile_ahead(&pooled);
        // Nobody listening is no failure.
        let _ = self.events.send(ChainEvent::Pending(pooled.clone()));
        Ok(Accepted { tx: pooled, batch, pool: self.pool.clone() })
    }

    /// Checks a transaction against the newest state and adds it to the pool.
    ///
    /// A block may be published after the state was read, and the pool told of it before the transaction is in: then the
    /// pool would take the account's old nonce for its next, and wait for it for ever. So the head must still be the one
    /// that was read once the pool is locked; a block that is published later tells the pool after this.
    fn enter_pool(&self, pooled: &Arc<PooledTx>) -> Result<(), SubmitError> {
        loop {
            let head = self.head();
            let view = self.state.at_block(head.number(), head.block.header.state_root)?;
            let account = view.account(pooled.sender)?.unwrap_or_default();
            let gas = U256::from(pooled.tx.gas_limit()) * U256::from(pooled.tx.max_fee_per_gas());
            let (balance, cost) = (account.balance, gas.saturating_add(pooled.tx.value()));
            if balance < cost {
                return Err(SubmitError::InsufficientFunds { address: pooled.sender, balance, cost });
            }
            let mut pool = self.pool.lock();
            if Arc::ptr_eq(&head, &self.head()) {
                return pool.add(pooled.clone(), account.nonce);
            }
        }
    }
}

/// Takes in what the journal has and no block has: it was accepted before. What became unfit meanwhile, because the limits
/// or the rules are others, is named in the node's log.
pub(crate) fn restore(
    spec: &ChainSpec,
    state: &ChainState,
    pool: &mut Pool,
    mut journal: Reader,
) -> Result<(), ChainError> {
    let view = state.flat();
    let (mut seen, mut restored, mut used) = (HashSet::new(), 0_u64, 0_u64);
    loop {
        let records: Vec<_> = journal.by_ref().take(RESTORED_AT_A_TIME).collect::<Result<_, _>>()?;
        if records.is_empty() {
            break;
        }
        let transactions = records.into_iter().filter_map(|record| record.transaction());
        // Generations overlap.
        let fresh: Vec<_> = transactions.filter(|(tx, _)| seen.insert(*tx.tx_hash())).collect();
        for (sender, (tx, sidecar)) in senders(&fresh).into_iter().zip(fresh) {
            let hash = *tx.tx_hash();
            let take = || {
                check_form(spec, &tx, &sidecar)?;
                let sender = sender.ok_or(SubmitError::BadSignature)?;
                let nonce = view.account(sender)?.map_or(0, |account| account.nonce);
                pool.restore(Arc::new(PooledTx { tx, sender, hash, sidecar }), nonce)
            };
            match take() {
                Ok(()) => restored += 1,
                // A block has it, or what replaced it.
                Err(SubmitError::NonceTooLow { .. } | SubmitError::AlreadyKnown | SubmitError::Underpriced { .. }) => {
                    used += 1;
                }
                Err(SubmitError::Node(error)) => return Err(error),
                Err(why) => tracing::warn!(chain = spec.name, tx = %hash, %why, "an accepted transaction is dropped"),
            }
        }
    }
    if restored + used > 0 {
        tracing::info!(chain = spec.name, restored, used, "transactions of the pool's journal were read");
    }
    Ok(())
}

/// Who signed each, on all processors: it is the longest part of opening a full pool.
fn senders(transactions: &[(TxEnvelope, Vec<Component>)]) -> Vec<Option<Address>> {
    let threads = available_parallelism().map_or(1, NonZeroUsize::get);
    let part = transactions.len().div_ceil(threads).max(64);
    let recover = |(tx, _): &(TxEnvelope, Vec<Component>)| tx.recover_signer().ok();
    let recover = |part: &[_]| part.iter().map(recover).collect::<Vec<_>>();
    thread::scope(|scope| {
        let parts: Vec<_> = transactions.chunks(part).map(|part| (part, scope.spawn(move || recover(part)))).collect();
        // A panic there would come again here.
        parts.into_iter().flat_map(|(part, thread)| thread.join().unwrap_or_else(|_| recover(part))).collect()
    })
}

/// What can be told from the transaction alone.
fn check_form(spec: &ChainSpec, tx: &TxEnvelope, sidecar: &[Component]) -> Result<(), SubmitError> {
    if tx.is_eip4844() {
        let why = "transaction type not supported: blob transactions (EIP-4844) are not accepted by a rollup";
        return Err(SubmitError::Unsupported(why.into()));
    }
    if is_system_transaction(tx) {
        return Err(SubmitError::BadSignature);
    }
    match tx.chain_id() {
        Some(id) if id != spec.chain_id() => {
            return Err(SubmitError::WrongChain { tx: id, chain: spec.chain_id() });
        }
        None => {
            return Err(SubmitError::Unsupported("only replay-protected (EIP-155) transactions allowed".into()));
        }
        Some(_) => {}
    }
    if tx.gas_limit() < TX_BASE_GAS {
        return Err(SubmitError::IntrinsicGas { have: tx.gas_limit(), want: TX_BASE_GAS });
    }
    let most = TX_GAS.min(spec.gas_limit());
    if tx.gas_limit() > most {
        return Err(SubmitError::GasLimit { have: tx.gas_limit(), most });
    }
    if tx.max_priority_fee_per_gas().is_some_and(|tip| tip > tx.max_fee_per_gas()) {
        return Err(SubmitError::TipAboveFee);
    }
    if sidecar.len() > MAX_SIDECAR_COMPONENTS {
        return Err(SubmitError::TooManyComponents { count: sidecar.len(), most: MAX_SIDECAR_COMPONENTS });
    }
    Ok(())
}
