//! Transactions that wait for a block.
//!
//! Each sender's are in order of nonce. What can run now is offered by fee; what has a gap before it waits. The pool
//! decides nothing of consensus: execution checks everything again.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_primitives::{Address, B256};
use caldera_types::Component;

use crate::error::SubmitError;

/// Transactions that the pool keeps at most.
pub const MAX_POOL_TRANSACTIONS: usize = 200_000;
/// Transactions that it keeps of one sender.
pub const MAX_SENDER_TRANSACTIONS: u64 = 4_096;
/// How much more a replacement must offer, in percent.
const REPLACEMENT_PERCENT: u128 = 10;

/// A transaction whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PooledTx {
    /// As signed.
    pub tx: TxEnvelope,
    /// Who signed it.
    pub sender: Address,
    /// Its hash.
    pub hash: B256,
    /// Components that it stages.
    pub sidecar: Vec<Component>,
}

/// How many transactions wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Those that a next block can take.
    pub pending: usize,
    /// Those behind a gap of nonces.
    pub queued: usize,
}

/// What waits, in order of sender and nonce.
#[derive(Clone, Debug, Default)]
pub struct PoolContent {
    /// Those that a next block can take.
    pub pending: Vec<Arc<PooledTx>>,
    /// Those behind a gap of nonces.
    pub queued: Vec<Arc<PooledTx>>,
}

/// The waiting transactions of one chain.
#[derive(Debug, Default)]
pub struct Pool {
    by_sender: BTreeMap<Address, Account>,
    by_hash: HashMap<B256, Arc<PooledTx>>,
}

#[derive(Debug, Default)]
struct Account {
    /// The account's nonce in the state, as far as the pool was told.
    next: u64,
    waiting: BTreeMap<u64, Arc<PooledTx>>,
}

impl Account {
    /// The transactions that can run one after the other from the account's nonce.
    fn runnable(&self) -> impl Iterator<Item = &Arc<PooledTx>> {
        (self.next..).map_while(|nonce| self.waiting.get(&nonce))
    }
}

impl Pool {
    /// The transaction of that hash.
    pub fn get(&self, hash: B256) -> Option<&Arc<PooledTx>> {
        self.by_hash.get(&hash)
    }

    /// How many transactions wait.
    pub fn status(&self) -> PoolStatus {
        let pending = self.by_sender.values().map(|account| account.runnable().count()).sum();
        PoolStatus { pending, queued: self.by_hash.len() - pending }
    }

    /// What waits, of one sender or of all.
    pub fn content(&self, of: Option<Address>) -> PoolContent {
        let mut content = PoolContent::default();
        let accounts = match of {
            None => self.by_sender.range::<Address, _>(..),
            Some(sender) => self.by_sender.range::<Address, _>(sender..=sender),
        };
        for (_, account) in accounts {
            let runnable = account.runnable().count();
            let mut waiting = account.waiting.range(account.next..).map(|(_, tx)| tx.clone());
            content.pending.extend(waiting.by_ref().take(runnable));
            content.queued.extend(waiting);
        }
        content
    }

    /// The first nonce that neither the state nor a runnable transaction has used.
    pub fn next_nonce(&self, sender: Address, state_nonce: u64) -> u64 {
        let Some(account) = self.by_sender.get(&sender) else { return state_nonce };
        (state_nonce..).find(|nonce| !account.waiting.contains_key(nonce)).unwrap_or(state_nonce)
    }

    /// Takes a transaction in. `state_nonce` is its sender's nonce in the newest state.
    pub fn add(&mut self, tx: Arc<PooledTx>, state_nonce: u64) -> Result<(), SubmitError> {
        if self.by_hash.contains_key(&tx.hash) {
            return Err(SubmitError::AlreadyKnown);
        }
        let nonce = tx.tx.nonce();
        if nonce < state_nonce {
            return Err(SubmitError::NonceTooLow { next: state_nonce, tx: nonce });
        }
        if nonce - state_nonce >= MAX_SENDER_TRANSACTIONS {
            return Err(SubmitError::NonceTooHigh { next: state_nonce, tx: nonce, most: MAX_SENDER_TRANSACTIONS });
        }
        let waiting = self.by_sender.get(&tx.sender).and_then(|account| account.waiting.get(&nonce)).cloned();
        match waiting {
            Some(old) if !outbids(&tx, &old) => return Err(SubmitError::Underpriced { fee: old.tx.max_fee_per_gas() }),
            Some(old) => drop(self.by_hash.remove(&old.hash)),
            None if self.by_hash.len() >= MAX_POOL_TRANSACTIONS => self.make_room(&tx)?,
            None => {}
        }
        let account = self.by_sender.entry(tx.sender).or_default();
        account.next = account.next.max(state_nonce);
        self.by_hash.insert(tx.hash, tx.clone());
        account.waiting.insert(nonce, tx);
        Ok(())
    }

    /// Evicts the cheapest last transaction of a sender, if it is cheaper than `tx`.
    fn make_room(&mut self, tx: &PooledTx) -> Result<(), SubmitError> {
        let last = self.by_sender.values().filter_map(|account| account.waiting.values().next_back());
        let cheapest = last.min_by_key(|tx| (tx.tx.max_fee_per_gas(), tx.hash)).cloned();
        match cheapest {
            Some(cheapest) if cheapest.tx.max_fee_per_gas() < tx.tx.max_fee_per_gas() => {
                self.remove(&cheapest);
                Ok(())
            }
            _ => Err(SubmitError::PoolFull { most: MAX_POOL_TRANSACTIONS }),
        }
    }

    /// Takes one transaction out: it can never be included.
    pub fn remove(&mut self, tx: &PooledTx) {
        self.by_hash.remove(&tx.hash);
        if let Some(account) = self.by_sender.get_mut(&tx.sender) {
            account.waiting.retain(|_, waiting| waiting.hash != tx.hash);
            if account.waiting.is_empty() {
                self.by_sender.remove(&tx.sender);
            }
        }
    }

    /// Tells the pool that a block set these accounts' nonces; what they have used goes.
    pub fn advance(&mut self, nonces: impl IntoIterator<Item = (Address, u64)>) {
        for (sender, next) in nonces {
            let Some(account) = self.by_sender.get_mut(&sender) else { continue };
            account.next = next;
            let left = account.waiting.split_off(&next);
            for used in std::mem::replace(&mut account.waiting, left).into_values() {
                self.by_hash.remove(&used.hash);
            }
            if account.waiting.is_empty() {
                self.by_sender.remove(&sender);
            }
        }
    }

    /// What can run now, best tip first and each sender's in order. Taken under the lock, used without it.
    pub fn runnable(&self, base_fee: u64) -> Candidates {
        let mut candidates = Candidates::default();
        for (sender, account) in &self.by_sender {
            let queue: Vec<_> = account.runnable().cloned().collect();
            candidates.push(*sender, queue.into_iter(), base_fee);
        }
        candidates
    }
}

fn outbids(new: &PooledTx, old: &PooledTx) -> bool {
    let enough =
        |new: u128, old: u128| new >= old.saturating_add(old.saturating_mul(REPLACEMENT_PERCENT).div_ceil(100));
    let tip = |tx: &PooledTx| tx.tx.max_priority_fee_per_gas().unwrap_or_else(|| tx.tx.max_fee_per_gas());
    enough(new.tx.max_fee_per_gas(), old.tx.max_fee_per_gas()) && enough(tip(new), tip(old))
}

/// Runnable transactions in the order in which a block should try them.
#[derive(Debug, Default)]
pub struct Candidates {
    best: BTreeSet<(u128, std::cmp::Reverse<Address>)>,
    queues: BTreeMap<Address, (Arc<PooledTx>, std::vec::IntoIter<Arc<PooledTx>>)>,
}

impl Candidates {
    fn push(&mut self, sender: Address, mut queue: std::vec::IntoIter<Arc<PooledTx>>, base_fee: u64) {
        // One that does not cover the base fee blocks those behind it, too.
        if let Some(first) = queue.next()
            && let Some(tip) = first.tx.effective_tip_per_gas(base_fee)
        {
            self.best.insert((tip, std::cmp::Reverse(sender)));
            self.queues.insert(sender, (first, queue));
        }
    }

    /// The best transaction that is left.
    pub fn peek(&self) -> Option<&Arc<PooledTx>> {
        let (_, std::cmp::Reverse(sender)) = self.best.last()?;
        self.queues.get(sender).map(|(first, _)| first)
    }

    /// Those that bring components.
    pub fn with_sidecar(&self) -> impl Iterator<Item = &Arc<PooledTx>> {
        let all = self.queues.values().flat_map(|(first, rest)| std::iter::once(first).chain(rest.as_slice()));
        all.filter(|tx| !tx.sidecar.is_empty())
    }

    /// Goes on to its sender's next.
    pub fn advance(&mut self, base_fee: u64) {
        if let Some((_, std::cmp::Reverse(sender))) = self.best.pop_last()
            && let Some((_, queue)) = self.queues.remove(&sender)
        {
            self.push(sender, queue, base_fee);
        }
    }

    /// Leaves its sender out of this block.
    pub fn skip_sender(&mut self) {
        if let Some((_, std::cmp::Reverse(sender))) = self.best.pop_last() {
            self.queues.remove(&sender);
        }
    }
}
