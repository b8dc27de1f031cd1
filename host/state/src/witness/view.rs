//! The state that a witness stands for. What the witness lacks is an error; what was not needed is known afterwards.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Witness, WitnessError, hashed};
use crate::{
    diff::StateDiff,
    error::StateError,
    nodes::{NodeSource, Nodes},
    place::NodeRef,
    prune::Pin,
    store::{Batch, Entries, Store, StoreError},
    trie,
    trie_view::TrieView,
    view::{Account, StateView},
};

/// Something with a note whether it was used.
struct Item {
    bytes: Bytes,
    used: AtomicBool,
}

/// Things by their hashes.
struct Items(BTreeMap<B256, Item>);

impl Items {
    fn new(hashed: Vec<(B256, Bytes)>) -> Self {
        let item = |(hash, bytes)| (hash, Item { bytes, used: AtomicBool::new(false) });
        Self(hashed.into_iter().map(item).collect())
    }

    fn use_up(&self, hash: &B256) -> Option<Bytes> {
        let item = self.0.get(hash)?;
        item.used.store(true, Ordering::Relaxed);
        Some(item.bytes.clone())
    }

    fn unused(&self) -> Option<B256> {
        self.0.iter().find(|(_, item)| !item.used.load(Ordering::Relaxed)).map(|(hash, _)| *hash)
    }
}

impl NodeSource for Items {
    fn node(&self, node: NodeRef) -> Result<Option<Bytes>, StateError> {
        Ok(self.use_up(&node.hash))
    }

    fn is_by_hash(&self) -> bool {
        true
    }
}

/// A view of a trie wants a store too, for codes and headers: here they come from elsewhere.
struct NoStore;

impl Store for NoStore {
    fn get(&self, _: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(None)
    }

    fn commit(&self, _: Batch) -> Result<(), StoreError> {
        Err(StoreError::Backend("a witness is only read".into()))
    }

    fn scan<'a>(&'a self, _: &[u8]) -> Entries<'a> {
        Box::new(std::iter::empty())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Something in a witness that its block does not need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Leftover {
    /// A trie node.
    #[error("trie node {0}")]
    Node(B256),
    /// A code.
    #[error("code {0}")]
    Code(B256),
    /// A header: the oldest block whose hash is asked for is a later one.
    #[error("the header of block {0}")]
    Header(u64),
}

/// The state after a block, as far as a witness shows it.
pub struct WitnessView {
    root: B256,
    items: Arc<Items>,
    nodes: Arc<Nodes>,
    trie: TrieView,
    codes: Items,
    /// Hashes of the blocks whose headers are there, the parent's last.
    hashes: BTreeMap<u64, B256>,
    asked: Mutex<BTreeSet<u64>>,
}

impl fmt::Debug for WitnessView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WitnessView").field("root", &self.root).finish_non_exhaustive()
    }
}

impl WitnessView {
    /// The state at `root` in which `hashes` are those of earlier blocks. The root's node must be there.
    pub fn new(root: B256, witness: &Witness, hashes: BTreeMap<u64, B256>) -> Result<Self, WitnessError> {
        if let Some(place) = witness.components.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(WitnessError::Unordered { what: "component", place: place + 1 });
        }
        let nodes = hashed("trie node", &witness.nodes)?;
        let codes = Items::new(hashed("code", &witness.codes)?);
        let items = Arc::new(Items::new(nodes));
        let nodes = Arc::new(Nodes::at_hand(items.clone()));
        let trie = TrieView::open(Arc::new(NoStore), nodes.clone(), NodeRef::anywhere(root), Pin::default());
        // Only the root's node is looked for.
        let trie = trie.map_err(|_| WitnessError::NoRoot(root))?;
        Ok(Self { root, items, nodes, trie, codes, hashes, asked: Mutex::default() })
    }

    /// The root after `diff`.
    pub fn root_after(&self, diff: &StateDiff) -> Result<B256, StateError> {
        Ok(trie::root_after(&self.nodes, NodeRef::anywhere(self.root), diff)?.root)
    }

    /// The first thing that nobody asked for, if there is one.
    pub fn leftover(&self) -> Option<Leftover> {
        let node = self.items.unused().map(Leftover::Node);
        let code = || self.codes.unused().map(Leftover::Code);
        node.or_else(code).or_else(|| {
            // Of the parent the header is needed, whoever asks for its hash.
            let asked = self.asked.lock().first().copied().unwrap_or(u64::MAX);
            let parent = self.hashes.last_key_value().map(|(number, _)| *number);
            let first = self.hashes.first_key_value().map(|(number, _)| *number);
            first.filter(|first| Some(*first) != parent && *first < asked).map(Leftover::Header)
        })
    }
}

impl StateView for WitnessView {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.trie.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.trie.storage(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        if hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        self.codes.use_up(&hash).ok_or(StateError::UnknownCode(hash))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let hash = self.hashes.get(&number).copied().ok_or(StateError::UnknownBlock(number))?;
        self.asked.lock().insert(number);
        Ok(hash)
    }
}
