//! The Ethereum state trie: a Merkle Patricia trie of accounts by hashed address, each with a trie of its slots by hashed
//! slot (Yellow Paper, appendix D and section 4.1).
//!
//! A root is computed without writing anything: [`RootUpdate`] carries the new nodes to whoever commits. All changes of a
//! block go down the trie together, so that each node on their paths is read, encoded and hashed once. What one node is as
//! bytes is alloy-trie's; tests hold roots and proofs against eth_trie and alloy-trie's `HashBuilder`.

mod change;
mod insert;
mod links;
mod sealed;
mod update;
mod walk;

#[cfg(test)]
mod tests;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};

use crate::{diff::StateDiff, error::StateError, nodes::Nodes};

pub(crate) use change::read_account;
pub(crate) use links::{Kind, Link, links};
pub(crate) use walk::{get, prove};

/// A state root and the trie nodes that lead to it from its parent, not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootUpdate {
    /// The root before.
    pub parent_root: B256,
    /// The root after.
    pub root: B256,
    /// The nodes that are new, with their hashes. Some may be stored already, and some be here twice.
    pub(crate) nodes: Vec<(B256, Bytes)>,
    /// The nodes that these stand in place of, by their hashes: hints, for what is kept in memory.
    pub(crate) replaced: Vec<B256>,
    /// The accounts that were changed and are still there.
    pub(crate) accounts: Vec<(Address, TrieAccount)>,
}

/// The root after `diff` on top of `parent_root`. The same on any number of processors.
pub(crate) fn root_after(nodes: &Nodes, parent_root: B256, diff: &StateDiff) -> Result<RootUpdate, StateError> {
    must_be_stored(nodes, parent_root)?;
    let changes = change::of_accounts(diff);
    let (root, new) = update::root_after(nodes, parent_root, &changes)?;
    let (nodes, replaced, accounts) = new.into_parts();
    Ok(RootUpdate { parent_root, root, nodes, replaced, accounts })
}

/// Whether a trie with this root is here at all.
pub(crate) fn must_be_stored(nodes: &Nodes, root: B256) -> Result<(), StateError> {
    if root != EMPTY_ROOT_HASH && nodes.get(root)?.is_none() {
        return Err(StateError::UnknownRoot(root));
    }
    Ok(())
}

/// The account at an address.
pub(crate) fn account(nodes: &Nodes, root: B256, address: Address) -> Result<Option<TrieAccount>, StateError> {
    get(nodes, root, address.as_slice())?.map(|bytes| read_account(&bytes)).transpose()
}

/// The key of a slot in its trie, before hashing.
pub(crate) fn slot_key(slot: U256) -> [u8; 32] {
    slot.to_be_bytes()
}
