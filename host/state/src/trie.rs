//! The Ethereum state trie: a Merkle Patricia trie of accounts by hashed address, each with a trie of its slots by hashed
//! slot (Yellow Paper, appendix D and section 4.1). eth_trie does the work; this file says what goes into it.
//!
//! A root is computed without writing anything: [`RootUpdate`] carries the new nodes to whoever commits. The cost is
//! that of the paths from the root to the changed entries.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use eth_trie::{EthTrie, Trie as _};
use std::{collections::BTreeMap, sync::Arc};

use crate::{
    diff::{AccountDiff, StateDiff},
    error::StateError,
    node_db::{NodeDb, Nodes},
};

/// A state root and the trie nodes that lead to it from its parent, not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootUpdate {
    /// The root before.
    pub parent_root: B256,
    /// The root after.
    pub root: B256,
    /// The nodes that are new, by hash. Some may be stored already.
    pub(crate) nodes: BTreeMap<B256, Vec<u8>>,
}

/// A trie whose keys are hashed, at some root.
pub(crate) struct SecureTrie {
    trie: EthTrie<NodeDb>,
}

impl SecureTrie {
    /// The trie with this root, which must be stored.
    pub fn open(db: Arc<NodeDb>, root: B256) -> Result<Self, StateError> {
        if root == EMPTY_ROOT_HASH {
            return Ok(Self { trie: EthTrie::new(db) });
        }
        if db.node(root)?.is_none() {
            return Err(StateError::UnknownRoot(root));
        }
        let trie = EthTrie::from(db.clone(), root).map_err(|error| db.error(error))?;
        Ok(Self { trie })
    }

    /// The value under the hash of `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.trie.get(keccak256(key).as_slice()).map_err(|error| self.trie.db.error(error))
    }

    /// Sets the value under the hash of `key`; none removes it.
    pub fn set(&mut self, key: &[u8], value: Option<Vec<u8>>) -> Result<(), StateError> {
        let key = keccak256(key);
        let done = match value {
            Some(value) => self.trie.insert(key.as_slice(), &value),
            None => self.trie.remove(key.as_slice()).map(|_| ()),
        };
        done.map_err(|error| self.trie.db.error(error))
    }

    /// The root, with all new nodes left in the database that the trie was opened on.
    pub fn root(&mut self) -> Result<B256, StateError> {
        self.trie.root_hash().map_err(|error| self.trie.db.error(error))
    }

    /// The nodes from the root to the value under the hash of `key`, or to where its absence shows.
    pub fn proof(&mut self, key: &[u8]) -> Result<Vec<Vec<u8>>, StateError> {
        self.trie.get_proof(keccak256(key).as_slice()).map_err(|error| self.trie.db.error(error))
    }

    /// The account at an address.
    pub fn account(&self, address: Address) -> Result<Option<TrieAccount>, StateError> {
        let Some(bytes) = self.get(address.as_slice())? else { return Ok(None) };
        TrieAccount::decode(&mut bytes.as_slice())
            .map(Some)
            .map_err(|_| StateError::Damaged { what: "account in the trie" })
    }
}

/// The key of a slot in its trie, before hashing.
pub(crate) fn slot_key(slot: U256) -> [u8; 32] {
    slot.to_be_bytes()
}

/// The root after `diff` on top of `parent_root`.
pub(crate) fn root_after(nodes: &Arc<Nodes>, parent_root: B256, diff: &StateDiff) -> Result<RootUpdate, StateError> {
    let db = Arc::new(NodeDb::new(nodes.clone()));
    let mut accounts = SecureTrie::open(db.clone(), parent_root)?;
    for (address, change) in &diff.accounts {
        let value = match change.account {
            None => None,
            Some(account) => {
                let before = if change.clears_storage() { None } else { accounts.account(*address)? };
                let storage_root = before.map_or(EMPTY_ROOT_HASH, |before| before.storage_root);
                let storage_root = storage_root_after(&db, storage_root, change)?;
                let (nonce, balance, code_hash) = (account.nonce, account.balance, account.code_hash);
                Some(alloy_rlp::encode(TrieAccount { nonce, balance, storage_root, code_hash }))
            }
        };
        accounts.set(address.as_slice(), value)?;
    }
    let root = if diff.accounts.is_empty() { parent_root } else { accounts.root()? };
    let mut nodes = db.take_fresh();
    // The empty trie is known without a node.
    nodes.remove(&EMPTY_ROOT_HASH);
    Ok(RootUpdate { parent_root, root, nodes })
}

fn storage_root_after(db: &Arc<NodeDb>, root: B256, change: &AccountDiff) -> Result<B256, StateError> {
    if change.storage.is_empty() {
        return Ok(root);
    }
    let mut slots = SecureTrie::open(db.clone(), root)?;
    for (slot, value) in change.written_storage() {
        let value = (!value.is_zero()).then(|| alloy_rlp::encode(value));
        slots.set(&slot_key(*slot), value)?;
    }
    slots.root()
}
