//! Where chain state lives: the store port with sled behind it, the block log, flat state, the trie and its proofs.
//!
//! One folder per chain: the block log is the truth, append-only and fsynced; the store beside it holds what can be
//! rebuilt from the log (trie nodes, codes, indexes, receipts). [`ChainState`] is the door to both.
//!
//! Invariants:
//! - a block is in the log, on disk, before anything of it is in the store and before `commit` returns; the store follows
//!   behind, and what it lacks after a crash is in the log;
//! - what one block changes reaches the store in one atomic batch, the head record included;
//! - the state of every block since genesis can be read and proven, or, where [`History`] says so, of the newest ones: what
//!   one of those leads to is never removed;
//! - only [`ChainState::rewind`], for development chains, takes blocks back;
//! - nothing here executes a block: after a crash it hands the blocks above its head to who can.

mod audit;
mod background;
mod behind;
mod cache;
mod chain_state;
mod chunks;
mod codes;
mod diff;
mod error;
mod fjall_store;
mod flat;
mod folder;
mod frame;
mod head;
mod history;
mod keys;
mod log;
mod log_error;
mod log_scan;
mod log_torn;
pub mod maintain;
mod memory_store;
mod memory_view;
mod nodes;
mod observed;
mod options;
mod pieces;
mod place;
mod proof;
mod prune;
mod rewind;
mod roots;
mod sled_store;
mod snapshot;
mod source;
mod store;
mod tour;
mod trie;
mod trie_view;
mod tx_index;
mod verify;
mod view;
mod witness;
mod workers;

pub use audit::{Audit, Finding};
pub use chain_state::{ChainState, CommitInput};
pub use diff::{AccountDiff, StateDiff};
pub use error::{Blame, StateError};
pub use fjall_store::FjallStore;
pub use flat::FlatView;
pub use frame::{FrameHead, HEAD_BYTES as FRAME_HEAD_BYTES};
pub use head::HeadRecord;
pub use log::{BlockLog, LoggedBlocks};
pub use log_error::LogError;
pub use log_scan::BlockReader;
pub use memory_store::MemoryStore;
pub use memory_view::MemoryView;
pub use observed::{Observed, Reads};
pub use options::{Backend, History, StateOptions};
pub use proof::{AccountProof, StorageProof};
pub use prune::Pruned;
pub use sled_store::SledStore;
pub use snapshot::{SnapshotError, SnapshotInfo, export as export_snapshot, import as import_snapshot};
pub use store::{Batch, MAX_STORE_VALUE_BYTES, Store, StoreError};
pub use trie::RootUpdate;
pub use trie_view::TrieView;
pub use view::{Account, StateView};
pub use witness::{Leftover, Recorder, Witness, WitnessError, WitnessView};
