//! A set of keys in order: a radix tree of hexadecimal digits with compressed paths, kept in storage.
//!
//! **Why this tree.** Its depth is bounded by twice the key's length whatever anybody inserts (a treap or skip list with
//! hashed priorities can be made as deep as a list by grinding keys), it never rebalances, its shape depends only on the
//! keys that it holds, and a node fits one EVM slot for keys of up to 28 bytes. Source: D. R. Morrison, PATRICIA,
//! J. ACM 15(4), 1968.
//!
//! **Layout.** A key is a path of digits, one per byte here and two per byte in storage; all keys of a tree are equally
//! long. The node at path `p` (digits from the root, ending with the one that leads to it) says which digits follow
//! (`more`) before the keys part again, and which digits (`next`, a bit each) come there; no bit means that the key
//! ends. The root has the empty path.

use core::ops::Bound;

use super::Field;
use crate::host;

/// A node: the digits that follow on every path through it, and the digits that come then.
struct Node {
    next: u16,
    more: Vec<u8>,
}

impl Node {
    fn leaf(more: &[u8]) -> Self {
        Self { next: 0, more: more.to_vec() }
    }

    /// The first digit in a direction.
    fn outermost(&self, up: bool) -> Option<u8> {
        nearest(self.next, up)
    }

    /// The first digit past `digit` in a direction.
    fn beyond(&self, digit: u8, up: bool) -> Option<u8> {
        let past = if up { !0 << digit << 1 } else { (1 << digit) - 1 };
        nearest(self.next & past, up)
    }

    fn has(&self, digit: u8) -> bool {
        self.next & (1 << digit) != 0
    }
}

fn nearest(digits: u16, up: bool) -> Option<u8> {
    let at = if up { digits.trailing_zeros() } else { 15u32.wrapping_sub(digits.leading_zeros()) };
    (digits != 0).then_some(at as u8)
}

/// The tree of a field's keys.
pub(super) struct Tree(Field);

impl Tree {
    pub(super) const fn new(field: Field) -> Self {
        Self(field)
    }

    /// Whether it holds no key.
    pub(super) fn is_empty(&self) -> bool {
        self.load(&[]).is_none()
    }

    fn load(&self, path: &[u8]) -> Option<Node> {
        let bytes = host::get(&self.node_key(path))?;
        let [high, low, count, packed @ ..] = bytes.as_slice() else {
            panic!("storage field '{}' holds no node", self.0.name);
        };
        let mut more: Vec<u8> = packed.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
        more.truncate(usize::from(*count));
        Some(Node { next: u16::from_be_bytes([*high, *low]), more })
    }

    /// A node that its parent's digits promise.
    fn child(&self, path: &[u8]) -> Node {
        match self.load(path) {
            Some(node) => node,
            None => panic!("storage field '{}' lost a node", self.0.name),
        }
    }

    fn store(&self, path: &[u8], node: &Node) {
        let mut bytes = node.next.to_be_bytes().to_vec();
        // Paths have at most 192 digits, see `OrderedMap::new`.
        bytes.push(node.more.len() as u8);
        bytes.extend_from_slice(&pack(&node.more));
        host::set(&self.node_key(path), &bytes);
    }

    fn node_key(&self, path: &[u8]) -> Vec<u8> {
        self.0.key(|out| {
            out.extend_from_slice(&[1, path.len() as u8]);
            out.extend_from_slice(&pack(path));
        })
    }

    /// Adds a key that is not there.
    pub(super) fn insert(&self, key: &[u8]) {
        let mut at = 0;
        loop {
            let Some(mut node) = self.load(&key[..at]) else {
                // Only the root of an empty tree is missing.
                return self.store(&key[..at], &Node::leaf(&key[at..]));
            };
            let rest = &key[at..];
            let common = node.more.iter().zip(rest).take_while(|(a, b)| a == b).count();
            let fork = at + common;
            let digit = key[fork];
            if common < node.more.len() {
                let old = Node { next: node.next, more: node.more[common + 1..].to_vec() };
                let old_digit = node.more[common];
                self.store(&with(&key[..fork], old_digit), &old);
                node = Node { next: 1 << old_digit, more: node.more[..common].to_vec() };
            } else if node.has(digit) {
                at = fork + 1;
                continue;
            }
            node.next |= 1 << digit;
            self.store(&key[..=fork], &Node::leaf(&key[fork + 1..]));
            return self.store(&key[..at], &node);
        }
    }

    /// Takes away a key that is there.
    pub(super) fn remove(&self, key: &[u8]) {
        let mut parent: Option<(usize, Node)> = None;
        let mut at = 0;
        loop {
            let node = self.child(&key[..at]);
            if node.next == 0 {
                break;
            }
            let fork = at + node.more.len();
            parent = Some((at, node));
            at = fork + 1;
        }
        host::remove(&self.node_key(&key[..at]));
        let Some((above, mut node)) = parent else { return };
        node.next &= !(1 << key[at - 1]);
        if node.next.count_ones() == 1 {
            // One way is left: it becomes part of the path.
            let digit = node.next.trailing_zeros() as u8;
            let path = with(&key[..at - 1], digit);
            let child = self.child(&path);
            host::remove(&self.node_key(&path));
            node.more.push(digit);
            node.more.extend_from_slice(&child.more);
            node.next = child.next;
        }
        self.store(&key[..above], &node);
    }

    /// The first key from a bound in a direction.
    pub(super) fn seek(&self, from: &Bound<Vec<u8>>, up: bool) -> Option<Vec<u8>> {
        let (bound, inclusive) = match from {
            Bound::Included(bound) => (bound, true),
            Bound::Excluded(bound) => (bound, false),
            Bound::Unbounded => return self.load(&[]).map(|root| self.descend(Vec::new(), root, up)),
        };
        let mut path = Vec::new();
        let mut node = self.load(&[])?;
        // Where the nearest keys past the bound are, should there be none on the bound's own path.
        let mut past: Option<Vec<u8>> = None;
        loop {
            let mut full = path.clone();
            full.extend_from_slice(&node.more);
            let order = full.as_slice().cmp(&bound[..full.len()]);
            if order.is_eq() {
                if node.next == 0 {
                    if inclusive {
                        return Some(full);
                    }
                    break;
                }
                let digit = bound[full.len()];
                if let Some(beyond) = node.beyond(digit, up) {
                    past = Some(with(&full, beyond));
                }
                if !node.has(digit) {
                    break;
                }
                path = with(&full, digit);
                node = self.child(&path);
            } else if order.is_gt() == up {
                return Some(self.descend(path, node, up));
            } else {
                break;
            }
        }
        past.map(|path| {
            let node = self.child(&path);
            self.descend(path, node, up)
        })
    }

    /// The outermost key below a node; `up` means the smallest.
    fn descend(&self, mut path: Vec<u8>, mut node: Node, up: bool) -> Vec<u8> {
        loop {
            path.extend_from_slice(&node.more);
            let Some(digit) = node.outermost(up) else { return path };
            path.push(digit);
            node = self.child(&path);
        }
    }
}

/// Digits two to a byte; an odd last one in the upper half.
pub(super) fn pack(digits: &[u8]) -> Vec<u8> {
    digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect()
}

fn with(path: &[u8], digit: u8) -> Vec<u8> {
    let mut longer = Vec::with_capacity(path.len() + 1);
    longer.extend_from_slice(path);
    longer.push(digit);
    longer
}
