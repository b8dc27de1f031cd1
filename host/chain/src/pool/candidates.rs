//! What a block may take, drawn from the pool as the block asks for it.
//!
//! The pool is locked for each batch of senders, of whom some transactions each are drawn, and seldom again for one of them;
//! never while a transaction runs. Under load those who send hold the pool's lock as often as not, so a block that took it
//! for every transaction would wait most of its time. What changes in the pool meanwhile may be missed until the next
//! block; what a block is offered was in the pool when it was drawn.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use alloy_primitives::Address;
use parking_lot::Mutex;

use super::{heads::Rank, transaction::PooledTx, waiting::Pool};

/// Senders drawn at first; each further batch is twice as large.
const FIRST_BATCH: usize = 128;
/// Transactions that are drawn with a sender's first,
const FIRST_RUN: usize = 3;
/// and once those are used up.
const LATER_RUN: usize = 16;

/// Runnable transactions in the order in which a block should try them: best tip first, and each sender's in order.
pub struct Candidates<'a> {
    pool: &'a Mutex<Pool>,
    base_fee: u64,
    batch: usize,
    /// Who was drawn. What they have next is here, or they are left out of this block.
    seen: HashSet<Address>,
    /// No sender that was not drawn has anything better than this; none if all were drawn.
    floor: Option<Rank>,
    ready: BTreeMap<Rank, Line>,
}

/// What was drawn of one sender and not used yet.
struct Line {
    tx: Arc<PooledTx>,
    /// Those behind it with their places in the order of arrival, the last one first.
    behind: Vec<(u64, Arc<PooledTx>)>,
    /// Whether there were more.
    goes_on: bool,
}

impl Line {
    /// A transaction and at most so many behind it.
    fn draw(pool: &Pool, tx: &Arc<PooledTx>, most: usize) -> Self {
        let behind = pool.run_after(tx).take(most).map(|(seq, tx)| (seq, tx.clone()));
        let mut behind: Vec<_> = behind.collect();
        behind.reverse();
        Self { tx: tx.clone(), goes_on: behind.len() == most, behind }
    }
}

impl<'a> Candidates<'a> {
    /// Those of a pool at a base fee.
    pub fn of(pool: &'a Mutex<Pool>, base_fee: u64) -> Self {
        Self::with_batch(pool, base_fee, FIRST_BATCH)
    }

    pub(super) fn with_batch(pool: &'a Mutex<Pool>, base_fee: u64, batch: usize) -> Self {
        let best = Some((u64::MAX, Reverse(0)));
        Self { pool, base_fee, batch, seen: HashSet::new(), floor: best, ready: BTreeMap::new() }
    }

    /// The best transaction that is left.
    pub fn peek(&mut self) -> Option<&Arc<PooledTx>> {
        while self.floor.is_some_and(|floor| self.ready.last_key_value().is_none_or(|(rank, _)| *rank < floor)) {
            self.draw();
        }
        self.ready.last_key_value().map(|(_, line)| &line.tx)
    }

    /// Goes on to its sender's next.
    pub fn advance(&mut self) {
        let Some((_, mut line)) = self.ready.pop_last() else { return };
        if line.behind.is_empty() && line.goes_on {
            line = Line::draw(&self.pool.lock(), &line.tx, LATER_RUN);
        }
        // One that does not cover the base fee blocks those behind it, too.
        if let Some((seq, next)) = line.behind.pop()
            && let Ok(yields) = u64::try_from(next.price().tip_at(self.base_fee))
        {
            self.ready.insert((yields, Reverse(seq)), Line { tx: next, ..line });
        }
    }

    /// Leaves its sender out of this block.
    pub fn skip_sender(&mut self) {
        self.ready.pop_last();
    }

    /// Draws the next best senders.
    fn draw(&mut self) {
        let pool = self.pool.lock();
        let (mut drawn, mut floor) = (0, None);
        for (rank, tx) in pool.best(self.base_fee) {
            if drawn == self.batch {
                floor = Some(rank);
                break;
            }
            if self.seen.insert(tx.sender) {
                self.ready.insert(rank, Line::draw(&pool, tx, FIRST_RUN));
                drawn += 1;
            }
        }
        self.floor = floor;
        self.batch *= 2;
    }
}
