//! The waiting transactions of one sender.

use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::{Address, U256};

use super::{price::Price, transaction::PooledTx};

/// A transaction in its sender's queue.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) nonce: u64,
    /// When it came: lower is earlier, and no two are equal.
    pub(super) seq: u64,
    pub(super) tx: Arc<PooledTx>,
}

/// A transaction at an end of a queue, as the indexes know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) seq: u64,
    pub(super) price: Price,
}

/// What the indexes know of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// What can run next.
    pub(super) head: Option<End>,
    /// What goes first if something has to.
    pub(super) tail: Option<End>,
    /// Whether the tail is behind a gap.
    pub(super) gapped: bool,
    /// How many can run one after the other.
    pub(super) runnable: usize,
}

/// One sender. Never without a transaction while it is in the pool.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) sender: Address,
    /// The account's nonce in the state, as far as the pool was told. No transaction below it waits.
    next: u64,
    /// In order of nonce.
    queue: VecDeque<Waiting>,
    /// How many of them can run one after the other from `next`.
    runnable: usize,
    /// What all of them [cost](PooledTx::cost), modulo 2²⁵⁶.
    cost: U256,
}

impl Account {
    pub(super) fn new(sender: Address, next: u64) -> Self {
        // Most senders have one.
        Self { sender, next, queue: VecDeque::with_capacity(1), runnable: 0, cost: U256::ZERO }
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The first nonce that nothing here has.
    pub(super) fn first_missing(&self) -> u64 {
        self.next.saturating_add(self.runnable as u64)
    }

    pub(super) fn ends(&self) -> Ends {
        let end = |waiting: &Waiting| End { seq: waiting.seq, price: waiting.tx.price() };
        Ends {
            head: self.queue.front().filter(|_| self.runnable > 0).map(end),
            tail: self.queue.back().map(end),
            gapped: self.queue.len() > self.runnable,
            runnable: self.runnable,
        }
    }

    pub(super) fn get(&self, nonce: u64) -> Option<&Waiting> {
        self.place(nonce).ok().and_then(|place| self.queue.get(place))
    }

    pub(super) fn last(&self) -> Option<&Waiting> {
        self.queue.back()
    }

    /// What can run now, in order.
    pub(super) fn runnable(&self) -> impl Iterator<Item = &Arc<PooledTx>> {
        self.queue.iter().take(self.runnable).map(|waiting| &waiting.tx)
    }

    /// What waits behind a gap, in order.
    pub(super) fn queued(&self) -> impl Iterator<Item = &Arc<PooledTx>> {
        self.queue.iter().skip(self.runnable).map(|waiting| &waiting.tx)
    }

    /// What has that nonce or a higher one, in order.
    pub(super) fn from(&self, nonce: u64) -> impl Iterator<Item = &Waiting> {
        let (Ok(place) | Err(place)) = self.place(nonce);
        self.queue.range(place..)
    }

    /// Puts one in, in place of what has its nonce; gives back what that was.
    pub(super) fn put(&mut self, waiting: Waiting) -> Option<Waiting> {
        self.cost = self.cost.wrapping_add(waiting.tx.cost());
        let old = match self.place(waiting.nonce) {
            Ok(place) => self.queue.get_mut(place).map(|old| std::mem::replace(old, waiting)),
            Err(place) => {
                self.queue.insert(place, waiting);
                self.extend();
                None
            }
        };
        self.forget_cost(old.as_ref());
        old
    }

    /// What all but the one with that nonce cost.
    pub(super) fn cost_beside(&self, nonce: u64) -> U256 {
        self.cost.wrapping_sub(self.get(nonce).map_or(U256::ZERO, |waiting| waiting.tx.cost()))
    }

    fn forget_cost(&mut self, gone: Option<&Waiting>) {
        self.cost = self.cost.wrapping_sub(gone.map_or(U256::ZERO, |waiting| waiting.tx.cost()));
    }

    /// Takes out what has that nonce.
    pub(super) fn remove(&mut self, nonce: u64) -> Option<Waiting> {
        let place = self.place(nonce).ok()?;
        let removed = self.queue.remove(place);
        self.forget_cost(removed.as_ref());
        self.runnable = self.runnable.min(place);
        self.shrink();
        removed
    }

    /// Sets the account's nonce, and hands out what it has used.
    pub(super) fn advance(&mut self, next: u64, mut used: impl FnMut(Waiting)) {
        let before = self.queue.len();
        while self.queue.front().is_some_and(|first| first.nonce < next) {
            let first = self.queue.pop_front();
            self.forget_cost(first.as_ref());
            first.into_iter().for_each(&mut used);
        }
        let gone = before - self.queue.len();
        // In the usual case a block took some from the front, and the rest follows them.
        let follows = gone <= self.runnable && self.next.checked_add(gone as u64) == Some(next);
        self.runnable = if follows { self.runnable - gone } else { 0 };
        self.next = next;
        self.extend();
        self.shrink();
    }

    /// Where a nonce is, or where it belongs.
    fn place(&self, nonce: u64) -> Result<usize, usize> {
        // Those that can run have no gaps, so most are found without a search.
        match nonce.checked_sub(self.next).and_then(|ahead| usize::try_from(ahead).ok()) {
            Some(ahead) if ahead < self.runnable => Ok(ahead),
            _ => self.queue.binary_search_by_key(&nonce, |waiting| waiting.nonce),
        }
    }

    /// Counts on, where a gap was filled.
    fn extend(&mut self) {
        while self.queue.get(self.runnable).is_some_and(|waiting| waiting.nonce == self.first_missing()) {
            self.runnable += 1;
        }
    }

    /// A long queue that is used up must not keep its memory.
    fn shrink(&mut self) {
        if self.queue.capacity() > 4 * self.queue.len().max(8) {
            self.queue.shrink_to(2 * self.queue.len());
        }
    }
}
