//! The state at the head as the writer reads it: from memory what was read or written lately, the rest from the trie.
//!
//! Nothing of it is stored. A database may open a damaged file and miss entries without a word (sled does, seen by damaging
//! its file at random places), and in flat state on disk a missing entry would read as zero: the chain would go on from a
//! wrong state. In the trie it is a missing node, an error. The nodes that a read brings into their cache are those that
//! the root after the block needs.

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use parking_lot::Mutex;
use std::{fmt, sync::Arc};

use crate::{
    cache::Cache,
    chunks,
    diff::StateDiff,
    error::StateError,
    history, keys,
    nodes::Nodes,
    store::{Batch, Store},
    trie,
    trie_view::decode_word,
    view::{Account, StateView},
};

/// The head's state with a cache of its entries, absent ones too.
pub(crate) struct Flat {
    store: Arc<dyn Store>,
    nodes: Arc<Nodes>,
    state: Mutex<State>,
}

/// Its lock is held while an entry is read from the trie, and while the head moves: so no reader can put back a value that
/// a block has just replaced.
struct State {
    root: B256,
    accounts: Cache<Address, Option<TrieAccount>>,
    slots: Cache<(Address, U256), U256>,
}

impl Flat {
    /// The state at `root`; at most about `cache_bytes` are kept.
    pub fn new(store: Arc<dyn Store>, nodes: Arc<Nodes>, root: B256, cache_bytes: usize) -> Self {
        let accounts = Cache::new(cache_bytes / 2, |_| ACCOUNT_BYTES);
        let slots = Cache::new(cache_bytes / 2, |_| SLOT_BYTES);
        Self { store, nodes, state: Mutex::new(State { root, accounts, slots }) }
    }

    /// An account, if this is the state at that root.
    pub fn account_at(&self, root: B256, address: Address) -> Result<Option<Option<Account>>, StateError> {
        let mut state = self.state.lock();
        if state.root != root {
            return Ok(None);
        }
        Ok(Some(state.account(&self.nodes, address)?.map(|account| plain(&account))))
    }

    /// Moves to the root after `diff`, where `accounts` are those that it changed and left there.
    pub fn advance(&self, diff: &StateDiff, accounts: Vec<(Address, TrieAccount)>, root: B256) {
        let mut state = self.state.lock();
        state.root = root;
        for (address, change) in &diff.accounts {
            if change.clears_storage() {
                state.slots.forget(|(owner, _)| owner == address);
            }
            state.accounts.put(*address, None);
            for (slot, value) in change.written_storage() {
                state.slots.put((*address, *slot), *value);
            }
        }
        for (address, account) in accounts {
            state.accounts.put(address, Some(account));
        }
    }

    /// Moves to another root, of which nothing is known yet.
    pub fn move_to(&self, root: B256) {
        let mut state = self.state.lock();
        state.root = root;
        state.accounts.forget(|_| true);
        state.slots.forget(|_| true);
    }
}

const ACCOUNT_BYTES: usize = size_of::<Address>() + size_of::<Option<TrieAccount>>();
const SLOT_BYTES: usize = size_of::<(Address, U256)>() + size_of::<U256>();

impl State {
    fn account(&mut self, nodes: &Nodes, address: Address) -> Result<Option<TrieAccount>, StateError> {
        if let Some(account) = self.accounts.get(&address) {
            return Ok(account);
        }
        let account = trie::account(nodes, self.root, address)?;
        self.accounts.put(address, account);
        Ok(account)
    }

    fn slot(&mut self, nodes: &Nodes, address: Address, slot: U256) -> Result<U256, StateError> {
        if let Some(word) = self.slots.get(&(address, slot)) {
            return Ok(word);
        }
        let root = self.account(nodes, address)?.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
        let word = decode_word(trie::get(nodes, root, &trie::slot_key(slot))?)?;
        self.slots.put((address, slot), word);
        Ok(word)
    }
}

/// The state at the head. It moves with the head, so only the single writer, between two commits, may use it.
#[derive(Clone)]
pub struct FlatView {
    flat: Arc<Flat>,
}

impl fmt::Debug for FlatView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlatView")
    }
}

impl FlatView {
    pub(crate) fn new(flat: Arc<Flat>) -> Self {
        Self { flat }
    }
}

impl StateView for FlatView {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        let account = self.flat.state.lock().account(&self.flat.nodes, address)?;
        Ok(account.map(|account| plain(&account)))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.flat.state.lock().slot(&self.flat.nodes, address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        code(&*self.flat.store, hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        history::block_hash(&*self.flat.store, number)?.ok_or(StateError::UnknownBlock(number))
    }
}

fn plain(account: &TrieAccount) -> Account {
    Account { nonce: account.nonce, balance: account.balance, code_hash: account.code_hash }
}

/// Code by its hash.
pub(crate) fn code(store: &dyn Store, hash: B256) -> Result<Bytes, StateError> {
    if hash == KECCAK256_EMPTY {
        return Ok(Bytes::new());
    }
    match chunks::get(store, &keys::code(hash), "code")? {
        Some(code) if keccak256(&code) == hash => Ok(code.into()),
        found => {
            store.condemn("code");
            Err(found.map_or(StateError::UnknownCode(hash), |_| StateError::Damaged { what: "code" }))
        }
    }
}

/// Puts new code into `batch`.
pub(crate) fn put_codes(batch: &mut Batch, diff: &StateDiff) {
    for (hash, code) in &diff.codes {
        chunks::put(batch, &keys::code(*hash), code);
    }
}
