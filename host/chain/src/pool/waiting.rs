//! The pool itself: every sender's queue, and the indexes over them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use alloy_primitives::{Address, B256, U256};
use slab::Slab;

use super::{
    account::{Account, Ends, Waiting},
    displaced::{Displaced, Seat},
    heads::{Heads, Rank},
    limits::PoolLimits,
    tails::Tails,
    transaction::{ByHash, PooledTx},
};
use crate::error::SubmitError;

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
#[derive(Debug)]
pub struct Pool {
    limits: PoolLimits,
    /// Of the next block: what a transaction yields depends on it.
    base_fee: u64,
    /// Number of the next to come in.
    seq: u64,
    accounts: Slab<Account>,
    by_sender: HashMap<Address, u32>,
    by_hash: HashSet<ByHash>,
    heads: Heads,
    /// The last ones of queues without and with a gap.
    tails: [Tails; 2],
    pending: usize,
    bytes: u64,
    pub(super) displaced: Displaced,
}

/// How far listing has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    slot: usize,
    nonce: u64,
}

/// So many transactions an empty pool may keep room for.
const MANY: usize = 65_536;

/// The place of a new transaction in the order in which a full pool gives up what it holds: first what is behind a gap,
/// then by yield.
type Standing = (bool, i128);

/// How a transaction gets into the pool.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Comes,
    /// After a restart, from the journal.
    ComesBack,
}

impl Pool {
    /// An empty one.
    pub fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            base_fee: 0,
            seq: 0,
            accounts: Slab::new(),
            by_sender: HashMap::new(),
            by_hash: HashSet::new(),
            heads: Heads::default(),
            tails: Default::default(),
            pending: 0,
            bytes: 0,
            displaced: Displaced::default(),
        }
    }

    /// The transaction of that hash.
    pub fn get(&self, hash: B256) -> Option<&Arc<PooledTx>> {
        self.by_hash.get(&hash).map(|found| &found.0)
    }

    /// How many transactions wait.
    pub fn status(&self) -> PoolStatus {
        PoolStatus { pending: self.pending, queued: self.by_hash.len() - self.pending }
    }

    /// Memory that they take, in bytes: what [`PoolLimits::bytes`] limits.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What waits, of one sender or of all.
    pub fn content(&self, of: Option<Address>) -> PoolContent {
        let mut accounts: Vec<_> = match of {
            Some(sender) => self.account(sender).into_iter().collect(),
            None => self.accounts.iter().map(|(_, account)| account).collect(),
        };
        accounts.sort_unstable_by_key(|account| account.sender);
        let mut content = PoolContent::default();
        for account in accounts {
            content.pending.extend(account.runnable().cloned());
            content.queued.extend(account.queued().cloned());
        }
        content
    }

    /// The first nonce that neither the state nor a runnable transaction has used.
    pub fn next_nonce(&self, sender: Address, state_nonce: u64) -> u64 {
        let Some(account) = self.account(sender) else { return state_nonce };
        let known = account.next()..=account.first_missing();
        match known.contains(&state_nonce) {
            true => account.first_missing(),
            false => (state_nonce..).find(|nonce| account.get(*nonce).is_none()).unwrap_or(state_nonce),
        }
    }

    /// What a sender's other transactions cost beside one with that nonce, in wei.
    pub(crate) fn cost_beside(&self, sender: Address, nonce: u64) -> U256 {
        self.account(sender).map_or(U256::ZERO, |account| account.cost_beside(nonce))
    }

    /// Takes a transaction in. `state_nonce` is its sender's nonce in the newest state.
    pub fn add(&mut self, tx: Arc<PooledTx>, state_nonce: u64) -> Result<(), SubmitError> {
        self.enter(tx.clone(), state_nonce)?;
        self.keep(&tx);
        Ok(())
    }

    /// The same, but what makes room for it may come back until the pool is told what became of it ([`Self::keep`],
    /// [`Self::refuse`]).
    pub(crate) fn enter(&mut self, tx: Arc<PooledTx>, state_nonce: u64) -> Result<(), SubmitError> {
        self.admit(tx, state_nonce, Manner::Comes)
    }

    /// Takes one in again that was acknowledged before, the latest last. What was before it may come after it, so a gap is no
    /// reason to refuse it; and what has its nonce was given up, or it would not have been acknowledged, whatever that offers.
    pub(crate) fn restore(&mut self, tx: Arc<PooledTx>, state_nonce: u64) -> Result<(), SubmitError> {
        self.admit(tx, state_nonce, Manner::ComesBack)
    }

    fn admit(&mut self, tx: Arc<PooledTx>, state_nonce: u64, manner: Manner) -> Result<(), SubmitError> {
        if self.by_hash.contains(&tx.hash) {
            return Err(SubmitError::AlreadyKnown);
        }
        let nonce = tx.nonce();
        if nonce < state_nonce {
            return Err(SubmitError::NonceTooLow { next: state_nonce, tx: nonce });
        }
        // The newest block may have used nonces that the pool was not told of yet.
        self.advance([(tx.sender, state_nonce)]);
        let account = self.account(tx.sender);
        let missing = account.map_or(state_nonce, Account::first_missing);
        let (comes, gap) = (manner == Manner::Comes, self.limits.gap());
        if comes && nonce.saturating_sub(missing) > gap {
            return Err(SubmitError::NonceTooHigh { next: missing, tx: nonce, most: gap });
        }
        let (price, percent) = (tx.price(), self.limits.replacement_percent);
        let old = account.and_then(|account| account.get(nonce));
        let replaced = match old {
            Some(old) if comes && !price.outbids(old.tx.price(), percent) => {
                return Err(SubmitError::Underpriced { fee: old.tx.price().fee, percent });
            }
            old => old.cloned(),
        };
        if replaced.is_none() && account.is_some_and(|account| account.len() >= self.limits.sender_transactions) {
            return Err(SubmitError::SenderFull { most: self.limits.sender_transactions });
        }
        let standing = (nonce <= missing, price.tip_at(self.base_fee));
        let mut seats = self.make_room(&tx, standing, replaced.as_ref().map(|old| old.tx.memory()))?;
        if comes {
            seats.extend(replaced.map(|waiting| Seat { next: state_nonce, waiting }));
            self.displaced.put(tx.hash, seats);
        }
        let seq = self.seq;
        self.seq += 1;
        self.put(state_nonce, Waiting { nonce, seq, tx });
        Ok(())
    }

    /// Evicts what stands below a transaction until there is room for it, or nothing if that is not enough. Its sender's
    /// own are left alone: without them it could not run. Gives what was evicted.
    fn make_room(
        &mut self,
        tx: &PooledTx,
        standing: Standing,
        replaced: Option<u64>,
    ) -> Result<Vec<Seat>, SubmitError> {
        let PoolLimits { transactions, bytes, .. } = self.limits;
        let needs = tx.memory();
        if needs > bytes {
            return Err(SubmitError::TooLarge { needs, most: bytes });
        }
        let own = self.by_sender.get(&tx.sender).copied();
        let mut evicted = Vec::new();
        loop {
            let too_many = replaced.is_none() && self.by_hash.len() >= transactions;
            let too_large = self.bytes - replaced.unwrap_or_default() + needs > bytes;
            if !too_many && !too_large {
                return Ok(evicted);
            }
            let Some(slot) = self.below(standing, own) else {
                // As if nothing had been: who is refused must not have cost others their place.
                evicted.into_iter().rev().for_each(|Seat { next, waiting }| self.put(next, waiting));
                return Err(match too_many {
                    true => SubmitError::PoolFull { most: transactions },
                    false => SubmitError::PoolMemory { most: bytes },
                });
            };
            if let Some(account) = self.accounts.get(slot as usize)
                && let Some(last) = account.last()
            {
                let (next, sender, nonce) = (account.next(), account.sender, last.nonce);
                evicted.extend(self.take(sender, nonce).map(|waiting| Seat { next, waiting }));
            }
        }
    }

    /// The sender whose last transaction has to go first, if that stands below another.
    fn below(&self, standing: Standing, except: Option<u32>) -> Option<u32> {
        let [whole, gapped] = &self.tails;
        let first = gapped.cheapest(self.base_fee, except).map(|(yields, slot)| ((false, yields), slot));
        let first =
            first.or_else(|| whole.cheapest(self.base_fee, except).map(|(yields, slot)| ((true, yields), slot)));
        first.filter(|(below, _)| *below < standing).map(|(_, slot)| slot)
    }

    /// Whether one more of so much memory has a place without another's going.
    pub(super) fn has_room(&self, memory: u64) -> bool {
        self.by_hash.len() < self.limits.transactions && self.bytes.saturating_add(memory) <= self.limits.bytes
    }

    /// Takes one transaction out: it can never be included.
    pub fn remove(&mut self, tx: &PooledTx) {
        if self.by_hash.contains(&tx.hash) {
            self.take(tx.sender, tx.nonce());
        }
    }

    /// Tells the pool that a block set these accounts' nonces; what they have used goes.
    pub fn advance(&mut self, nonces: impl IntoIterator<Item = (Address, u64)>) {
        for (sender, next) in nonces {
            let Some((slot, account)) = self.account_mut(sender) else { continue };
            if account.next() == next {
                continue;
            }
            let (before, mut used) = (account.ends(), Vec::new());
            account.advance(next, |waiting| used.push(waiting));
            self.relink(slot, before);
            used.iter().for_each(|waiting| self.forget(waiting));
        }
        if self.by_hash.is_empty() && self.by_hash.capacity() > MANY {
            // What a rush took is given back once it is over.
            let displaced = std::mem::take(&mut self.displaced);
            *self = Self { seq: self.seq, base_fee: self.base_fee, displaced, ..Self::new(self.limits) };
        }
    }

    /// Tells the pool the base fee of the next block.
    pub fn set_base_fee(&mut self, base_fee: u64) {
        self.base_fee = base_fee;
    }

    /// The first transactions of senders that can run and pay a base fee, best first.
    pub(super) fn best(&self, base_fee: u64) -> impl Iterator<Item = (Rank, &Arc<PooledTx>)> {
        let first = |(rank, slot): (Rank, u32)| Some((rank, self.accounts.get(slot as usize)?.runnable().next()?));
        self.heads.best(base_fee).filter_map(first)
    }

    /// Those right after another of the same sender, in order, without a gap.
    pub(super) fn run_after(&self, tx: &PooledTx) -> impl Iterator<Item = (u64, &Arc<PooledTx>)> {
        let place = self.account(tx.sender).zip(tx.nonce().checked_add(1));
        let behind = place.into_iter().flat_map(|(account, from)| account.from(from).zip(from..));
        let run = behind.take_while(|(waiting, nonce)| waiting.nonce == *nonce);
        run.map(|(waiting, _)| (waiting.seq, &waiting.tx))
    }

    /// Some of what waits, from a place on, of at least so much memory if there is as much, and the place after it; none at
    /// the end. What comes in meanwhile may be missing, what stays is not.
    pub(crate) fn some_from(&self, place: Place, bytes: u64) -> Option<(Vec<Arc<PooledTx>>, Place)> {
        if place.slot >= self.accounts.capacity() {
            return None;
        }
        let (mut some, mut taken) = (Vec::new(), 0);
        for slot in place.slot..self.accounts.capacity() {
            let from = if slot == place.slot { place.nonce } else { 0 };
            for waiting in self.accounts.get(slot).into_iter().flat_map(|account| account.from(from)) {
                if taken >= bytes {
                    return Some((some, Place { slot, nonce: waiting.nonce }));
                }
                taken += waiting.tx.memory();
                some.push(waiting.tx.clone());
            }
        }
        Some((some, Place { slot: usize::MAX, nonce: 0 }))
    }

    pub(super) fn account(&self, sender: Address) -> Option<&Account> {
        self.by_sender.get(&sender).and_then(|slot| self.accounts.get(*slot as usize))
    }

    fn account_mut(&mut self, sender: Address) -> Option<(u32, &mut Account)> {
        let slot = *self.by_sender.get(&sender)?;
        self.accounts.get_mut(slot as usize).map(|account| (slot, account))
    }

    /// Puts one in, in place of what has its nonce.
    pub(super) fn put(&mut self, next: u64, waiting: Waiting) {
        let sender = waiting.tx.sender;
        let accounts = &mut self.accounts;
        // A slot is a number of transactions, which memory bounds far below 2³².
        let slot = *self.by_sender.entry(sender).or_insert_with(|| accounts.insert(Account::new(sender, next)) as u32);
        let Some(account) = self.accounts.get_mut(slot as usize) else { return };
        self.bytes += waiting.tx.memory();
        self.by_hash.insert(ByHash(waiting.tx.clone()));
        let before = account.ends();
        let replaced = account.put(waiting);
        self.relink(slot, before);
        replaced.iter().for_each(|old| self.forget(old));
    }

    /// Takes one out.
    fn take(&mut self, sender: Address, nonce: u64) -> Option<Waiting> {
        let (slot, account) = self.account_mut(sender)?;
        let before = account.ends();
        let taken = account.remove(nonce)?;
        self.relink(slot, before);
        self.forget(&taken);
        Some(taken)
    }

    /// What is in no queue any more is not counted or found either.
    fn forget(&mut self, waiting: &Waiting) {
        self.by_hash.remove(&waiting.tx.hash);
        self.bytes -= waiting.tx.memory();
    }

    /// Brings the indexes up to an account that changed.
    fn relink(&mut self, slot: u32, before: Ends) {
        let Some(account) = self.accounts.get(slot as usize) else { return };
        let after = account.ends();
        if before.head != after.head {
            before.head.into_iter().for_each(|head| self.heads.remove(head));
            after.head.into_iter().for_each(|head| self.heads.insert(head, slot));
        }
        if (before.tail, before.gapped) != (after.tail, after.gapped) {
            let [was, is] = [before.gapped, after.gapped].map(usize::from);
            before.tail.into_iter().for_each(|tail| self.tails[was].remove(tail, slot));
            after.tail.into_iter().for_each(|tail| self.tails[is].insert(tail, slot));
        }
        self.pending = self.pending + after.runnable - before.runnable;
        if account.is_empty() {
            self.by_sender.remove(&account.sender);
            self.accounts.remove(slot as usize);
        }
    }
}
