//! What can run next of every sender, in the order of what it yields at any base fee.
//!
//! A transaction yields the lesser of its tip and of what its fee leaves above the base fee. As long as the base fee is at
//! most its *slack* (fee − tip) that is the tip, from there on the rest of the fee. So no one order holds for all base
//! fees, and one that is mended as the base fee moves costs as much as waits. A tree in the order of the slack does not:
//! a base fee parts it in two, in one part the best is the highest tip, in the other the highest fee, and each subtree knows
//! both. It is a treap: balanced by priorities that are drawn from this process's own random keys, which nobody who sends
//! transactions knows.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, hash_map::RandomState},
    hash::BuildHasher,
};

use super::account::End;

/// No node.
const NIL: u32 = u32::MAX;

/// What a transaction yields to who builds, and of equals the earliest: higher is better.
pub(super) type Rank = (u64, Reverse<u64>);

#[derive(Clone, Copy, Debug)]
struct Node {
    end: End,
    slot: u32,
    priority: u32,
    left: u32,
    right: u32,
    /// Of this subtree: the node with the highest tip, and the one with the highest fee.
    best_tip: u32,
    best_fee: u32,
}

/// Which offer counts in a part of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Counts {
    Tip,
    Fee,
}

/// The first transactions of all senders that can run.
#[derive(Debug)]
pub(super) struct Heads {
    nodes: Vec<Node>,
    free: Vec<u32>,
    root: u32,
    priorities: RandomState,
}

impl Default for Heads {
    fn default() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), root: NIL, priorities: RandomState::new() }
    }
}

impl Heads {
    pub(super) fn insert(&mut self, end: End, slot: u32) {
        // The upper half of a hash is cut off on purpose.
        let priority = self.priorities.hash_one(end.seq) as u32;
        let node = Node { end, slot, priority, left: NIL, right: NIL, best_tip: NIL, best_fee: NIL };
        let new = match self.free.pop() {
            Some(free) => {
                self.nodes[free as usize] = node;
                free
            }
            None => {
                self.nodes.push(node);
                // There are fewer transactions than the memory of a machine holds nodes, and fewer of those than NIL.
                (self.nodes.len() - 1) as u32
            }
        };
        self.update(new);
        self.root = self.insert_below(self.root, new);
    }

    pub(super) fn remove(&mut self, end: End) {
        self.root = self.remove_below(self.root, key(end));
    }

    /// All that pay a base fee, best first.
    pub(super) fn best(&self, base_fee: u64) -> Best<'_> {
        let mut best = Best { heads: self, base_fee, open: BinaryHeap::new() };
        best.part(self.root);
        best
    }

    fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    fn insert_below(&mut self, at: u32, new: u32) -> u32 {
        if at == NIL {
            return new;
        }
        let (here, added) = (*self.node(at), *self.node(new));
        if added.priority > here.priority {
            let (left, right) = self.split(at, key(added.end));
            self.nodes[new as usize].left = left;
            self.nodes[new as usize].right = right;
            self.update(new);
            return new;
        }
        if key(added.end) < key(here.end) {
            self.nodes[at as usize].left = self.insert_below(here.left, new);
        } else {
            self.nodes[at as usize].right = self.insert_below(here.right, new);
        }
        self.update(at);
        at
    }

    fn remove_below(&mut self, at: u32, gone: (u64, u64)) -> u32 {
        if at == NIL {
            return NIL;
        }
        let here = *self.node(at);
        match gone.cmp(&key(here.end)) {
            Ordering::Equal => {
                self.free.push(at);
                return self.merge(here.left, here.right);
            }
            Ordering::Less => self.nodes[at as usize].left = self.remove_below(here.left, gone),
            Ordering::Greater => self.nodes[at as usize].right = self.remove_below(here.right, gone),
        }
        self.update(at);
        at
    }

    /// Parts a subtree into what is below a key and the rest.
    fn split(&mut self, at: u32, by: (u64, u64)) -> (u32, u32) {
        if at == NIL {
            return (NIL, NIL);
        }
        let here = *self.node(at);
        let parts = if key(here.end) < by {
            let (left, right) = self.split(here.right, by);
            self.nodes[at as usize].right = left;
            (at, right)
        } else {
            let (left, right) = self.split(here.left, by);
            self.nodes[at as usize].left = right;
            (left, at)
        };
        self.update(at);
        parts
    }

    /// Joins two subtrees, all of the first before all of the second.
    fn merge(&mut self, left: u32, right: u32) -> u32 {
        if left == NIL || right == NIL {
            return if left == NIL { right } else { left };
        }
        let top = if self.node(left).priority > self.node(right).priority {
            self.nodes[left as usize].right = self.merge(self.node(left).right, right);
            left
        } else {
            self.nodes[right as usize].left = self.merge(left, self.node(right).left);
            right
        };
        self.update(top);
        top
    }

    fn update(&mut self, at: u32) {
        let Node { left, right, .. } = *self.node(at);
        let (mut best_tip, mut best_fee) = (at, at);
        for child in [left, right].into_iter().filter(|child| *child != NIL) {
            let Node { best_tip: tip, best_fee: fee, .. } = *self.node(child);
            best_tip = if self.offer(tip, Counts::Tip) > self.offer(best_tip, Counts::Tip) { tip } else { best_tip };
            best_fee = if self.offer(fee, Counts::Fee) > self.offer(best_fee, Counts::Fee) { fee } else { best_fee };
        }
        let node = &mut self.nodes[at as usize];
        (node.best_tip, node.best_fee) = (best_tip, best_fee);
    }

    fn offer(&self, at: u32, counts: Counts) -> Rank {
        let End { seq, price } = self.node(at).end;
        let wei = match counts {
            Counts::Tip => price.tip,
            Counts::Fee => price.fee,
        };
        (wei, Reverse(seq))
    }
}

fn key(end: End) -> (u64, u64) {
    (end.price.slack(), end.seq)
}

/// A part of the tree that is not handed out yet, by the best that is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    rank: Rank,
    at: u32,
    counts: Counts,
    /// With all below it, or the node alone.
    whole: bool,
}

/// What can run, best first.
pub(super) struct Best<'a> {
    heads: &'a Heads,
    base_fee: u64,
    open: BinaryHeap<Open>,
}

impl Best<'_> {
    /// Parts a subtree by the base fee.
    fn part(&mut self, mut at: u32) {
        while at != NIL {
            let node = *self.heads.node(at);
            if node.end.price.slack() >= self.base_fee {
                self.push(at, Counts::Tip, false);
                self.push(node.right, Counts::Tip, true);
                at = node.left;
            } else {
                self.push(at, Counts::Fee, false);
                self.push(node.left, Counts::Fee, true);
                at = node.right;
            }
        }
    }

    fn push(&mut self, at: u32, counts: Counts, whole: bool) {
        if at == NIL {
            return;
        }
        let best = match (whole, counts) {
            (false, _) => at,
            (true, Counts::Tip) => self.heads.node(at).best_tip,
            (true, Counts::Fee) => self.heads.node(at).best_fee,
        };
        let (wei, seq) = self.heads.offer(best, counts);
        let yields = match counts {
            // As much slack as that pays the base fee beside the tip.
            Counts::Tip => Some(wei),
            Counts::Fee => wei.checked_sub(self.base_fee),
        };
        if let Some(yields) = yields {
            self.open.push(Open { rank: (yields, seq), at, counts, whole });
        }
    }
}

impl Iterator for Best<'_> {
    type Item = (Rank, u32);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Open { rank, at, counts, whole } = self.open.pop()?;
            let node = *self.heads.node(at);
            if !whole {
                return Some((rank, node.slot));
            }
            self.push(at, counts, false);
            self.push(node.left, counts, true);
            self.push(node.right, counts, true);
        }
    }
}
