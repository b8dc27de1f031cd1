//! Taking the newest blocks back: for development chains, whose tests begin again from a state they were in.

use caldera_types::SealedBlock;

use crate::{
    chain_state::{ChainState, Newest},
    error::StateError,
    head::HeadRecord,
    history, keys, roots,
    store::{Batch, Store},
};

/// Blocks that are taken out of the indexes at a time.
const BLOCKS_AT_A_TIME: u64 = 256;

impl ChainState {
    /// Makes the block at `number`, whose state must be kept, the newest, and returns once that is on disk. The blocks above it are gone for good.
    ///
    /// The store goes first, then the log is cut. Who dies in between finds the store behind the log, as after any crash, and
    /// executes the blocks again: then nothing was taken back. After an error the state is to be opened again before
    /// anything is committed.
    pub fn rewind(&self, number: u64) -> Result<HeadRecord, StateError> {
        let _writer = self.writer.lock();
        let head = self.head().ok_or(StateError::UnknownBlock(number))?;
        let (hash, header) = self.header(number)?.ok_or(StateError::UnknownBlock(number))?;
        let to = HeadRecord { number, hash, state_root: header.state_root };
        if number == head.number {
            return Ok(head);
        }
        self.store.ready()?;
        self.pruner.go_back(to)?;
        let root = roots::must_get(&*self.store, number)?;
        self.nodes.take_back(number);
        // First, so that nobody looks for what goes, and takes its absence for damage.
        *self.newest.write() = Some(Newest { head: to, root: root.place });
        self.flat.move_to(root);
        let _runs = self.index.go_back(&*self.store, &self.log, number)?;
        let mut top = head;
        while top.number > number {
            let below = number.max(top.number.saturating_sub(BLOCKS_AT_A_TIME));
            top = self.remove(below, top.number)?;
        }
        // Other blocks' nodes will lie there.
        self.nodes.forget_above(number);
        self.store.flush()?;
        self.log.cut_back(number, hash)?;
        // A suite of tests does it before each of them.
        tracing::debug!(from = head.number, to = number, "the newest blocks of a development chain were taken back");
        Ok(to)
    }

    /// Takes the blocks above `below`, up to `top`, out of the store.
    fn remove(&self, below: u64, top: u64) -> Result<HeadRecord, StateError> {
        let logged = |number| -> Result<SealedBlock, StateError> {
            self.log.block(number)?.ok_or(StateError::UnknownBlock(number))
        };
        let mut batch = Batch::default();
        for number in below + 1..=top {
            history::remove(&mut batch, &*self.store, &logged(number)?)?;
            batch.remove(keys::root(number));
            for entry in self.store.scan(&keys::nodes_of(number)) {
                batch.remove(entry?.0);
            }
        }
        let block = logged(below)?;
        let head = HeadRecord { number: below, hash: block.hash(), state_root: block.header.state_root };
        head.put(&mut batch);
        self.store.commit(batch)?;
        Ok(head)
    }
}
