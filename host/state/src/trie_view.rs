//! The state at any root ever committed, read from its trie.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::Decodable;
use parking_lot::Mutex;
use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    codes,
    error::StateError,
    history,
    nodes::Nodes,
    place::NodeRef,
    prune::Pin,
    store::Store,
    trie::{self, Found, slot_key},
    view::{Account, StateView},
};

/// The state at one root. It never changes; any thread may hold it for as long as it likes.
pub struct TrieView {
    root: NodeRef,
    nodes: Arc<Nodes>,
    store: Arc<dyn Store>,
    /// Storage roots found so far: a contract's slots are read together.
    storage_roots: Mutex<BTreeMap<Address, NodeRef>>,
    /// Keeps what is below the root.
    _pin: Pin,
}

impl fmt::Debug for TrieView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrieView").field("root", &self.root).finish_non_exhaustive()
    }
}

impl TrieView {
    pub(crate) fn open(store: Arc<dyn Store>, nodes: Arc<Nodes>, root: NodeRef, pin: Pin) -> Result<Self, StateError> {
        trie::must_be_stored(&nodes, root)?;
        Ok(Self { root, nodes, store, storage_roots: Mutex::default(), _pin: pin })
    }

    /// The root.
    pub fn root(&self) -> B256 {
        self.root.hash
    }

    fn storage_root(&self, address: Address) -> Result<NodeRef, StateError> {
        if let Some(root) = self.storage_roots.lock().get(&address) {
            return Ok(*root);
        }
        let root = trie::storage_root(trie::account(&self.nodes, self.root, address)?);
        self.storage_roots.lock().insert(address, root);
        Ok(root)
    }
}

impl StateView for TrieView {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        let Some(account) = trie::account(&self.nodes, self.root, address)? else { return Ok(None) };
        self.storage_roots.lock().insert(address, account.storage_root());
        let account = account.account;
        Ok(Some(Account { nonce: account.nonce, balance: account.balance, code_hash: account.code_hash }))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        let root = self.storage_root(address)?;
        decode_word(trie::get(&self.nodes, root, &slot_key(slot))?)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        codes::get(&*self.store, hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        history::block_hash(&*self.store, number)?.ok_or(StateError::UnknownBlock(number))
    }
}

/// A word as a storage trie holds it; zero when it does not.
pub(crate) fn decode_word(found: Option<Found>) -> Result<U256, StateError> {
    let Some(found) = found else { return Ok(U256::ZERO) };
    U256::decode(&mut found.value.as_slice()).map_err(|_| StateError::Damaged { what: "slot in the trie" })
}
