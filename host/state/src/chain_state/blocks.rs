//! Reading blocks, and what is known of them by number or hash.

use alloy_consensus::Header;
use alloy_primitives::B256;
use caldera_types::{Component, Digest, SealedBlock, TxReceipt};

use super::ChainState;
use crate::{
    audit::{self, Audit},
    chunks,
    error::StateError,
    history, keys,
    log::{BlockLog, LoggedBlocks},
    store::Store,
};

impl ChainState {
    /// Height of the last block in the log: above the head after a crash, until those blocks are executed again.
    pub fn log_height(&self) -> Option<u64> {
        self.log.height()
    }

    /// The logged blocks above the head, in order: after a crash, after a quarantine, with a store in memory. Each is to be
    /// executed and handed to [`Self::commit`].
    pub fn replay(&self) -> LoggedBlocks<'_> {
        self.log.iter_from(self.head().map_or(0, |head| head.number + 1))
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
        let found = self.index.find(&*self.store, hash).inspect_err(|error| {
            if let StateError::Damaged { what } = error {
                self.store.condemn(what);
            }
        });
        Ok(found?.filter(|(number, _)| self.covers(*number)))
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
        let of = audit::Of { store: &*self.store, nodes: &self.nodes, log: &self.log, index: &self.index };
        audit::audit(of, self.log.first()..=head.number, self.first_state(), progress)
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
            // It may have been taken back since it was looked for.
            if !self.covers(number) {
                return Ok(None);
            }
            self.nodes.must_stand(number)?;
            self.store.condemn(what);
        }
        found.map(Some)
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
