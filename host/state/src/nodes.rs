//! Trie nodes in the store, by their hash, with a cache.
//!
//! What blocks make is cached, and what they replace is forgotten. What was read from the store has a small part of its own: a block
//! that reads a node replaces it, mostly, and who asks for a state that a block has just replaced brings old nodes back, which
//! no block will replace.
//!
//! Invariants: a node that leaves here hashes to its key, so a damaged store is a named error; nodes are never removed
//! from the store with a block that replaces them, because other subtrees and older roots may hold them; from the cache they are.

use alloy_primitives::{B256, Bytes, keccak256, map::FbBuildHasher};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;

use crate::{
    cache::{Cache, Look},
    error::StateError,
    keys,
    store::Store,
    workers,
};

/// Parts of the cache, so that threads seldom wait for each other.
const SHARDS: usize = 16;
/// The part of the cache for what was read: one in so many bytes.
const READ_PART: usize = 8;
/// New nodes from which on more than one thread takes them in: starting one takes as long as some hundred.
const MANY: usize = 1_024;

/// Its keys are hashes already.
type NodeCache = Cache<B256, Bytes, FbBuildHasher<32>>;

type Shards = [RwLock<NodeCache>; SHARDS];

/// The nodes of one chain, with a cache shared by all its views.
pub(crate) struct Nodes {
    store: Arc<dyn Store>,
    /// Of the newest state, as blocks made it.
    cache: Shards,
    /// Of any state, as somebody read it.
    read: Shards,
    /// Whether the store made the keys from what it holds, so that nothing has to be hashed again.
    is_keyed: bool,
}

impl Nodes {
    pub fn new(store: Arc<dyn Store>, cache_bytes: usize) -> Self {
        let shards = |bytes: usize| std::array::from_fn(|_| RwLock::new(Cache::new(bytes / SHARDS, bytes_of)));
        let read_bytes = cache_bytes / READ_PART;
        Self { store, cache: shards(cache_bytes - read_bytes), read: shards(read_bytes), is_keyed: false }
    }

    /// The nodes of a store whose keys were made from what it holds.
    pub fn keyed(store: Arc<dyn Store>, cache_bytes: usize) -> Self {
        Self { is_keyed: true, ..Self::new(store, cache_bytes) }
    }

    /// Notes that what the store holds is not to be trusted.
    pub fn condemn(&self, why: &str) {
        self.store.condemn(why);
    }

    /// The node with this hash.
    pub fn get(&self, hash: B256) -> Result<Option<Bytes>, StateError> {
        let place = Self::place(&hash);
        for shards in [&self.cache, &self.read] {
            // In a statement of its own, so that the lock is free again.
            let look = shards[place].read().look(&hash);
            let node = match look {
                Look::Young(node) => Some(node),
                Look::Old => shards[place].write().get(&hash),
                Look::Absent => None,
            };
            if node.is_some() {
                return Ok(node);
            }
        }
        let Some(bytes) = self.store.get(&keys::node(hash))? else { return Ok(None) };
        if !self.is_keyed && keccak256(&bytes) != hash {
            return Err(self.damaged(hash));
        }
        self.read[place].write().put_constant(hash, bytes.clone());
        Ok(Some(bytes))
    }

    /// The node with this hash, which another node holds: that it is not here is damage.
    pub fn must_get(&self, hash: B256) -> Result<Bytes, StateError> {
        self.get(hash)?.ok_or_else(|| self.damaged(hash))
    }

    /// The same past the cache, which is for what blocks need.
    pub fn read(&self, hash: B256) -> Result<Bytes, StateError> {
        match self.store.get(&keys::node(hash))? {
            Some(bytes) if keccak256(&bytes) == hash => Ok(bytes),
            _ => Err(self.damaged(hash)),
        }
    }

    fn damaged(&self, hash: B256) -> StateError {
        let error = StateError::DamagedNode(hash);
        self.store.condemn(&error.to_string());
        error
    }

    /// Takes nodes that were just committed: the next block walks over them, and not over those that they replace, which
    /// make room. So the cache holds of the newest state what fits, and not every version of what changes often.
    pub fn advance(&self, replaced: &[B256], nodes: impl IntoIterator<Item = (B256, Bytes)>) {
        let mut news: [News; SHARDS] = Default::default();
        replaced.iter().for_each(|hash| news[Self::place(hash)].replaced.push(*hash));
        nodes.into_iter().for_each(|(hash, node)| news[Self::place(&hash)].nodes.push((hash, node)));
        let many = news.iter().map(|news| news.nodes.len()).sum::<usize>() >= MANY;
        let shards = self.cache.iter().zip(&self.read);
        let news: Vec<_> = shards.zip(news).map(|(caches, news)| (caches, Mutex::new(news))).collect();
        // Most of it is waiting for memory, so two processors are twice as quick.
        let work = |((cache, read), news): &((&RwLock<NodeCache>, &RwLock<NodeCache>), Mutex<News>)| {
            let (mut cache, mut read, news) = (cache.write(), read.write(), std::mem::take(&mut *news.lock()));
            for hash in &news.replaced {
                if !cache.remove(hash) {
                    read.remove(hash);
                }
            }
            news.nodes.into_iter().for_each(|(hash, node)| cache.put_constant(hash, node));
        };
        match many {
            true => drop(workers::spread(&news, work)),
            false => news.iter().for_each(work),
        }
    }

    fn place(hash: &B256) -> usize {
        usize::from(hash[0]) % SHARDS
    }
}

/// What a block brings to one part of the cache.
#[derive(Default)]
struct News {
    replaced: Vec<B256>,
    nodes: Vec<(B256, Bytes)>,
}

/// What a node takes with its key.
fn bytes_of(node: &Bytes) -> usize {
    node.len() + size_of::<B256>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{memory_store::MemoryStore, store::Batch};

    #[test]
    fn what_is_read_takes_its_part_and_no_more() {
        const BYTES: usize = 1 << 20;
        let node = |n: u64| Bytes::from([n.to_be_bytes().as_slice(), &[7; 500]].concat());
        let (store, mut batch) = (Arc::new(MemoryStore::default()), Batch::default());
        let all: Vec<B256> = (0..20_000).map(|n| keccak256(node(n))).collect();
        (0..20_000).for_each(|n| batch.put(keys::node(all[n as usize]), node(n)));
        store.commit(batch).unwrap();
        let nodes = Nodes::new(store, BYTES);
        let new: Vec<(B256, Bytes)> = (0..100).map(|n| (all[n as usize], node(n))).collect();
        nodes.advance(&[], new.clone());
        all.iter().for_each(|hash| drop(nodes.get(*hash).unwrap().unwrap()));
        let held = |shards: &Shards| -> usize { shards.iter().map(|shard| shard.read().len()).sum() };
        // Reading twenty times what fits moved nothing out that a block made, and holds no more than its part.
        assert_eq!(held(&nodes.cache), new.len());
        let most = BYTES / READ_PART / 500;
        assert!((1..most).contains(&held(&nodes.read)), "{} of {most}", held(&nodes.read));
        // A block that replaces what was read makes room there too.
        nodes.advance(&all, []);
        assert_eq!((held(&nodes.cache), held(&nodes.read)), (0, 0));
    }
}
