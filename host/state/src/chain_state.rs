//! One chain's state on disk: the door to log, store, trie and proofs.
//!
//! Invariants: one process per folder; one writer, any number of readers; a block shows to readers all at once, when the
//! head moves over it. The log is the truth: a store that is damaged is moved aside and rebuilt from it, and a store
//! that knows more than the log, or something else, is an error for the operator.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use alloy_trie::EMPTY_ROOT_HASH;
use caldera_types::{Component, Digest, SealedBlock, TxReceipt};
use parking_lot::{Mutex, RwLock};
use std::{fmt, path::Path, sync::Arc};

use crate::{
    audit::{self, Audit},
    behind::{Behind, Source},
    chunks,
    diff::StateDiff,
    error::StateError,
    flat::{self, Flat, FlatView},
    folder::{self, FolderLock},
    head::HeadRecord,
    history, keys,
    log::{BlockLog, LoggedBlocks},
    nodes::Nodes,
    options::StateOptions,
    proof::{self, AccountProof},
    prune::{self, Pruned, Pruner},
    snapshot::{self, BaseRecord, SnapshotInfo},
    source::{Folder, Given},
    store::{Batch, Store, StoreError},
    trie::{self, RootUpdate},
    trie_view::TrieView,
    verify,
    view::{Account, StateView},
    witness::Recorder,
};

/// One chain's state.
pub struct ChainState {
    /// First, so that its thread ends before what it works on.
    pub(crate) pruner: Pruner,
    pruning: Arc<prune::Progress>,
    pub(crate) store: Arc<Behind>,
    pub(crate) flat: Arc<Flat>,
    nodes: Arc<Nodes>,
    pub(crate) log: BlockLog,
    pub(crate) head: RwLock<Option<HeadRecord>>,
    /// Held by the one commit that runs.
    pub(crate) writer: Mutex<()>,
    /// The snapshot's block, if the chain was begun from one.
    base: Option<BaseRecord>,
    /// Last, so that the files are closed before another process may open them.
    _lock: FolderLock,
}

impl fmt::Debug for ChainState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainState").field("head", &self.head()).field("log", &self.log).finish_non_exhaustive()
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
    /// Opens or makes the state in the folder `dir` and locks it. A damaged store is moved aside, loudly; then, as after a
    /// crash, [`Self::replay`] holds the blocks that are to be executed again.
    pub fn open(dir: &Path, options: StateOptions) -> Result<Self, StateError> {
        Ok(Self::open_loading(dir, options, &mut |_| {})?.0)
    }

    /// The same; the store of a chain that was begun from a snapshot is made again from that first, if need be, with
    /// `progress` called for each node that is read.
    pub(crate) fn open_loading(
        dir: &Path,
        options: StateOptions,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Self, Option<SnapshotInfo>), StateError> {
        let lock = FolderLock::take(dir)?;
        let log = BlockLog::open(dir)?;
        let path = dir.join(options.backend.folder());
        let source = Folder { path: path.clone(), options };
        let (store, mut head) = match source.open_checked() {
            Err(error) if is_damage(&error) => {
                let aside = folder::quarantine(&path)?;
                tracing::error!(
                    %error,
                    moved_to = %aside.display(),
                    blocks = log.height().map_or(0, |height| height + 1),
                    "the store is damaged: moved aside; it is rebuilt from the block log"
                );
                source.open_checked()?
            }
            opened => opened?,
        };
        let mut loaded = None;
        if head.is_none()
            && log.first() > 0
            && let Some(first) = log.block(log.first())?
        {
            let info = snapshot::load(dir, &first, &store, progress)?;
            head = Some(HeadRecord { number: info.number, hash: info.hash, state_root: info.state_root });
            loaded = Some(info);
        }
        Ok((Self::assemble(lock, log, store, Box::new(source), head, options)?, loaded))
    }

    /// The same over a store that the caller brings: another database, or a faulty one in tests. What is wrong with it is
    /// an error here; it is not moved aside.
    pub fn open_with(dir: &Path, store: Arc<dyn Store>, options: StateOptions) -> Result<Self, StateError> {
        let lock = FolderLock::take(dir)?;
        let log = BlockLog::open(dir)?;
        let head = verify::read_head(&*store)?;
        Self::assemble(lock, log, store.clone(), Box::new(Given(store)), head, options)
    }

    fn assemble(
        lock: FolderLock,
        log: BlockLog,
        store: Arc<dyn Store>,
        source: Box<dyn Source>,
        head: Option<HeadRecord>,
        options: StateOptions,
    ) -> Result<Self, StateError> {
        if let Some(head) = head {
            check_in_log(&log, &head)?;
        }
        let store = Arc::new(Behind::new(store, source, options.behind_bytes).map_err(StoreError::Io)?);
        let nodes = Arc::new(Nodes::new(store.clone(), options.node_cache_bytes));
        let root = head.map_or(EMPTY_ROOT_HASH, |head| head.state_root);
        let flat = Arc::new(Flat::new(store.clone(), nodes.clone(), root, options.flat_cache_bytes));
        let pruning = Arc::<prune::Progress>::default();
        let pruner = Pruner::start(options.history, &store, &nodes, head, pruning.clone())?;
        let base = BaseRecord::read(&*store)?;
        let (head, writer) = (RwLock::new(head), Mutex::new(()));
        Ok(Self { pruner, pruning, store, flat, nodes, log, head, writer, base, _lock: lock })
    }

    /// The last block whose state is here; none before the genesis.
    pub fn head(&self) -> Option<HeadRecord> {
        *self.head.read()
    }

    /// The root at the head: the empty trie's before the genesis.
    pub fn state_root(&self) -> B256 {
        self.head().map_or(EMPTY_ROOT_HASH, |head| head.state_root)
    }

    /// Height of the last block in the log: above the head after a crash, until those blocks are executed again.
    pub fn log_height(&self) -> Option<u64> {
        self.log.height()
    }

    /// The logged blocks above the head, in order: after a crash, after a quarantine, with a store in memory. Each is to be
    /// executed and handed to [`Self::commit`].
    pub fn replay(&self) -> LoggedBlocks<'_> {
        self.log.iter_from(self.head().map_or(0, |head| head.number + 1))
    }

    /// The state at the head, for the writer only: see [`FlatView`].
    pub fn flat(&self) -> FlatView {
        FlatView::new(self.flat.clone())
    }

    /// An account at a root that was committed here: from memory, mostly, if the root is the head's.
    pub fn account_at(&self, root: B256, address: Address) -> Result<Option<Account>, StateError> {
        match self.flat.account_at(root, address)? {
            Some(account) => Ok(account),
            None => self.at(root)?.account(address),
        }
    }

    /// The state at a root that was committed here, lately if [`History`](crate::History) lets old ones go.
    pub fn at(&self, root: B256) -> Result<TrieView, StateError> {
        TrieView::open(self.store.clone(), self.nodes.clone(), root, self.pruner.kept().pin_newest())
    }

    /// The state after a block, whose root is `root`. It can be read for as long as the view is held;
    /// [`StateError::StateNotKept`] says that it was let go.
    pub fn at_block(&self, number: u64, root: B256) -> Result<TrieView, StateError> {
        TrieView::open(self.store.clone(), self.nodes.clone(), root, self.pruner.kept().pin(number)?)
    }

    /// The state after a block, whose root is `root`, with a record of what is read of it; errors as of [`Self::at_block`].
    pub fn record(&self, number: u64, root: B256) -> Result<Recorder, StateError> {
        let pin = self.pruner.kept().pin(number)?;
        Recorder::new(self.store.clone(), self.nodes.clone(), root, pin)
    }

    /// The first block whose state can be read.
    pub fn first_state(&self) -> u64 {
        self.pruner.kept().from()
    }

    /// The first block that can be read: the genesis, or the block of the snapshot that the chain was begun from.
    pub fn first_block(&self) -> u64 {
        self.log.first()
    }

    /// The hash of the chain's block 0, if something is here.
    pub fn genesis_hash(&self) -> Result<Option<B256>, StateError> {
        match self.base {
            Some(base) => Ok(Some(base.genesis)),
            None => Ok(history::block_hash(&*self.store, 0)?.filter(|_| self.covers(0))),
        }
    }

    /// What was let go since this was opened.
    pub fn pruned(&self) -> Pruned {
        self.pruning.get()
    }

    /// The root after `diff` on a committed root. Writes nothing.
    pub fn root_after(&self, parent_root: B256, diff: &StateDiff) -> Result<RootUpdate, StateError> {
        trie::root_after(&self.nodes, parent_root, diff)
    }

    /// Proves an account and some of its slots at a committed root.
    pub fn proof(&self, root: B256, address: Address, slots: &[B256]) -> Result<AccountProof, StateError> {
        proof::prove(&self.nodes, root, address, slots)
    }

    /// The same for the state after a block, whose root is `root`; errors as of [`Self::at_block`].
    pub fn proof_at_block(
        &self,
        number: u64,
        root: B256,
        address: Address,
        slots: &[B256],
    ) -> Result<AccountProof, StateError> {
        let _pin = self.pruner.kept().pin(number)?;
        proof::prove(&self.nodes, root, address, slots)
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
        flat::put_codes(&mut batch, diff);
        update.nodes.iter().for_each(|(hash, node)| batch.put(keys::node(*hash), node.clone()));
        history::put(&mut batch, &*self.store, block, receipts)?;
        head.put(&mut batch);
        batch.check()?;
        // A store that takes nothing is met before the log has the block.
        self.store.ready()?;
        if !logged {
            self.log.append(block)?;
        }
        let turn = self.pruner.turn(&update.nodes, &mut batch);
        self.store.commit(batch)?;
        turn.done(head);
        self.nodes.advance(&update.replaced, update.nodes);
        self.flat.advance(diff, update.accounts, head.state_root);
        *self.head.write() = Some(head);
        Ok(head)
    }

    /// Returns once all of the head's state is in the store, on disk.
    pub fn flush(&self) -> Result<(), StateError> {
        Ok(self.store.flush()?)
    }

    /// The block at a height, up to the head.
    pub fn block(&self, number: u64) -> Result<Option<SealedBlock>, StateError> {
        if !self.covers(number) {
            return Ok(None);
        }
        self.must_have(number)?;
        Ok(self.log.block(number)?)
    }

    /// The header at a height, up to the head, with its hash.
    pub fn header(&self, number: u64) -> Result<Option<(B256, Header)>, StateError> {
        self.of_block(number, "block header", history::header)
    }

    /// The height of a block, by its hash.
    pub fn number_of(&self, block_hash: B256) -> Result<Option<u64>, StateError> {
        Ok(history::number_of(&*self.store, block_hash)?.filter(|number| self.covers(*number)))
    }

    /// The receipts of the block at a height, up to the head.
    pub fn receipts(&self, number: u64) -> Result<Option<Vec<TxReceipt>>, StateError> {
        self.of_block(number, "list of receipts", history::receipts)
    }

    /// Height and index of a transaction, by its hash.
    pub fn transaction_location(&self, hash: B256) -> Result<Option<(u64, u32)>, StateError> {
        Ok(history::transaction(&*self.store, hash)?.filter(|(number, _)| self.covers(*number)))
    }

    /// A component that some block staged, by its digest.
    pub fn component(&self, digest: Digest) -> Result<Option<Component>, StateError> {
        if history::component(&*self.store, digest)?.is_none_or(|number| !self.covers(number)) {
            return Ok(None);
        }
        component(&*self.store, &self.log, digest)
    }

    /// Holds everything in the store against the log and itself, and calls `progress` with the height of each block. What is
    /// wrong is in the findings, and the next opening rebuilds the store. Takes as long as reading all of it.
    pub fn audit(&self, progress: &mut dyn FnMut(u64)) -> Result<Audit, StateError> {
        let Some(head) = self.head() else { return Ok(Audit::default()) };
        audit::audit(&*self.store, &self.nodes, &self.log, self.log.first()..=head.number, self.first_state(), progress)
    }

    fn covers(&self, number: u64) -> bool {
        self.head().is_some_and(|head| number <= head.number)
    }

    fn must_have(&self, number: u64) -> Result<(), StateError> {
        let first = self.log.first();
        if number < first { Err(StateError::BlockNotKept { number, first }) } else { Ok(()) }
    }

    /// Looks something up that every block up to the head has.
    fn of_block<T>(
        &self,
        number: u64,
        what: &'static str,
        find: impl FnOnce(&dyn Store, u64) -> Result<Option<T>, StateError>,
    ) -> Result<Option<T>, StateError> {
        if !self.covers(number) {
            return Ok(None);
        }
        self.must_have(number)?;
        let found = find(&*self.store, number).and_then(|found| found.ok_or(StateError::Damaged { what }));
        if let Err(StateError::Damaged { .. }) = &found {
            self.store.condemn(what);
        }
        found.map(Some)
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

/// A component that is in the store or in a block of the log.
pub(crate) fn component(store: &dyn Store, log: &BlockLog, digest: Digest) -> Result<Option<Component>, StateError> {
    let damaged = StateError::Damaged { what: "component" };
    if let Some(bytes) = chunks::get(store, &keys::component_bytes(digest.0), "component")? {
        let component = Component::new(bytes).ok().filter(|component| component.digest() == digest);
        return component.map(Some).ok_or(damaged);
    }
    let Some(number) = history::component(store, digest)? else { return Ok(None) };
    let Some(block) = log.block(number)? else { return Ok(None) };
    Ok(block.sidecar.iter().find(|component| component.digest() == digest).cloned())
}

/// Whether the store is to be rebuilt.
fn is_damage(error: &StateError) -> bool {
    use StateError::{Damaged, DamagedNode, Store, UnknownCode};
    matches!(error, Store(StoreError::Corrupt(_)) | Damaged { .. } | DamagedNode(_) | UnknownCode(_))
}

/// The log must hold the store's head.
pub(crate) fn check_in_log(log: &BlockLog, head: &HeadRecord) -> Result<(), StateError> {
    let Some(block) = log.block(head.number)? else {
        return Err(StateError::LogBehindStore { store: head.number, log: log.height() });
    };
    if block.hash() != head.hash {
        return Err(StateError::LogDisagrees { number: head.number, store: head.hash, log: block.hash() });
    }
    Ok(())
}
