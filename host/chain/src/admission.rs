//! Taking transactions in: from a client, and after a restart from the pool's journal.

use std::sync::Arc;

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_primitives::{Address, B256};
use caldera_execution::{least_gas, senders_of};
use caldera_state::{Account, ChainState, StateView};
use caldera_types::{
    Author, Component,
    limits::{INIT_CODE_BYTES, MAX_SIDECAR_COMPONENTS, TX_GAS},
};

use crate::{
    chain::Chain,
    error::{ChainError, SubmitError},
    pool::{
        Pool, PooledTx,
        journal::{Batch, Reader, Record},
    },
    spec::ChainSpec,
    spread,
};

/// Transactions of the journal that are read at a time.
const RESTORED_AT_A_TIME: usize = 4_096;
/// Transactions that enter the pool under one lock: it is needed for each that a block takes, too.
const ENTERED_AT_A_TIME: usize = 32;

/// A signed transaction with the components that it stages.
pub type Sent = (TxEnvelope, Vec<Component>);
/// What enters the pool, and its record for the journal.
type Framed = (Arc<PooledTx>, Vec<u8>);

/// A transaction that is in the pool, and on its way into the journal. Its sender may be told so once it is there.
#[must_use = "a transaction is accepted only once it is in the journal"]
pub struct Accepted {
    hash: B256,
    batch: Arc<Batch>,
}

impl Accepted {
    /// Waits on this thread until the transaction would survive a crash. After an error the pool does not have it.
    pub fn wait(self) -> Result<B256, SubmitError> {
        self.batch.wait().map_err(ChainError::from)?;
        Ok(self.hash)
    }

    /// The same without a thread.
    pub async fn settled(self) -> Result<B256, SubmitError> {
        self.batch.settled().await.map_err(ChainError::from)?;
        Ok(self.hash)
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
        // One comes out for each that goes in.
        self.accept_all(vec![(tx, sidecar)]).pop().unwrap_or(Err(SubmitError::BadSignature))
    }

    /// Several in this order; each is answered as if it came alone. What is done once for all of them, and the signatures
    /// that are recovered on all processors, make this the cheaper the more they are.
    pub fn accept_all(&self, transactions: Vec<Sent>) -> Vec<Result<Accepted, SubmitError>> {
        if let Some(reason) = self.halted() {
            return transactions.iter().map(|_| Err(SubmitError::Halted(reason.clone()))).collect();
        }
        let senders = senders(&self.spec, &transactions);
        let framed = |((tx, sidecar), sender): (Sent, Result<Address, SubmitError>)| {
            let hash = *tx.tx_hash();
            let sender = sender?;
            self.lets_in(Author::of(&tx))?;
            let pooled = PooledTx { tx, sender, hash, sidecar };
            // What the journal cannot hold is known before the pool has it.
            let frame = Record::of(&pooled).frame().map_err(ChainError::from)?;
            Ok((Arc::new(pooled), frame))
        };
        let mut taken: Vec<_> = transactions.into_iter().zip(senders).map(framed).collect();
        let entered: Vec<_> =
            taken.chunks_mut(ENTERED_AT_A_TIME).map(|some| (some.len(), self.enter_pool(some))).collect();
        self.journal.hand_over();
        let batches = entered.into_iter().flat_map(|(count, batch)| std::iter::repeat_n(batch, count));
        let accepted = |(taken, batch): (Result<Framed, SubmitError>, _)| {
            let (tx, _) = taken?;
            self.compile_ahead(&tx);
            let hash = tx.hash;
            self.events.entered_pool(tx);
            Ok(Accepted { hash, batch })
        };
        taken.into_iter().zip(batches).map(accepted).collect()
    }

    /// Checks transactions against the newest state and adds them to the pool and the journal, or puts in their place why not.
    ///
    /// A block may be published after the state was read, and the pool told of it before the transactions are in: then the
    /// pool would take an account's old nonce for its next, and wait for it for ever. So the head must still be the one
    /// that was read once the pool is locked; a block that is published later tells the pool after this.
    fn enter_pool(&self, some: &mut [Result<Framed, SubmitError>]) -> Arc<Batch> {
        loop {
            let head = self.head();
            let account = |tx: &PooledTx| {
                let account = self.state.account_at(head.number(), head.block.header.state_root, tx.sender);
                Ok(account.map_err(ChainError::from)?.unwrap_or_default())
            };
            let accounts: Vec<_> = some.iter().map(|taken| Some(account(&taken.as_ref().ok()?.0))).collect();
            let mut pool = self.pool.lock();
            if !Arc::ptr_eq(&head, &self.head()) {
                continue;
            }
            for (taken, account) in some.iter_mut().zip(accounts) {
                if let (Ok((tx, _)), Some(account)) = (&taken, account)
                    && let Err(refusal) = account.and_then(|account| enter(&mut pool, tx, account))
                {
                    *taken = Err(refusal);
                }
            }
            // Before anybody else's: of two with the same nonce the journal must have the one that stays last.
            return self.journal.add(some.iter().flatten().map(|(tx, frame)| (tx, frame.as_slice())));
        }
    }
}

/// Adds a transaction to the pool if its sender, who has this account in the newest state, can pay for it and for all that waits of his.
fn enter(pool: &mut Pool, tx: &Arc<PooledTx>, account: Account) -> Result<(), SubmitError> {
    let (address, balance) = (tx.sender, account.balance);
    let cost = tx.cost().saturating_add(pool.cost_beside(address, tx.nonce()));
    // What the pool would refuse for another reason is refused for that: a wallet looks at the nonce first.
    if balance < cost && tx.nonce() >= account.nonce && pool.get(tx.hash).is_none() {
        return Err(SubmitError::InsufficientFunds { address, balance, cost });
    }
    pool.enter(tx.clone(), account.nonce)
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
    let (mut restored, mut used) = (0_u64, 0_u64);
    loop {
        let records: Vec<_> = journal.by_ref().take(RESTORED_AT_A_TIME).collect::<Result<_, _>>()?;
        if records.is_empty() {
            break;
        }
        let transactions = records.into_iter().filter_map(|record| record.transaction());
        // Generations overlap after a crash. One that is there twice counts twice: it may have a nonce back.
        let sent: Vec<_> = transactions.collect();
        for (sender, (tx, sidecar)) in senders(spec, &sent).into_iter().zip(sent) {
            let hash = *tx.tx_hash();
            let take = || {
                let sender = sender?;
                let nonce = view.account(sender)?.map_or(0, |account| account.nonce);
                pool.restore(Arc::new(PooledTx { tx, sender, hash, sidecar }), nonce)
            };
            match take() {
                Ok(()) => restored += 1,
                // A block has it, or it is there.
                Err(SubmitError::NonceTooLow { .. } | SubmitError::AlreadyKnown) => used += 1,
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

/// Who signed each that is fit: the longest part of taking them in.
fn senders(spec: &ChainSpec, transactions: &[Sent]) -> Vec<Result<Address, SubmitError>> {
    spread::over_processors(transactions, |part| {
        let forms: Vec<_> = part.iter().map(|(tx, sidecar)| check_form(spec, tx, sidecar)).collect();
        let fit = part.iter().zip(&forms).filter(|(_, form)| form.is_ok()).map(|((tx, _), _)| tx);
        let mut senders = senders_of(fit).into_iter();
        let sender = |form: Result<(), SubmitError>| {
            form?;
            // One for each that is fit.
            senders.next().and_then(Result::ok).ok_or(SubmitError::BadSignature)
        };
        forms.into_iter().map(sender).collect()
    })
}

/// What can be told from the transaction alone.
fn check_form(spec: &ChainSpec, tx: &TxEnvelope, sidecar: &[Component]) -> Result<(), SubmitError> {
    if tx.is_eip4844() {
        let why = "transaction type not supported: blob transactions (EIP-4844) are not accepted by a rollup";
        return Err(SubmitError::Unsupported(why.into()));
    }
    match Author::of(tx) {
        Author::Signer => {}
        Author::Impersonator(_) if spec.genesis.development => {}
        Author::Impersonator(_) | Author::Chain | Author::Editor => return Err(SubmitError::BadSignature),
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
    if tx.nonce() == u64::MAX {
        return Err(SubmitError::Unsupported(
            "nonce has max value: no transaction has the last nonce (EIP-2681)".into(),
        ));
    }
    if tx.authorization_list().is_some_and(<[_]>::is_empty) {
        let why = "set code tx must have at least one authorization tuple (EIP-7702)";
        return Err(SubmitError::Unsupported(why.into()));
    }
    if tx.is_create() && tx.input().len() > INIT_CODE_BYTES {
        let (have, most) = (tx.input().len(), INIT_CODE_BYTES);
        return Err(SubmitError::Unsupported(format!("max initcode size exceeded: code size {have}, limit {most}")));
    }
    let want = least_gas(tx);
    if tx.gas_limit() < want {
        return Err(SubmitError::IntrinsicGas { have: tx.gas_limit(), want });
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
