//! The Ethereum state trie: a Merkle Patricia trie of accounts by hashed address, each with a trie of its slots by hashed
//! slot (Yellow Paper, appendix D and section 4.1).
//!
//! A root is computed without writing anything: [`RootUpdate`] carries the new nodes to whoever commits. All changes of a
//! block go down the trie together, so that each node on their paths is read, encoded and hashed once. What one node is as
//! bytes is alloy-trie's; tests hold roots and proofs against eth_trie and alloy-trie's `HashBuilder`. In the store a node is
//! followed by where the nodes lie that it names.

mod below;
mod change;
mod child;
mod insert;
mod links;
mod node;
mod sealed;
mod update;
mod walk;

#[cfg(test)]
mod tests;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};

use crate::{
    diff::StateDiff,
    error::StateError,
    nodes::Nodes,
    place::{NodeRef, Place},
};

pub(crate) use below::{At, write_stored};
pub(crate) use links::{Kind, Link, join, links};
pub(crate) use node::own_bytes;
pub(crate) use walk::{Found, get, prove};

/// A state root and the trie nodes that lead to it from its parent, not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootUpdate {
    /// The root before.
    pub parent_root: B256,
    /// The root after.
    pub root: B256,
    /// Where the root after lies.
    pub(crate) at: At,
    /// The nodes that are new with their hashes, as they are stored, in the order of their places.
    pub(crate) nodes: Vec<(B256, Bytes)>,
    /// Where the nodes lie that these stand in place of: hints, for what is kept in memory.
    pub(crate) replaced: Vec<Place>,
    /// The accounts that were changed and are still there, with where the roots of their storage lie.
    pub(crate) accounts: Vec<(Address, TrieAccount, At)>,
}

/// An account as it stands in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub account: TrieAccount,
    /// Where the root of its storage lies.
    pub storage: Place,
}

impl Stored {
    /// Reads an account as the trie holds it.
    pub fn read(found: &Found) -> Result<Self, StateError> {
        Ok(Self { account: change::read_account(&found.value)?, storage: found.below })
    }

    /// The root of its storage.
    pub fn storage_root(&self) -> NodeRef {
        NodeRef { hash: self.account.storage_root, place: self.storage }
    }
}

/// Of an account that is not there, too: no storage.
pub(crate) fn storage_root(account: Option<Stored>) -> NodeRef {
    account.map_or(NodeRef::anywhere(EMPTY_ROOT_HASH), |account| account.storage_root())
}

/// The root after `diff` on top of `parent`. The same on any number of processors.
pub(crate) fn root_after(nodes: &Nodes, parent: NodeRef, diff: &StateDiff) -> Result<RootUpdate, StateError> {
    must_be_stored(nodes, parent)?;
    let changes = change::of_accounts(diff);
    let (root, at, new) = update::root_after(nodes, parent, &changes)?;
    let (nodes, replaced, accounts) = new.into_parts();
    Ok(RootUpdate { parent_root: parent.hash, root, at, nodes, replaced, accounts })
}

/// A block names its root, so that it must be here.
pub(crate) fn must_be_stored(nodes: &Nodes, root: NodeRef) -> Result<(), StateError> {
    if root.hash == EMPTY_ROOT_HASH { Ok(()) } else { nodes.must_have(root, |_| ()) }
}

/// The account at an address.
pub(crate) fn account(nodes: &Nodes, root: NodeRef, address: Address) -> Result<Option<Stored>, StateError> {
    let found = get(nodes, root, address.as_slice())?;
    found.map(|found| Stored::read(&found)).transpose()
}

/// The key of a slot in its trie, before hashing.
pub(crate) fn slot_key(slot: U256) -> [u8; 32] {
    slot.to_be_bytes()
}
