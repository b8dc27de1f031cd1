//! What made room for transactions that are not in the journal yet. It was acknowledged, so it comes back if they do not get there.

use std::{collections::HashMap, sync::Arc};

use alloy_primitives::B256;

use super::{
    account::{Account, Waiting},
    transaction::PooledTx,
    waiting::Pool,
};

/// A transaction that went, and its account's nonce then.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) next: u64,
    pub(super) waiting: Waiting,
}

/// By the hash of that for which they went: of all that are on their way into the journal.
#[derive(Debug, Default)]
pub(super) struct Displaced {
    by: HashMap<B256, Vec<Seat>>,
}

impl Displaced {
    pub(super) fn put(&mut self, by: B256, seats: Vec<Seat>) {
        self.by.insert(by, seats);
    }

    fn take(&mut self, by: B256) -> Vec<Seat> {
        self.by.remove(&by).unwrap_or_default()
    }

    /// The seats among which a transaction is, with its place.
    fn among(&mut self, hash: B256) -> Option<(&mut Vec<Seat>, usize)> {
        let place = |seats: &Vec<Seat>| seats.iter().position(|seat| seat.waiting.tx.hash == hash);
        self.by.values_mut().find_map(|seats| place(seats).map(|place| (seats, place)))
    }
}

impl Pool {
    /// Tells the pool that a transaction is in the journal: what made room for it is gone for good.
    pub(crate) fn keep(&mut self, tx: &PooledTx) {
        self.displaced.take(tx.hash);
    }

    /// Tells the pool that a transaction did not get into the journal: it is as if it had never come, unless a block has it. Of
    /// several the last that came is to be told of first.
    pub(crate) fn refuse(&mut self, tx: &PooledTx) {
        let seats = self.displaced.take(tx.hash);
        if self.get(tx.hash).is_some() {
            // Its own account's nonce now: it may go with its last transaction.
            let next = self.account(tx.sender).map(Account::next);
            self.remove(tx);
            for seat in seats.into_iter().rev() {
                let own = next.filter(|_| seat.waiting.tx.sender == tx.sender);
                self.put_back(Seat { next: own.unwrap_or(seat.next), ..seat });
            }
        } else if let Some((others, place)) = self.displaced.among(tx.hash) {
            // Another took its place, and stands for it now.
            others.remove(place);
            others.extend(seats);
        } else {
            // A block has it: what had its nonce is used up, others' are not.
            seats
                .into_iter()
                .rev()
                .filter(|seat| seat.waiting.tx.sender != tx.sender)
                .for_each(|seat| self.put_back(seat));
        }
    }

    fn put_back(&mut self, Seat { next, waiting }: Seat) {
        let (tx, account) = (&waiting.tx, self.account(waiting.tx.sender));
        let next = account.map_or(next, Account::next);
        if waiting.nonce < next || self.get(tx.hash).is_some() {
            return;
        }
        let other = account.and_then(|account| account.get(waiting.nonce)).map(|other| other.tx.hash);
        if let Some(other) = other {
            // Sent again meanwhile: that stands for it, unless it is refused too.
            if let Some(seats) = self.displaced.by.get_mut(&other) {
                seats.push(Seat { next, waiting });
            }
        } else if self.has_room(tx.memory()) {
            self.put(next, waiting);
        } else {
            tracing::warn!(tx = %tx.hash, "an accepted transaction is dropped: others took the room that it had made");
        }
    }
}

/// All in the order in which they came.
pub(crate) fn settle(pool: &mut Pool, came: &[Arc<PooledTx>], kept: bool) {
    if kept {
        came.iter().for_each(|tx| pool.keep(tx));
    } else {
        came.iter().rev().for_each(|tx| pool.refuse(tx));
    }
}
