//! One chain's state on disk: the door to log, store, trie and proofs.
//!
//! Invariants: one process per folder; one writer, any number of readers; a block shows to readers all at once, when the
//! head moves over it. The log is the truth: a store that is damaged is moved aside and rebuilt from it, and a store
//! that knows more than the log, or something else, is an error for the operator.

mod blocks;
mod open;

use alloy_primitives::{Address, B256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};
use caldera_types::{SealedBlock, TxReceipt};
use parking_lot::{Mutex, RwLock};
use std::{fmt, sync::Arc};

use crate::{
    behind::Behind,
    codes,
    diff::StateDiff,
    error::StateError,
    flat::{Flat, FlatView},
    folder::FolderLock,
    head::HeadRecord,
    history,
    log::BlockLog,
    nodes::{Nodes, pack},
    options::History,
    place::{NodeRef, Place},
    proof::{self, AccountProof},
    prune::{self, Pruned, Pruner},
    roots,
    snapshot::BaseRecord,
    store::{Batch, Store as _},
    trie::{self, At, RootUpdate, Stored},
    trie_view::TrieView,
    tx_index::{Merges, TxIndex},
    view::Account,
    witness::Recorder,
};

pub(crate) use blocks::component;
pub(crate) use open::check_in_log;

/// One chain's state.
pub struct ChainState {
    /// First, so that their threads end before what they work on.
    pub(crate) pruner: Pruner,
    pub(crate) merges: Merges,
    pruning: Arc<prune::Progress>,
    pub(crate) store: Arc<Behind>,
    pub(crate) flat: Arc<Flat>,
    pub(crate) nodes: Arc<Nodes>,
    /// Where none will go, new nodes are stored in packs.
    history: History,
    pub(crate) log: BlockLog,
    pub(crate) index: Arc<TxIndex>,
    pub(crate) newest: RwLock<Option<Newest>>,
    /// Held by the one commit that runs.
    pub(crate) writer: Mutex<()>,
    /// The snapshot's block, if the chain was begun from one.
    base: Option<BaseRecord>,
    /// Last, so that the files are closed before another process may open them.
    lock: FolderLock,
}

impl fmt::Debug for ChainState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainState").field("head", &self.head()).field("log", &self.log).finish_non_exhaustive()
    }
}

/// The head, and where its root lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newest {
    pub head: HeadRecord,
    pub root: Place,
}

impl Newest {
    /// Its root.
    pub fn root(&self) -> NodeRef {
        NodeRef { hash: self.head.state_root, place: self.root }
    }
}

/// A block with all it did.
#[derive(Debug)]
pub struct CommitInput<'a> {
    /// The block; block 0 is the genesis.
    pub block: &'a SealedBlock,
    /// One for each of its transactions, in order.
    pub receipts: &'a [TxReceipt],
    /// What it changed in the state of its parent.
    pub diff: &'a StateDiff,
    /// What [`ChainState::root_after`] said of that diff.
    pub update: RootUpdate,
}

impl ChainState {
    /// The last block whose state is here; none before the genesis.
    pub fn head(&self) -> Option<HeadRecord> {
        self.newest.read().map(|newest| newest.head)
    }

    /// The root at the head: the empty trie's before the genesis.
    pub fn state_root(&self) -> B256 {
        self.head().map_or(EMPTY_ROOT_HASH, |head| head.state_root)
    }

    /// The state at the head, for the writer only: see [`FlatView`].
    pub fn flat(&self) -> FlatView {
        FlatView::new(self.flat.clone())
    }

    /// An account in the state after a block, whose root is `root`: from memory, mostly, if it is the head's. Errors as of
    /// [`Self::at_block`]: the head may have moved far from there meanwhile.
    pub fn account_at(&self, number: u64, root: B256, address: Address) -> Result<Option<Account>, StateError> {
        if let Some(account) = self.flat.held(root, address) {
            return Ok(account);
        }
        // Held while it is read: the head may move on, and this root go.
        let _pin = self.pruner.kept().pin(number)?;
        self.flat.read(self.find(number, root)?, address)
    }

    /// The state after a block, whose root is `root`. It can be read for as long as the view is held;
    /// [`StateError::StateNotKept`] says that it was let go.
    pub fn at_block(&self, number: u64, root: B256) -> Result<TrieView, StateError> {
        let pin = self.pruner.kept().pin(number)?;
        TrieView::open(self.store.clone(), self.nodes.clone(), self.find(number, root)?, pin)
    }

    /// The state after a block, whose root is `root`, with a record of what is read of it; errors as of [`Self::at_block`].
    pub fn record(&self, number: u64, root: B256) -> Result<Recorder, StateError> {
        let pin = self.pruner.kept().pin(number)?;
        Recorder::new(self.store.clone(), self.nodes.clone(), self.find(number, root)?, pin)
    }

    /// The first block whose state can be read.
    pub fn first_state(&self) -> u64 {
        self.pruner.kept().from()
    }

    /// Which old states are kept.
    pub fn history(&self) -> History {
        self.history
    }

    /// What was let go since this was opened.
    pub fn pruned(&self) -> Pruned {
        self.pruning.get()
    }

    /// The root after `diff` on the state after a block, whose root is `parent_root`; what is before the first block has the empty
    /// trie's. Writes nothing.
    pub fn root_after(&self, parent: u64, parent_root: B256, diff: &StateDiff) -> Result<RootUpdate, StateError> {
        trie::root_after(&self.nodes, self.find(parent, parent_root)?, diff)
    }

    /// Proves an account and some of its slots in the state after a block, whose root is `root`; errors as of [`Self::at_block`].
    pub fn proof_at_block(
        &self,
        number: u64,
        root: B256,
        address: Address,
        slots: &[B256],
    ) -> Result<AccountProof, StateError> {
        let _pin = self.pruner.kept().pin(number)?;
        proof::prove(&self.nodes, self.find(number, root)?, address, slots)
    }

    /// Tries a store that failed again, and says whether it still does. Who executes a block asks before: one that could not be
    /// opened again cannot be read either. Room for the block is waited for when it is committed.
    pub fn try_again(&self) -> Result<(), StateError> {
        Ok(self.store.try_again()?)
    }

    /// Why the store takes nothing in now, and perhaps cannot be read, if so; [`Self::try_again`] has it tried again.
    pub fn failure(&self) -> Option<StateError> {
        self.store.failure().map(StateError::from)
    }

    /// Writes the block after the head, with all it did, and returns once the block is in the log, on disk. The store
    /// follows behind; what it lacks when the node dies is executed again.
    ///
    /// After an error the head has not moved. If it [may pass](StateError::may_pass) and the block is not in the log yet
    /// (see [`Self::log_height`]), any block can follow later; if it is in the log, only that very block can, here or after a
    /// restart.
    pub fn commit(&self, input: CommitInput<'_>) -> Result<HeadRecord, StateError> {
        let _writer = self.writer.lock();
        self.check_next(&input)?;
        let CommitInput { block, receipts, diff, update } = input;
        let head = HeadRecord { number: block.header.number, hash: block.hash(), state_root: update.root };
        let logged = self.log.height().is_some_and(|height| height >= head.number);
        if logged {
            check_in_log(&self.log, &head)?;
        }
        let mut batch = Batch::default();
        batch.reserve(update.nodes.len());
        codes::put(&mut batch, diff);
        let first = Place { height: head.number, index: 0, packed: self.history == History::All };
        pack::put(&mut batch, first, &update.nodes);
        let root = NodeRef { hash: update.root, place: update.at.in_block(first) };
        roots::put(&mut batch, head.number, root);
        history::put(&mut batch, &*self.store, block, receipts)?;
        let run = self.index.put(&mut batch, block, &self.log);
        head.put(&mut batch);
        batch.check()?;
        // A store that takes nothing is met before the log has the block.
        self.store.ready()?;
        if !logged {
            self.log.append(block)?;
        }
        self.store.commit(batch)?;
        let merges = run.is_some();
        self.index.advance(block, run);
        if merges {
            self.merges.look();
        }
        self.nodes.advance(&update.replaced, first, update.nodes);
        let stored = |(address, account, at): (Address, TrieAccount, At)| {
            (address, Stored { account, storage: at.in_block(first) })
        };
        self.flat.advance(diff, update.accounts.into_iter().map(stored).collect(), root);
        *self.newest.write() = Some(Newest { head, root: root.place });
        self.pruner.moved(head);
        Ok(head)
    }

    /// Returns once all of the head's state is in the store, on disk.
    pub fn flush(&self) -> Result<(), StateError> {
        Ok(self.store.flush()?)
    }

    /// Where the root of a block's state lies.
    fn find(&self, number: u64, root: B256) -> Result<NodeRef, StateError> {
        let newest = *self.newest.read();
        if let Some(found) = newest.map(|newest| newest.root()).filter(|found| found.hash == root) {
            return Ok(found);
        }
        if root == EMPTY_ROOT_HASH {
            return Ok(NodeRef::anywhere(root));
        }
        let is_kept = newest.is_some_and(|newest| (self.first_state()..=newest.head.number).contains(&number));
        match roots::get(&*self.store, number)? {
            Some(found) if found.hash == root => Ok(found),
            None if is_kept => {
                self.nodes.must_stand(number)?;
                self.store.condemn("a state root is missing");
                Err(StateError::Damaged { what: "state root" })
            }
            _ => Err(StateError::UnknownRoot(root)),
        }
    }

    fn check_next(&self, input: &CommitInput<'_>) -> Result<(), StateError> {
        let head = self.head();
        let header = &input.block.header;
        let why = if header.number != head.map_or(0, |head| head.number + 1) {
            format!("the head is {head:?}")
        } else if head.is_some_and(|head| head.hash != header.parent_hash) {
            format!("its parent is {}, the head is {head:?}", header.parent_hash)
        } else if input.update.parent_root != self.state_root() {
            format!("its root was computed on {}, not on {}", input.update.parent_root, self.state_root())
        } else if input.update.root != header.state_root {
            format!("its header says root {}, its diff gives {}", header.state_root, input.update.root)
        } else if input.receipts.len() != input.block.transactions.len() {
            format!("{} receipts for {} transactions", input.receipts.len(), input.block.transactions.len())
        } else {
            return Ok(());
        };
        Err(StateError::NotNext { number: header.number, why })
    }
}
