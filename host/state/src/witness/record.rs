//! A state with a record of what is read of it, from which a witness is made.
//!
//! Nodes are recorded where they are fetched, so the record holds whatever the walk needed: the paths to what was read,
//! the ends of paths to what is absent, and, after [`Recorder::root_after`], the siblings that stay alone when a removal takes
//! their branch away.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use caldera_types::Digest;
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use super::Witness;
use crate::{
    diff::StateDiff,
    error::StateError,
    nodes::{NodeSource, Nodes},
    place::NodeRef,
    prune::Pin,
    store::Store,
    trie::{self, RootUpdate, own_bytes},
    trie_view::TrieView,
    view::{Account, StateView},
};

/// The nodes of a chain, with a record of those that were fetched.
struct Seen {
    below: Arc<Nodes>,
    nodes: Mutex<BTreeMap<B256, Bytes>>,
}

impl NodeSource for Seen {
    fn node(&self, node: NodeRef) -> Result<Option<Bytes>, StateError> {
        let found = self.below.get(node)?;
        if let Some(bytes) = &found {
            self.nodes.lock().entry(node.hash).or_insert_with(|| bytes.slice_ref(own_bytes(bytes)));
        }
        Ok(found)
    }

    fn is_by_hash(&self) -> bool {
        // The nodes below it are checked, and cached.
        true
    }

    fn condemn(&self, why: &str) {
        self.below.condemn(why);
    }
}

/// The state at one root with a record of its reads.
pub struct Recorder {
    root: NodeRef,
    seen: Arc<Seen>,
    nodes: Arc<Nodes>,
    view: TrieView,
    codes: Mutex<BTreeMap<B256, Bytes>>,
    oldest_hash: Mutex<Option<u64>>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Recorder {
    pub(crate) fn new(store: Arc<dyn Store>, below: Arc<Nodes>, root: NodeRef, pin: Pin) -> Result<Self, StateError> {
        let seen = Arc::new(Seen { below, nodes: Mutex::default() });
        let nodes = Arc::new(Nodes::at_hand(seen.clone()));
        let view = TrieView::open(store, nodes.clone(), root, pin)?;
        Ok(Self { root, seen, nodes, view, codes: Mutex::default(), oldest_hash: Mutex::default() })
    }

    /// The root after `diff`; the nodes that this takes are recorded too.
    pub fn root_after(&self, diff: &StateDiff) -> Result<RootUpdate, StateError> {
        trie::root_after(&self.nodes, self.root, diff)
    }

    /// Height of the oldest block whose hash was asked for.
    pub fn oldest_hash(&self) -> Option<u64> {
        *self.oldest_hash.lock()
    }

    /// The witness of all that was read.
    pub fn into_witness(self, headers: Vec<Header>, components: BTreeSet<Digest>) -> Witness {
        Witness {
            headers,
            components: components.into_iter().collect(),
            nodes: std::mem::take(&mut *self.seen.nodes.lock()).into_values().collect(),
            codes: self.codes.into_inner().into_values().collect(),
        }
    }
}

impl StateView for Recorder {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.view.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.view.storage(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        let code = self.view.code(hash)?;
        if !code.is_empty() {
            self.codes.lock().insert(hash, code.clone());
        }
        Ok(code)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        let hash = self.view.block_hash(number)?;
        let mut oldest = self.oldest_hash.lock();
        *oldest = Some(oldest.map_or(number, |oldest| oldest.min(number)));
        Ok(hash)
    }
}
