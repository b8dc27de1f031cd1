//! The pool as it would be written if nothing cost anything: a list that is searched for every question.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use alloy_consensus::Transaction;
use alloy_primitives::Address;

use super::{PoolLimits, PoolStatus, PooledTx};
use crate::error::SubmitError;

#[derive(Clone)]
struct Entry {
    seq: u64,
    tx: Arc<PooledTx>,
}

impl Entry {
    fn nonce(&self) -> u64 {
        self.tx.tx.nonce()
    }

    fn yields(&self, base_fee: u64) -> i128 {
        yields(&self.tx, base_fee)
    }
}

fn yields(tx: &PooledTx, base_fee: u64) -> i128 {
    let fee = tx.tx.max_fee_per_gas() as i128;
    let tip = tx.tx.max_priority_fee_per_gas().map_or(fee, |tip| tip as i128);
    tip.min(fee - i128::from(base_fee))
}

/// The naive pool.
#[derive(Clone)]
pub(super) struct Model {
    limits: PoolLimits,
    pub(super) base_fee: u64,
    seq: u64,
    next: BTreeMap<Address, u64>,
    entries: Vec<Entry>,
}

impl Model {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self { limits, base_fee: 0, seq: 0, next: BTreeMap::new(), entries: Vec::new() }
    }

    pub(super) fn queue(&self, sender: Address) -> Vec<Arc<PooledTx>> {
        let mut queue: Vec<_> = self.entries.iter().filter(|entry| entry.tx.sender == sender).collect();
        queue.sort_by_key(|entry| entry.nonce());
        queue.into_iter().map(|entry| entry.tx.clone()).collect()
    }

    pub(super) fn runnable(&self, sender: Address) -> Vec<Arc<PooledTx>> {
        let next = self.next.get(&sender).copied().unwrap_or_default();
        let queue = self.queue(sender).into_iter();
        (next..).zip(queue).take_while(|(nonce, tx)| tx.nonce() == *nonce).map(|(_, tx)| tx).collect()
    }

    pub(super) fn senders(&self) -> Vec<Address> {
        let mut senders: Vec<_> = self.entries.iter().map(|entry| entry.tx.sender).collect();
        senders.sort_unstable();
        senders.dedup();
        senders
    }

    pub(super) fn status(&self) -> PoolStatus {
        let pending = self.senders().into_iter().map(|sender| self.runnable(sender).len()).sum();
        PoolStatus { pending, queued: self.entries.len() - pending }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.tx.memory()).sum()
    }

    pub(super) fn add(&mut self, tx: &Arc<PooledTx>, state_nonce: u64) -> Result<(), SubmitError> {
        if self.entries.iter().any(|entry| entry.tx.hash == tx.hash) {
            return Err(SubmitError::AlreadyKnown);
        }
        let nonce = tx.nonce();
        if nonce < state_nonce {
            return Err(SubmitError::NonceTooLow { next: state_nonce, tx: nonce });
        }
        self.advance(tx.sender, state_nonce);
        let missing = state_nonce + self.runnable(tx.sender).len() as u64;
        let gap = self.limits.nonce_gap.min(self.limits.sender_transactions as u64 - 1);
        if nonce > missing + gap {
            return Err(SubmitError::NonceTooHigh { next: missing, tx: nonce, most: gap });
        }
        let mut after = self.clone();
        let old = self.entries.iter().position(|entry| entry.tx.sender == tx.sender && entry.nonce() == nonce);
        if let Some(old) = old {
            let old = after.entries.remove(old);
            let percent = u128::from(self.limits.replacement_percent);
            let enough = |new: u128, old: u128| new * 100 >= old * (100 + percent);
            let tip = |tx: &PooledTx| tx.tx.max_priority_fee_per_gas().unwrap_or(tx.tx.max_fee_per_gas());
            if !enough(tx.tx.max_fee_per_gas(), old.tx.tx.max_fee_per_gas()) || !enough(tip(tx), tip(&old.tx)) {
                let percent = self.limits.replacement_percent;
                return Err(SubmitError::Underpriced { fee: old.tx.price().fee, percent });
            }
        } else if self.queue(tx.sender).len() >= self.limits.sender_transactions {
            return Err(SubmitError::SenderFull { most: self.limits.sender_transactions });
        }
        let standing = (nonce <= missing, yields(tx, self.base_fee));
        loop {
            if after.entries.len() < self.limits.transactions && after.bytes() + tx.memory() <= self.limits.bytes {
                break;
            }
            let lasts = after.senders().into_iter().filter(|sender| *sender != tx.sender).map(|sender| {
                let whole = after.queue(sender).len() == after.runnable(sender).len();
                let last = after.entries.iter().filter(|entry| entry.tx.sender == sender);
                let last = last.max_by_key(|entry| entry.nonce()).unwrap();
                ((whole, last.yields(self.base_fee)), Reverse(last.seq))
            });
            match lasts.min() {
                Some((below, Reverse(seq))) if below < standing => after.entries.retain(|entry| entry.seq != seq),
                _ if after.entries.len() >= self.limits.transactions => {
                    return Err(SubmitError::PoolFull { most: self.limits.transactions });
                }
                _ => return Err(SubmitError::PoolMemory { most: self.limits.bytes }),
            }
        }
        after.entries.push(Entry { seq: self.seq, tx: tx.clone() });
        after.seq += 1;
        after.next.insert(tx.sender, state_nonce);
        *self = after;
        Ok(())
    }

    pub(super) fn advance(&mut self, sender: Address, next: u64) {
        self.entries.retain(|entry| entry.tx.sender != sender || entry.nonce() >= next);
        self.next.insert(sender, next);
    }

    pub(super) fn remove(&mut self, tx: &PooledTx) {
        self.entries.retain(|entry| entry.tx.hash != tx.hash);
    }

    /// All that a block without limits would take, in order.
    pub(super) fn order(&self, base_fee: u64) -> Vec<Arc<PooledTx>> {
        let mut queues: Vec<_> = self.senders().into_iter().map(|sender| self.runnable(sender)).collect();
        let mut order = Vec::new();
        loop {
            let rank = |queue: &Vec<Arc<PooledTx>>| {
                let first = queue.first().filter(|tx| yields(tx, base_fee) >= 0)?;
                let seq = self.entries.iter().find(|entry| entry.tx.hash == first.hash).unwrap().seq;
                Some((yields(first, base_fee), Reverse(seq)))
            };
            let best = queues.iter_mut().filter(|queue| rank(queue).is_some()).max_by_key(|queue| rank(queue));
            let Some(best) = best else { return order };
            order.push(best.remove(0));
        }
    }
}
