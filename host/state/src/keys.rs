//! The layout of the store: one byte says what a key is, fixed-width fields follow, numbers big-endian.
//!
//! | prefix | key | value |
//! |---|---|---|
//! | `H` | | head record |
//! | `c` | code hash, chunk | length u64 and code |
//! | `T` | height, twice the index (u32) | a trie node that the block at that height made, RLP, and where those below it lie ([`crate::place`]) |
//! | `T` | height, twice the index and 1 | that node and those after it ([`crate::nodes::pack`]) |
//! | `p` | height | where the root of the block's state lies, as in the key of a trie node, and the root |
//! | `x` | node hash | a trie node of a snapshot that is being loaded |
//! | `h` | height | block hash, header RLP |
//! | `n` | block hash | height |
//! | `t` | run, piece (u32), chunk | length u64 and transactions by hash, each with height and index (u32) ([`crate::tx_index`]) |
//! | `i` | run | whether it counts, bits of a hash that name a piece (u8 each); first height, last height, transactions |
//! | `d` | component digest | height of the first block that carries it |
//! | `D` | component digest, chunk | length u64 and component, where no block in the log brings it |
//! | `r` | height, chunk | length u64 and receipts, RLP list |
//! | `K` | | first height whose state is kept, first height whose nodes may still be there; u64 each |
//! | `B` | | height of the first block, hash of block 0; where the chain was begun from a snapshot |
//!
//! A change of this table is a change of [`crate::head::FORMAT`].

use alloy_primitives::B256;

use crate::{place::Place, store::Key};

/// What there is in a store, by the beginnings of the keys.
pub(crate) const KINDS: [(&[u8], &str); 13] = [
    (NODES, "trie nodes"),
    (b"c", "codes"),
    (b"h", "block headers"),
    (b"n", "block hashes"),
    (b"t", "transaction index"),
    (RUNS, "runs of the transaction index"),
    (b"r", "receipts"),
    (COMPONENTS, "component digests"),
    (b"D", "components"),
    (HEAD, "head record"),
    (KEPT, "record of what is kept"),
    (b"p", "state roots"),
    (BASE, "record of the first block"),
];

/// The head record.
pub(crate) const HEAD: &[u8] = b"H";

/// What is kept of old states.
pub(crate) const KEPT: &[u8] = b"K";

/// With which block the chain begins.
pub(crate) const BASE: &[u8] = b"B";

/// What the keys of all runs of the transaction index begin with.
pub(crate) const RUNS: &[u8] = b"i";

/// What the keys of all components' heights begin with.
pub(crate) const COMPONENTS: &[u8] = b"d";

/// What the keys of all trie nodes begin with.
pub(crate) const NODES: &[u8] = b"T";

pub(crate) fn code(hash: B256) -> Key {
    join(b'c', &[hash.as_slice()])
}

pub(crate) fn node(place: Place) -> Key {
    join(b'T', &[&place.to_bytes()])
}

/// What the keys of all nodes begin with that a block made.
pub(crate) fn nodes_of(number: u64) -> Key {
    join(b'T', &[&number.to_be_bytes()])
}

pub(crate) fn root(number: u64) -> Key {
    join(b'p', &[&number.to_be_bytes()])
}

pub(crate) fn loaded(hash: B256) -> Key {
    join(b'x', &[hash.as_slice()])
}

pub(crate) fn header(number: u64) -> Key {
    join(b'h', &[&number.to_be_bytes()])
}

pub(crate) fn block_number(hash: B256) -> Key {
    join(b'n', &[hash.as_slice()])
}

pub(crate) fn run(id: u64) -> Key {
    join(b'i', &[&id.to_be_bytes()])
}

pub(crate) fn run_piece(run: u64, piece: u32) -> Key {
    join(b't', &[&run.to_be_bytes(), &piece.to_be_bytes()])
}

pub(crate) fn component(digest: B256) -> Key {
    join(b'd', &[digest.as_slice()])
}

pub(crate) fn component_bytes(digest: B256) -> Key {
    join(b'D', &[digest.as_slice()])
}

pub(crate) fn receipts(number: u64) -> Key {
    join(b'r', &[&number.to_be_bytes()])
}

fn join(prefix: u8, fields: &[&[u8]]) -> Key {
    let mut key = Key::new(&[prefix]);
    fields.iter().for_each(|field| key.extend(field));
    key
}
