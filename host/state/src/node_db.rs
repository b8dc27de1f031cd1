//! Trie nodes in the store, by their hash, and what eth_trie sees of them.
//!
//! Invariants: a node that leaves here hashes to its key, so a damaged store is a named error and eth_trie never decodes
//! anything but what it once encoded (it panics on some malformed nodes); nodes are never removed, because eth_trie
//! counts no references and would take nodes away from other subtrees and older roots.

use alloy_primitives::{B256, keccak256};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::Arc,
};

use crate::{error::StateError, keys, store::Store};

/// What an entry of the cache takes beside its node: key, table slots, allocation. An estimate, in bytes.
const ENTRY_BYTES: usize = 96;

/// The nodes of one chain, with a cache shared by all its views.
pub(crate) struct Nodes {
    store: Arc<dyn Store>,
    cache: Mutex<Cache>,
}

impl Nodes {
    pub fn new(store: Arc<dyn Store>, cache_bytes: usize) -> Self {
        Self { store, cache: Mutex::new(Cache { limit: cache_bytes / 2, ..Cache::default() }) }
    }

    /// The node with this hash.
    pub fn get(&self, hash: B256) -> Result<Option<Arc<[u8]>>, StateError> {
        if let Some(node) = self.cache.lock().get(hash) {
            return Ok(Some(node));
        }
        let Some(bytes) = self.store.get(&keys::node(hash))? else { return Ok(None) };
        if keccak256(&bytes) != hash {
            return Err(StateError::DamagedNode(hash));
        }
        let node: Arc<[u8]> = bytes.into();
        self.cache.lock().put(hash, node.clone());
        Ok(Some(node))
    }

    /// Takes nodes that were just committed: the next block walks over them.
    pub fn remember<'a>(&self, nodes: impl IntoIterator<Item = (&'a B256, &'a Vec<u8>)>) {
        let mut cache = self.cache.lock();
        nodes.into_iter().for_each(|(hash, node)| cache.put(*hash, node.as_slice().into()));
    }
}

/// Two generations: when the young one is full it becomes the old one and the old one goes. What is used moves to the
/// young one, so this forgets roughly the least recently used. Its order decides nothing.
#[derive(Default)]
struct Cache {
    young: HashMap<B256, Arc<[u8]>>,
    old: HashMap<B256, Arc<[u8]>>,
    young_bytes: usize,
    /// Most bytes of one generation.
    limit: usize,
}

impl Cache {
    fn get(&mut self, hash: B256) -> Option<Arc<[u8]>> {
        if let Some(node) = self.young.get(&hash) {
            return Some(node.clone());
        }
        let node = self.old.remove(&hash)?;
        self.put(hash, node.clone());
        Some(node)
    }

    fn put(&mut self, hash: B256, node: Arc<[u8]>) {
        let bytes = node.len() + ENTRY_BYTES;
        if self.young_bytes + bytes > self.limit {
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if bytes <= self.limit && self.young.insert(hash, node).is_none() {
            self.young_bytes += bytes;
        }
    }
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
