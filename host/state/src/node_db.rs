//! Trie nodes in the store, by their hash, and what eth_trie sees of them.
//!
//! Invariants: a node that leaves here hashes to its key, so a damaged store is a named error and eth_trie never decodes
//! anything but what it once encoded (it panics on some malformed nodes); nodes are never removed, because eth_trie
//! counts no references and would take nodes away from other subtrees and older roots.

use alloy_primitives::{B256, keccak256};
use parking_lot::Mutex;
use std::{collections::BTreeMap, mem, sync::Arc};

use crate::{cache::Cache, error::StateError, keys, store::Store};

/// The nodes of one chain, with a cache shared by all its views.
pub(crate) struct Nodes {
    store: Arc<dyn Store>,
    cache: Mutex<Cache<B256, Arc<[u8]>>>,
}

impl Nodes {
    pub fn new(store: Arc<dyn Store>, cache_bytes: usize) -> Self {
        Self { store, cache: Mutex::new(Cache::new(cache_bytes)) }
    }

    /// The node with this hash.
    pub fn get(&self, hash: B256) -> Result<Option<Arc<[u8]>>, StateError> {
        if let Some(node) = self.cache.lock().get(&hash, |node| bytes_of(node)) {
            return Ok(Some(node));
        }
        let Some(bytes) = self.store.get(&keys::node(hash))? else { return Ok(None) };
        if keccak256(&bytes) != hash {
            return Err(StateError::DamagedNode(hash));
        }
        let node: Arc<[u8]> = bytes.into();
        self.cache.lock().put(hash, node.clone(), bytes_of(&node));
        Ok(Some(node))
    }

    /// Takes nodes that were just committed: the next block walks over them.
    pub fn remember<'a>(&self, nodes: impl IntoIterator<Item = (&'a B256, &'a Vec<u8>)>) {
        let mut cache = self.cache.lock();
        nodes.into_iter().for_each(|(hash, node)| cache.put(*hash, node.as_slice().into(), bytes_of(node)));
    }
}

/// What a node takes with its key.
fn bytes_of(node: &[u8]) -> usize {
    node.len() + size_of::<B256>()
}

/// The nodes as eth_trie's database: writes stay here, over the store, until somebody takes them.
pub(crate) struct NodeDb {
    nodes: Arc<Nodes>,
    fresh: Mutex<BTreeMap<B256, Vec<u8>>>,
    /// The last error, because eth_trie keeps only its text.
    failure: Mutex<Option<StateError>>,
}

impl NodeDb {
    pub fn new(nodes: Arc<Nodes>) -> Self {
        Self { nodes, fresh: Mutex::default(), failure: Mutex::default() }
    }

    /// The node with this hash, written here or stored.
    pub fn node(&self, hash: B256) -> Result<Option<Vec<u8>>, StateError> {
        if let Some(node) = self.fresh.lock().get(&hash) {
            return Ok(Some(node.clone()));
        }
        Ok(self.nodes.get(hash)?.map(|node| node.to_vec()))
    }

    /// What was written.
    pub fn take_fresh(&self) -> BTreeMap<B256, Vec<u8>> {
        mem::take(&mut self.fresh.lock())
    }

    /// The error behind eth_trie's.
    pub fn error(&self, error: eth_trie::TrieError) -> StateError {
        match (self.failure.lock().take(), error) {
            (Some(failure), _) => failure,
            (None, eth_trie::TrieError::MissingTrieNode { node_hash, .. }) => StateError::DamagedNode(node_hash),
            (None, error) => StateError::Trie(error.to_string()),
        }
    }
}

impl eth_trie::DB for NodeDb {
    type Error = StateError;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let hash = hash(key)?;
        self.node(hash).map_err(|error| {
            *self.failure.lock() = Some(error);
            StateError::DamagedNode(hash)
        })
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> Result<(), StateError> {
        self.fresh.lock().insert(hash(key)?, value);
        Ok(())
    }

    fn insert_batch(&self, keys: Vec<Vec<u8>>, values: Vec<Vec<u8>>) -> Result<(), StateError> {
        let mut fresh = self.fresh.lock();
        for (key, value) in keys.iter().zip(values) {
            fresh.insert(hash(key)?, value);
        }
        Ok(())
    }

    fn remove(&self, _: &[u8]) -> Result<(), StateError> {
        Ok(())
    }

    fn flush(&self) -> Result<(), StateError> {
        Ok(())
    }
}

fn hash(key: &[u8]) -> Result<B256, StateError> {
    B256::try_from(key).map_err(|_| StateError::Trie(format!("a node's key of {} bytes", key.len())))
}
