//! Trie nodes by where they lie, with a cache.
//!
//! What blocks make is cached, and what they replace is forgotten. What was read from the store has a small part of its own: a block
//! that reads a node replaces it, mostly, and who asks for a state that a block has just replaced brings old nodes back, which
//! no block will replace.
//!
//! Invariants: a node that is read from the store hashes to what names it, so a damaged store is a named error; nodes are never
//! removed from the store with a block that replaces them, because older roots may hold them; from the cache they are.

pub(crate) mod pack;
mod source;

use alloy_primitives::{B256, Bytes, keccak256, map::DefaultHashBuilder};
use parking_lot::{Mutex, RwLock};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    cache::{Cache, Look},
    error::StateError,
    place::{NodeRef, Place},
    store::Store,
    trie::own_bytes,
    workers,
};

use source::InStore;

pub(crate) use source::NodeSource;

/// Parts of the cache, so that threads seldom wait for each other.
const SHARDS: usize = 16;
/// The part of the cache for what was read: one in so many bytes.
const READ_PART: usize = 8;
/// New nodes from which on more than one thread takes them in: starting one takes as long as some hundred.
const MANY: usize = 1_024;

/// A node with what it hashes to: when blocks are taken back, another one comes to lie in its place.
#[derive(Clone)]
struct Cached {
    hash: B256,
    bytes: Bytes,
}

type NodeCache = Cache<Place, Cached, DefaultHashBuilder>;

type Shards = [RwLock<NodeCache>; SHARDS];

/// The nodes of one chain, with a cache shared by all its views.
pub(crate) struct Nodes {
    source: Arc<dyn NodeSource>,
    /// Of the newest state, as blocks made it.
    cache: Shards,
    /// Of any state, as somebody read it.
    read: Shards,
    /// The lowest height that blocks were taken back to: who began to read above it before may find what other blocks put there, or
    /// nothing.
    taken_back_to: AtomicU64,
}

impl Nodes {
    /// Those of a store.
    pub fn new(store: Arc<dyn Store>, cache_bytes: usize) -> Self {
        Self::of(Arc::new(InStore(store)), cache_bytes)
    }

    /// Those that another source has at hand.
    pub fn at_hand(source: Arc<dyn NodeSource>) -> Self {
        Self::of(source, 0)
    }

    fn of(source: Arc<dyn NodeSource>, cache_bytes: usize) -> Self {
        let shards = |bytes: usize| std::array::from_fn(|_| RwLock::new(Cache::new(bytes / SHARDS, bytes_of)));
        let read_bytes = cache_bytes / READ_PART;
        let cache = shards(cache_bytes - read_bytes);
        Self { source, cache, read: shards(read_bytes), taken_back_to: AtomicU64::new(u64::MAX) }
    }

    /// Notes that what the store holds is not to be trusted.
    pub fn condemn(&self, why: &str) {
        self.source.condemn(why);
    }

    /// A node as it is stored: its own bytes, and where those below it lie.
    pub fn get(&self, node: NodeRef) -> Result<Option<Bytes>, StateError> {
        self.with(node, Bytes::clone)
    }

    /// What `read` makes of a node as it is stored; none if it is not here. It may run while the node's part of the cache is locked,
    /// so it has to be short. That saves counting who holds the bytes, which a walk of blocks would do for each node.
    pub fn with<T>(&self, node: NodeRef, read: impl FnOnce(&Bytes) -> T) -> Result<Option<T>, StateError> {
        if self.source.is_by_hash() {
            return Ok(self.source.node(node)?.as_ref().map(read));
        }
        let shard = shard(node.place);
        for shards in [&self.cache, &self.read] {
            // A statement of its own, so that the lock is free again after it.
            match shards[shard].read().look(&node.place) {
                Look::Young(found) if found.hash == node.hash => return Ok(Some(read(&found.bytes))),
                Look::Young(_) | Look::Absent => continue,
                Look::Old => {}
            }
            let found = shards[shard].write().get(&node.place);
            if let Some(found) = found.filter(|found| found.hash == node.hash) {
                return Ok(Some(read(&found.bytes)));
            }
        }
        let Some(bytes) = self.source.node(node)? else {
            self.must_stand(node.place.height)?;
            return Ok(None);
        };
        if keccak256(own_bytes(&bytes)) != node.hash {
            return Err(self.damaged(node));
        }
        let made = read(&bytes);
        self.read[shard].write().put(node.place, Cached { hash: node.hash, bytes });
        Ok(Some(made))
    }

    /// The same of a node that another node holds: that it is not here is damage.
    pub fn must_have<T>(&self, node: NodeRef, read: impl FnOnce(&Bytes) -> T) -> Result<T, StateError> {
        self.with(node, read)?.ok_or_else(|| self.damaged(node))
    }

    /// The same where `read` may find that it cannot be read: no hash covers where those below it lie.
    pub fn decode<T>(
        &self,
        node: NodeRef,
        read: impl FnOnce(&Bytes) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        self.must_have(node, read)?.map_err(|error| self.damage(node, error))
    }

    /// The same past the cache, which is for what blocks need.
    pub fn read(&self, node: NodeRef) -> Result<Bytes, StateError> {
        match self.source.node(node)? {
            Some(bytes) if keccak256(own_bytes(&bytes)) == node.hash => Ok(bytes),
            _ => Err(self.damaged(node)),
        }
    }

    fn damaged(&self, node: NodeRef) -> StateError {
        self.damage(node, StateError::DamagedNode(node.hash))
    }

    /// What is wrong with a node: the store, unless its block was taken back.
    fn damage(&self, node: NodeRef, error: StateError) -> StateError {
        match self.must_stand(node.place.height) {
            Err(taken_back) => taken_back,
            Ok(()) => {
                self.source.condemn(&error.to_string());
                error
            }
        }
    }

    /// Notes that the blocks above a height are about to go.
    pub fn take_back(&self, height: u64) {
        self.taken_back_to.fetch_min(height, Ordering::SeqCst);
    }

    /// Whether what a block left may be missing, or another's, without damage: [`StateError::TakenBack`]. To be asked after it was
    /// looked for.
    pub fn must_stand(&self, number: u64) -> Result<(), StateError> {
        let stands = number <= self.taken_back_to.load(Ordering::SeqCst);
        if stands { Ok(()) } else { Err(StateError::TakenBack { number }) }
    }

    /// Takes the nodes of a block that was just committed, which lie from `first` on: the next block walks over them, and not over those that they
    /// replace, which make room. So the cache holds of the newest state what fits, and not every version of what changes often.
    pub fn advance(&self, replaced: &[Place], first: Place, nodes: Vec<(B256, Bytes)>) {
        let mut news: [News; SHARDS] = Default::default();
        replaced.iter().for_each(|place| news[shard(*place)].replaced.push(*place));
        for (index, (hash, bytes)) in (0u32..).zip(nodes) {
            let place = first.after(index);
            news[shard(place)].nodes.push((place, Cached { hash, bytes }));
        }
        let many = news.iter().map(|news| news.nodes.len()).sum::<usize>() >= MANY;
        let shards = self.cache.iter().zip(&self.read);
        let news: Vec<_> = shards.zip(news).map(|(caches, news)| (caches, Mutex::new(news))).collect();
        // Most of it is waiting for memory, so two processors are twice as quick.
        let work = |((cache, read), news): &((&RwLock<NodeCache>, &RwLock<NodeCache>), Mutex<News>)| {
            let (mut cache, mut read, news) = (cache.write(), read.write(), std::mem::take(&mut *news.lock()));
            for place in &news.replaced {
                if !cache.remove(place) {
                    read.remove(place);
                }
            }
            news.nodes.into_iter().for_each(|(place, node)| cache.put(place, node));
        };
        match many {
            true => drop(workers::spread(&news, work)),
            false => news.iter().for_each(work),
        }
    }

    /// Forgets the nodes of the blocks above a height, which other ones will take the places of.
    pub fn forget_above(&self, height: u64) {
        for shard in self.cache.iter().chain(&self.read) {
            shard.write().forget(|place| place.height > height);
        }
    }
}

fn shard(place: Place) -> usize {
    place.index as usize % SHARDS
}

/// What a block brings to one part of the cache.
#[derive(Default)]
struct News {
    replaced: Vec<Place>,
    nodes: Vec<(Place, Cached)>,
}

/// What a node takes with its key.
fn bytes_of(node: &Cached) -> usize {
    node.bytes.len() + size_of::<B256>() + size_of::<Place>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keys, memory_store::MemoryStore, store::Batch};

    #[test]
    fn what_is_read_takes_its_part_and_no_more() {
        const BYTES: usize = 1 << 20;
        let node = |n: u32| Bytes::from(alloy_rlp::encode([n.to_be_bytes().as_slice(), &[7; 500]].concat().as_slice()));
        let (store, mut batch) = (Arc::new(MemoryStore::default()), Batch::default());
        let place = |index| Place { height: 1, index, packed: false };
        let all: Vec<_> = (0..20_000).map(|n| NodeRef { hash: keccak256(node(n)), place: place(n) }).collect();
        (0..20_000).for_each(|n| batch.put(keys::node(place(n)), node(n)));
        store.commit(batch).unwrap();
        let nodes = Nodes::new(store, BYTES);
        let new: Vec<_> = (0..100).map(|n| (all[n as usize].hash, node(n))).collect();
        nodes.advance(&[], place(0), new.clone());
        all.iter().for_each(|node| drop(nodes.get(*node).unwrap().unwrap()));
        let held = |shards: &Shards| -> usize { shards.iter().map(|shard| shard.read().len()).sum() };
        // Reading twenty times what fits moved nothing out that a block made, and holds no more than its part.
        assert_eq!(held(&nodes.cache), new.len());
        let most = BYTES / READ_PART / 500;
        assert!((1..most).contains(&held(&nodes.read)), "{} of {most}", held(&nodes.read));
        // A block that replaces what was read makes room there too.
        nodes.advance(
            &all.iter().map(|node| node.place).collect::<Vec<_>>(),
            Place { height: 2, ..Place::default() },
            Vec::new(),
        );
        assert_eq!((held(&nodes.cache), held(&nodes.read)), (0, 0));
    }
}
