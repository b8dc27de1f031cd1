//! What can be asked of a chain.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bloom};
use caldera_execution::{
    ExecutionError,
    registry::{self, Armed, Staged},
};
use caldera_state::{AccountProof, History, Pruned, StateError, StateView, TrieView};
use caldera_types::{Component, Digest, LastSwap, Mount, SealedBlock, Swap};

use crate::{
    chain::{Chain, base_fee_after},
    error::ChainError,
    executed::{ExecutedBlock, FoundTransaction},
    pool::{PoolContent, PoolStatus},
};

/// Wei per gas that a transaction should offer on top of the base fee when blocks are not full.
const SUGGESTED_TIP: u128 = 1_000_000;

/// What the registry of a chain says.
#[derive(Clone, Debug)]
pub struct RegistryView {
    /// Who may stage and arm.
    pub governor: Address,
    /// What runs, by address.
    pub mounts: Vec<Mount>,
    /// What can be armed, in the order of staging.
    pub staged: Vec<Staged>,
    /// What goes live at a height, by mount.
    pub armed: Vec<Armed>,
    /// Mounts that are not simply active, by address.
    pub swaps: Vec<Swap>,
    /// How the last swap of each mount ended, where one has.
    pub ended: BTreeMap<Address, LastSwap>,
}

impl RegistryView {
    /// Reads it in a state.
    pub(crate) fn read(view: &dyn StateView) -> Result<Self, ExecutionError> {
        let mounts = registry::mounts(view)?;
        Ok(Self {
            governor: registry::governor(view)?,
            ended: registry::last_swaps(view, &mounts)?,
            mounts,
            staged: registry::staged(view)?,
            armed: registry::armed(view)?,
            swaps: registry::swaps(view)?,
        })
    }
}

impl Chain {
    /// A block with its receipts.
    pub fn block(&self, number: u64) -> Result<Option<Arc<ExecutedBlock>>, ChainError> {
        let head = self.head();
        if number == head.number() {
            return Ok(Some(head));
        }
        // Readers see what is published, even if the store is already further.
        if number > head.number() {
            return Ok(None);
        }
        if let Some(block) = self.recent.get(number) {
            return Ok(Some(block));
        }
        let (Some(block), Some(receipts)) = (self.state.block(number)?, self.state.receipts(number)?) else {
            return Ok(None);
        };
        let block = Arc::new(ExecutedBlock::read_back(block, receipts));
        self.recent.put_read(block.clone());
        Ok(Some(block))
    }

    /// A block as it is logged.
    pub fn logged_block(&self, number: u64) -> Result<Option<SealedBlock>, ChainError> {
        Ok(if number > self.head().number() { None } else { self.state.block(number)? })
    }

    /// A block's hash and header.
    pub fn header(&self, number: u64) -> Result<Option<(B256, Header)>, ChainError> {
        let head = self.head();
        if number == head.number() {
            return Ok(Some((head.block.hash(), head.block.header.clone())));
        }
        Ok(if number > head.number() { None } else { self.state.header(number)? })
    }

    /// The bloom of a block's logs.
    pub fn logs_bloom(&self, number: u64) -> Result<Option<Bloom>, ChainError> {
        match self.blooms.get(number) {
            Some(bloom) => Ok(Some(bloom)),
            None => Ok(self.header(number)?.map(|(_, header)| header.logs_bloom)),
        }
    }

    /// The height of the block with that hash.
    pub fn number_of(&self, block_hash: B256) -> Result<Option<u64>, ChainError> {
        let number = self.state.number_of(block_hash)?;
        Ok(number.filter(|number| *number <= self.head().number()))
    }

    /// A transaction by its hash, in a block or in the pool. A block that is published after the index was asked may have taken
    /// it from the pool before that is: where neither has it, the head must still be the one from before both were asked.
    pub fn transaction(&self, hash: B256) -> Result<Option<FoundTransaction>, ChainError> {
        loop {
            let head = self.head();
            if let Some((number, index)) = self.state.transaction_location(hash)?
                && let Some(block) = self.block(number)?
            {
                return Ok(Some(FoundTransaction::Mined { block, index: index as usize }));
            }
            if let Some(pooled) = self.pool.lock().get(hash).cloned() {
                return Ok(Some(FoundTransaction::Pending(pooled)));
            }
            if Arc::ptr_eq(&head, &self.head()) {
                return Ok(None);
            }
        }
    }

    /// A component that one of the chain's blocks brought.
    pub fn component(&self, digest: Digest) -> Result<Option<Component>, ChainError> {
        Ok(self.state.component(digest)?)
    }

    /// A component that the registry names and none of the chain's blocks brought, if there is one. Only a chain that was begun from
    /// a snapshot can lack one, and would stop at the block that needs it.
    pub fn missing_component(&self) -> Result<Option<Digest>, ChainError> {
        let (number, view) = (self.head().number(), self.head_view()?);
        let failed = |error| ChainError::Execution { number, error };
        let mut named = registry::components(&view).map_err(failed)?;
        named.extend(registry::staged(&view).map_err(failed)?.into_iter().map(|staged| staged.digest));
        for digest in named {
            if self.component(digest)?.is_none() {
                return Ok(Some(digest));
            }
        }
        Ok(None)
    }

    /// The account's next nonce, the pool's transactions included. Never behind the newest block: a block may be published
    /// after the state was read, and the pool forget what it took, so the head must still be the one that was read once
    /// the pool is locked.
    pub fn next_nonce(&self, address: Address) -> Result<u64, ChainError> {
        loop {
            let head = self.head();
            let account = self.state.at_block(head.number(), head.block.header.state_root)?.account(address)?;
            let pool = self.pool.lock();
            if Arc::ptr_eq(&head, &self.head()) {
                return Ok(pool.next_nonce(address, account.map_or(0, |account| account.nonce)));
            }
        }
    }

    /// The waiting transactions, each sender's in order of nonce: those that a next block can take, and those behind a gap.
    /// Of one sender, if one is named.
    pub fn pool_content(&self, of: Option<Address>) -> PoolContent {
        self.pool.lock().content(of)
    }

    /// How many transactions wait.
    pub fn pool_status(&self) -> PoolStatus {
        self.pool.lock().status()
    }

    /// The state after the newest block.
    pub(crate) fn head_view(&self) -> Result<TrieView, StateError> {
        let head = self.head();
        self.state.at_block(head.number(), head.block.header.state_root)
    }

    /// The state after a block.
    pub fn view(&self, number: u64) -> Result<TrieView, ChainError> {
        let (_, header) = self.header(number)?.ok_or(ChainError::UnknownBlock(number))?;
        Ok(self.state.at_block(number, header.state_root)?)
    }

    /// The first block whose state is kept.
    pub fn first_state(&self) -> u64 {
        self.state.first_state()
    }

    /// The first block that is kept, with its receipts and logs.
    pub fn first_block(&self) -> u64 {
        self.state.first_block()
    }

    /// Which old states are kept.
    pub fn history(&self) -> History {
        self.state.history()
    }

    /// Returns once the store has all of the newest block, on disk.
    pub fn flush(&self) -> Result<(), ChainError> {
        Ok(self.state.flush()?)
    }

    /// What was let go of old states since the chain was opened.
    pub fn pruned(&self) -> Pruned {
        self.state.pruned()
    }

    /// EIP-1186 proofs on the state after a block.
    pub fn proof(&self, number: u64, address: Address, slots: &[B256]) -> Result<AccountProof, ChainError> {
        let (_, header) = self.header(number)?.ok_or(ChainError::UnknownBlock(number))?;
        Ok(self.state.proof_at_block(number, header.state_root, address, slots)?)
    }

    /// Wei per gas that a transaction should offer as priority fee.
    pub fn suggest_tip(&self) -> u128 {
        SUGGESTED_TIP
    }

    /// The base fee of the next block, in wei per gas.
    pub fn next_base_fee(&self) -> u64 {
        base_fee_after(&self.head())
    }

    /// What the registry says after the newest block.
    pub fn registry(&self) -> Result<RegistryView, ChainError> {
        let head = self.head();
        let view = self.state.at_block(head.number(), head.block.header.state_root)?;
        RegistryView::read(&view).map_err(|error| ChainError::Execution { number: head.number(), error })
    }
}
