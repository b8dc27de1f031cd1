//! What a chain tells of as it happens.
//!
//! Blocks and what enters the pool have a channel each: there are thousands of the latter to a block, and who waits for a block is
//! woken by none of them, nor loses a block to them.

use std::sync::Arc;

use tokio::sync::broadcast::{self, Receiver, Sender};

use crate::{executed::ExecutedBlock, pool::PooledTx};

/// Blocks that a slow subscriber may be behind before it has to read them back. Until it has seen them, they stay in memory.
const BLOCKS: usize = 32;
/// The same of a development chain, which is told to make hundreds at once: that it went back cannot be read back.
const BLOCKS_OF_DEVELOPMENT: usize = 1_024;
/// Transactions that a slow subscriber may be behind before it loses some.
const PENDING: usize = 1_024;

/// Something that happened to a chain's blocks.
#[derive(Clone, Debug)]
pub enum ChainEvent {
    /// A block was committed.
    Block(Arc<ExecutedBlock>),
    /// A development chain went back to this height; blocks above it come again.
    WentBack(u64),
}

/// The channels of one chain. Nobody listening is no failure.
pub(crate) struct Events {
    blocks: Sender<ChainEvent>,
    pending: Sender<Arc<PooledTx>>,
}

impl Events {
    pub fn new(development: bool) -> Self {
        let blocks = if development { BLOCKS_OF_DEVELOPMENT } else { BLOCKS };
        Self { blocks: broadcast::channel(blocks).0, pending: broadcast::channel(PENDING).0 }
    }

    pub fn happened(&self, event: ChainEvent) {
        let _ = self.blocks.send(event);
    }

    pub fn entered_pool(&self, tx: Arc<PooledTx>) {
        let _ = self.pending.send(tx);
    }

    pub fn blocks(&self) -> Receiver<ChainEvent> {
        self.blocks.subscribe()
    }

    pub fn pending(&self) -> Receiver<Arc<PooledTx>> {
        self.pending.subscribe()
    }
}
