//! The state at the head as the writer reads it: from memory what was read or written lately, the rest from the trie.
//!
//! Nothing of it is stored. A database may open a damaged file and miss entries without a word (sled does, seen by damaging
//! its file at random places), and in flat state on disk a missing entry would read as zero: the chain would go on from a
//! wrong state. In the trie it is a missing node, an error. The nodes that a read brings into their cache are those that
//! the root after the block needs.

mod part;

use alloy_primitives::{Address, B256, Bytes, U256};
use parking_lot::RwLock;
use std::{fmt, sync::Arc};

use crate::{
    cache::Look,
    codes,
    diff::StateDiff,
    error::StateError,
    history,
    nodes::Nodes,
    place::NodeRef,
    store::Store,
    trie::{self, Stored},
    trie_view::decode_word,
    view::{Account, StateView},
};
use part::{News, Part};

/// Parts of the accounts, so that threads seldom wait for each other.
const PARTS: usize = 16;

/// The head's state with a cache of its entries, absent ones too.
///
/// No lock is held while the trie is read: on a cache that misses, whoever takes transactions in would wait for each other and for
/// the blocks. What was read is remembered only if the part has not moved to another root meanwhile, so that nothing can put
/// back a value that a block has just replaced.
pub(crate) struct Flat {
    store: Arc<dyn Store>,
    nodes: Arc<Nodes>,
    /// By the last byte of the address: each moves with the head, one after the other.
    parts: [RwLock<Part>; PARTS],
}

impl Flat {
    /// The state at `root`; at most about `cache_bytes` are kept.
    pub fn new(store: Arc<dyn Store>, nodes: Arc<Nodes>, root: NodeRef, cache_bytes: usize) -> Self {
        let parts = std::array::from_fn(|_| RwLock::new(Part::new(root, cache_bytes / PARTS)));
        Self { store, nodes, parts }
    }

    /// An account, if this is the state at that root and has it in memory.
    pub fn held(&self, root: B256, address: Address) -> Option<Option<Account>> {
        let (at, account) = self.look(address);
        account.filter(|_| at.hash == root).map(|account| account.map(|account| plain(&account)))
    }

    /// The root that the account's part is at, and the account if it has it in memory.
    fn look(&self, address: Address) -> (NodeRef, Option<Option<Stored>>) {
        {
            let part = self.part(address).read();
            match part.accounts.look(&address) {
                Look::Young(account) => return (part.root, Some(*account)),
                Look::Absent => return (part.root, None),
                Look::Old => {}
            }
        }
        let mut part = self.part(address).write();
        (part.root, part.accounts.get(&address))
    }

    /// An account from the trie at a root, which the caller keeps; remembered if this is the state at that root.
    pub fn read(&self, root: NodeRef, address: Address) -> Result<Option<Account>, StateError> {
        Ok(self.read_account(root, address)?.map(|account| plain(&account)))
    }

    fn read_account(&self, root: NodeRef, address: Address) -> Result<Option<Stored>, StateError> {
        let account = trie::account(&self.nodes, root, address)?;
        let mut part = self.part(address).write();
        // Not only alike: elsewhere lies a root of an older state, whose nodes may go.
        if part.root == root {
            part.accounts.put(address, account);
        }
        Ok(account)
    }

    /// Moves to the root after `diff`, where `accounts` are those that it changed and left there.
    pub fn advance(&self, diff: &StateDiff, accounts: Vec<(Address, Stored)>, root: NodeRef) {
        let mut news: [News<'_>; PARTS] = Default::default();
        diff.accounts.iter().for_each(|(address, change)| news[place(address)].changes.push((*address, change)));
        accounts.into_iter().for_each(|(address, account)| news[place(&address)].left.push((address, account)));
        for (part, news) in self.parts.iter().zip(news) {
            part.write().advance(root, news);
        }
    }

    /// Moves to another root, of which nothing is known yet.
    pub fn move_to(&self, root: NodeRef) {
        self.parts.iter().for_each(|part| part.write().move_to(root));
    }

    fn part(&self, address: Address) -> &RwLock<Part> {
        &self.parts[place(&address)]
    }

    /// The same for the writer, whose root is everybody's.
    fn account(&self, address: Address) -> Result<Option<Stored>, StateError> {
        match self.look(address) {
            (_, Some(account)) => Ok(account),
            (root, None) => self.read_account(root, address),
        }
    }

    fn slot(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        let root = {
            let mut part = self.part(address).write();
            if let Some(word) = part.slots.get(&(address, slot)) {
                return Ok(word);
            }
            part.root
        };
        let storage = trie::storage_root(self.account(address)?);
        let word = decode_word(trie::get(&self.nodes, storage, &trie::slot_key(slot))?)?;
        let mut part = self.part(address).write();
        if part.root == root {
            part.slots.put((address, slot), word);
        }
        Ok(word)
    }
}

fn place(address: &Address) -> usize {
    usize::from(address[19]) % PARTS
}

fn plain(Stored { account, .. }: &Stored) -> Account {
    Account { nonce: account.nonce, balance: account.balance, code_hash: account.code_hash }
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
        Ok(self.flat.account(address)?.map(|account| plain(&account)))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.flat.slot(address, slot)
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        codes::get(&*self.flat.store, hash)
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        history::block_hash(&*self.flat.store, number)?.ok_or(StateError::UnknownBlock(number))
    }
}

#[cfg(test)]
mod tests {
    use alloy_trie::EMPTY_ROOT_HASH;

    use super::*;
    use crate::{memory_store::MemoryStore, memory_view::MemoryView, nodes::pack, place::Place, store::Batch};

    #[test]
    fn what_is_read_at_a_root_that_only_looks_alike_is_not_kept() {
        let (store, mut batch) = (Arc::new(MemoryStore::default()), Batch::default());
        let nodes = Arc::new(Nodes::new(store.clone(), 0));
        let mut view = MemoryView::default();
        let account = Account { nonce: 1, ..Account::default() };
        view.set_account(Address::ZERO, account);
        let empty = NodeRef::anywhere(EMPTY_ROOT_HASH);
        let update = trie::root_after(&nodes, empty, &StateDiff::from(&view)).unwrap();
        let mut stored = |height| {
            let first = Place { height, index: 0, packed: false };
            pack::put(&mut batch, first, &update.nodes);
            NodeRef { hash: update.root, place: update.at.in_block(first) }
        };
        let (old, new) = (stored(1), stored(3));
        store.commit(batch).unwrap();
        let flat = Flat::new(store, nodes, new, 1 << 20);
        assert_eq!(flat.read(old, Address::ZERO).unwrap(), Some(account));
        assert_eq!(flat.held(new.hash, Address::ZERO), None);
        assert_eq!(flat.read(new, Address::ZERO).unwrap(), Some(account));
        assert_eq!(flat.held(new.hash, Address::ZERO), Some(Some(account)));
    }
}
