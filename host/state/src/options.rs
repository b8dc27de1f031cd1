//! How a chain's state is kept.

use std::{num::NonZeroU64, path::Path};

/// Which database stands behind the store port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// sled, on disk.
    #[default]
    Sled,
    /// fjall, on disk: a node takes a fifth to a third more transactions with it than with sled, on less than half the disk (README, Measure).
    Fjall,
    /// In memory; the block log is still a file, so a restart replays it.
    Memory,
}

impl Backend {
    /// Those whose content outlives the process.
    pub const ON_DISK: [Self; 2] = [Self::Sled, Self::Fjall];

    /// What it is called in configurations and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Fjall => "fjall",
            Self::Memory => "memory",
        }
    }
}

/// Which old states are kept. Blocks, receipts and the log are kept in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// Every block's.
    #[default]
    All,
    /// At least those of so many newest blocks.
    Blocks(NonZeroU64),
}

/// How a chain's state is kept. None of it changes what the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateOptions {
    /// Where everything but the block log lives.
    pub backend: Backend,
    /// Page cache of the store, in bytes.
    pub cache_bytes: u64,
    /// What of committed blocks may wait in memory for the store, in bytes; whoever commits more waits for it. The block
    /// log is on disk in any case. Zero means that a block is in the store, on disk, before its commit returns.
    pub behind_bytes: usize,
    /// Cache of the head's accounts and slots, in bytes. Zero means none.
    pub flat_cache_bytes: usize,
    /// Cache of trie nodes, in bytes. Zero means none.
    pub node_cache_bytes: usize,
    /// Which old states can be asked for.
    pub history: History,
}

impl Backend {
    /// Its folder in a chain's folder. A chain whose backend changes leaves the other's behind and rebuilds from the log.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Sled | Self::Memory => "store",
            Self::Fjall => "store-fjall",
        }
    }
}

impl StateOptions {
    /// What suits a node with a few chains: 64 MiB of pages, 128 MiB of entries (some 300,000 accounts) and 384 MiB of trie nodes for
    /// each, and 64 MiB of blocks that wait for the store, when it has that much. A million accounts are some 300 MiB of nodes;
    /// what blocks replace makes room, so a chain with less state takes less.
    pub const fn recommended() -> Self {
        Self {
            backend: Backend::Sled,
            cache_bytes: 64 << 20,
            behind_bytes: 64 << 20,
            flat_cache_bytes: 128 << 20,
            node_cache_bytes: 384 << 20,
            history: History::All,
        }
    }
}

impl StateOptions {
    /// The recommended ones, over the backend that a chain's folder has been used with. Of two it takes sled.
    pub fn found_in(dir: &Path) -> Self {
        let here = |backend: Backend| dir.join(backend.folder()).is_dir();
        let backend = if here(Backend::Fjall) && !here(Backend::Sled) { Backend::Fjall } else { Backend::default() };
        Self { backend, ..Self::recommended() }
    }
}

impl Default for StateOptions {
    fn default() -> Self {
        Self::recommended()
    }
}
