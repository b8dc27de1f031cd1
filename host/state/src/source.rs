//! Where a chain's store comes from, and comes from again after it failed.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    sync::Arc,
};

use crate::{
    behind::Source,
    error::StateError,
    fjall_store::FjallStore,
    head::HeadRecord,
    memory_store::MemoryStore,
    nodes::Nodes,
    options::{Backend, StateOptions},
    sled_store::SledStore,
    store::{Store, StoreError},
    verify,
};

/// What must be writable before a store that failed is opened again, in bytes: some segments of a database's file.
const PROBE_BYTES: usize = 4 << 20;

/// The store and where it stands.
pub(crate) type Opened = (Arc<dyn Store>, Option<HeadRecord>);

/// A store in a folder, made if need be.
pub(crate) struct Folder {
    pub path: PathBuf,
    pub options: StateOptions,
}

impl Folder {
    /// Opens it, whatever is in it.
    pub fn open_unchecked(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self.options.backend {
            Backend::Sled => Arc::new(SledStore::open(&self.path, self.options.cache_bytes)?),
            Backend::Fjall => Arc::new(FjallStore::open(&self.path, self.options.cache_bytes)?),
            Backend::Memory => Arc::new(MemoryStore::default()),
        })
    }

    /// Opens it and looks whether it is sound.
    pub fn open_checked(&self) -> Result<Opened, StateError> {
        let store = self.open_unchecked()?;
        let head = verify::read_head(&*store)?;
        if let Some(head) = head {
            verify::probe(&*store, &Nodes::new(store.clone(), 0), head)?;
        }
        Ok((store, head))
    }
}

impl Source for Folder {
    fn is_usable(&self) -> Result<(), StoreError> {
        let probe = self.path.with_extension("probe");
        let wrote = File::create(&probe).and_then(|mut file| {
            file.write_all(&vec![0; PROBE_BYTES])?;
            file.sync_all()
        });
        // A probe that stays is written over by the next.
        let _ = fs::remove_file(&probe);
        Ok(wrote?)
    }

    fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        match self.open_checked() {
            Ok((store, _)) => Ok(store),
            Err(StateError::Store(error)) => Err(error),
            Err(error) => Err(StoreError::Corrupt(error.to_string())),
        }
    }
}

/// A store that the caller brought: it is what it is.
pub(crate) struct Given(pub Arc<dyn Store>);

impl Source for Given {
    fn is_usable(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(self.0.clone())
    }
}
