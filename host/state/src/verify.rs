//! Whether a store that opened is sound enough to go on.
//!
//! A database may open a damaged file and miss entries without a word. Whatever is read later is checked then: a trie node and
//! a code hash to their keys, headers and receipts of known blocks must be there, so that damage is an error and never an
//! answer. Opening need not read everything: it looks at the head, at what the last blocks left, and goes down the trie
//! at places spread over all of it, so that large losses show at once.

use alloy_primitives::keccak256;
use alloy_trie::EMPTY_ROOT_HASH;

use crate::{
    error::StateError, head::HeadRecord, history, nodes::Nodes, roots, snapshot::BaseRecord, store::Store, trie,
    tx_index,
};

/// Descents through the head's trie.
const PROBES: u64 = 64;
/// Blocks below the head that must have left header and receipts.
const RECENT_BLOCKS: u64 = 16;

/// Reads the head and checks that the store belongs to it; without a head there must be nothing at all.
pub(crate) fn read_head(store: &dyn Store) -> Result<Option<HeadRecord>, StateError> {
    let Some(head) = HeadRecord::read(store)? else {
        return match store.scan(b"").next() {
            Some(_) => Err(StateError::Damaged { what: "store without a head" }),
            None => Ok(None),
        };
    };
    // Before the block that the chain begins with there is nothing.
    let first = BaseRecord::read(store)?.map_or(0, |base| base.number);
    for number in head.number.saturating_sub(RECENT_BLOCKS).max(first)..=head.number {
        let header = history::header(store, number)?.ok_or(StateError::Damaged { what: "block header" })?;
        if number == head.number && (header.0, header.1.state_root) != (head.hash, head.state_root) {
            return Err(StateError::Damaged { what: "head record: it is not of the block at its height" });
        }
        history::receipts(store, number)?.ok_or(StateError::Damaged { what: "list of receipts" })?;
    }
    tx_index::check(store, first, head.number)?;
    Ok(Some(head))
}

/// Goes down the head's trie where a fixed sequence of keys would be.
pub(crate) fn probe(store: &dyn Store, nodes: &Nodes, head: HeadRecord) -> Result<(), StateError> {
    let root = roots::must_get(store, head.number)?;
    if root.hash != head.state_root {
        return Err(StateError::Damaged { what: "state root" });
    }
    if root.hash != EMPTY_ROOT_HASH && nodes.get(root)?.is_none() {
        return Err(StateError::DamagedNode(root.hash));
    }
    (0..PROBES).try_for_each(|n| trie::get(nodes, root, keccak256(n.to_be_bytes()).as_slice()).map(drop))
}
