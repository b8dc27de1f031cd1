//! Opening a chain's state, and what is done about a store that is damaged or behind its log.

use std::{path::Path, sync::Arc};

use alloy_trie::EMPTY_ROOT_HASH;
use parking_lot::{Mutex, RwLock};

use super::{ChainState, Newest};
use crate::{
    behind::{Behind, Source},
    error::StateError,
    flat::Flat,
    folder::{self, FolderLock},
    head::HeadRecord,
    log::BlockLog,
    nodes::Nodes,
    options::StateOptions,
    place::NodeRef,
    prune::{self, Pruner},
    roots,
    snapshot::{self, BaseRecord, Loading, SnapshotInfo, Unfinished},
    source::{Folder, Given},
    store::{Store, StoreError},
    tx_index::{Merges, TxIndex},
    verify,
};

impl ChainState {
    /// Opens or makes the state in the folder `dir` and locks it. A damaged store is moved aside, loudly; then, as after a
    /// crash, [`Self::replay`] holds the blocks that are to be executed again.
    pub fn open(dir: &Path, options: StateOptions) -> Result<Self, StateError> {
        // A snapshot in the folder was checked when the folder got its name.
        let loading = Loading { progress: &mut |_| {}, meant: true };
        Ok(Self::open_loading(FolderLock::take(dir)?, dir, options, loading)?.0)
    }

    /// The same in a folder whose lock is held; the store of a chain that was begun from a snapshot is made again from that
    /// first, if need be.
    pub(crate) fn open_loading(
        lock: FolderLock,
        dir: &Path,
        options: StateOptions,
        loading: Loading<'_>,
    ) -> Result<(Self, Option<SnapshotInfo>), StateError> {
        let log = BlockLog::open(dir)?;
        let path = dir.join(options.backend.folder());
        let unfinished = Unfinished::of(&path);
        unfinished.remove(&path)?;
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
            unfinished.mark()?;
            let info = snapshot::load(dir, &first, &*store, loading)?;
            unfinished.forget()?;
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

    /// Closes it, and gives the lock of its folder.
    pub(crate) fn close(self) -> FolderLock {
        self.lock
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
        let root = match head {
            Some(head) => roots::must_get(&*store, head.number)?,
            None => NodeRef::anywhere(EMPTY_ROOT_HASH),
        };
        let flat = Arc::new(Flat::new(store.clone(), nodes.clone(), root, options.flat_cache_bytes));
        let pruning = Arc::<prune::Progress>::default();
        let pruner = Pruner::start(options.history, &store, &nodes, head, pruning.clone())?;
        let base = BaseRecord::read(&*store)?;
        let index = TxIndex::open(&*store, &log, head.map(|head| head.number)).inspect_err(|error| {
            if is_damage(error) {
                store.condemn("transaction index");
            }
        })?;
        let index = Arc::new(index);
        let merges = Merges::start(&store, &index)?;
        let newest = RwLock::new(head.map(|head| Newest { head, root: root.place }));
        Ok(Self {
            pruner,
            merges,
            pruning,
            store,
            flat,
            nodes,
            history: options.history,
            log,
            index,
            newest,
            writer: Mutex::default(),
            base,
            lock,
        })
    }
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
