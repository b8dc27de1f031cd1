//! What can be asked of a chain.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::Header;
use alloy_eips::eip1559::BaseFeeParams;
use alloy_primitives::{Address, B256};
use caldera_engine::Purpose;
use caldera_execution::{
    ExecutionError, Ground, Simulation, SimulationRequest, estimate_gas,
    registry::{self, Armed, Staged},
    simulate,
};
use caldera_state::{AccountProof, StateError, StateView, TrieView};
use caldera_types::{BlockEnv, Component, Digest, LastSwap, Mount, Swap};

use crate::{
    chain::Chain,
    error::{ChainError, SimulateError},
    executed::{ExecutedBlock, FoundTransaction},
    pool::PoolStatus,
    shadow,
    source::LoggedComponents,
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
        let block = Arc::new(ExecutedBlock::recovered(block, receipts));
        self.recent.put(block.clone());
        Ok(Some(block))
    }

    /// A block's hash and header.
    pub fn header(&self, number: u64) -> Result<Option<(B256, Header)>, ChainError> {
        let head = self.head();
        if number == head.number() {
            return Ok(Some((head.block.hash(), head.block.header.clone())));
        }
        Ok(if number > head.number() { None } else { self.state.header(number)? })
    }

    /// The height of the block with that hash.
    pub fn number_of(&self, block_hash: B256) -> Result<Option<u64>, ChainError> {
        let number = self.state.number_of(block_hash)?;
        Ok(number.filter(|number| *number <= self.head().number()))
    }

    /// A transaction by its hash, in a block or in the pool.
    pub fn transaction(&self, hash: B256) -> Result<Option<FoundTransaction>, ChainError> {
        if let Some((number, index)) = self.state.transaction_location(hash)?
            && let Some(block) = self.block(number)?
        {
            return Ok(Some(FoundTransaction::Mined { block, index: index as usize }));
        }
        Ok(self.pool.lock().get(hash).cloned().map(FoundTransaction::Pending))
    }

    /// A component that one of the chain's blocks brought.
    pub fn component(&self, digest: Digest) -> Result<Option<Component>, ChainError> {
        Ok(self.state.component(digest)?)
    }

    /// The account's next nonce, the pool's transactions included.
    pub fn next_nonce(&self, address: Address) -> Result<u64, ChainError> {
        let account = self.head_view()?.account(address)?;
        Ok(self.pool.lock().next_nonce(address, account.map_or(0, |account| account.nonce)))
    }

    /// How many transactions wait.
    pub fn pool_status(&self) -> PoolStatus {
        self.pool.lock().status()
    }

    /// The state after the newest block.
    pub(crate) fn head_view(&self) -> Result<TrieView, StateError> {
        self.state.at(self.head().block.header.state_root)
    }

    /// The state after a block.
    pub fn view(&self, number: u64) -> Result<TrieView, ChainError> {
        let (_, header) = self.header(number)?.ok_or(ChainError::UnknownBlock(number))?;
        Ok(self.state.at(header.state_root)?)
    }

    /// EIP-1186 proofs on the state after a block.
    pub fn proof(&self, number: u64, address: Address, slots: &[B256]) -> Result<AccountProof, ChainError> {
        let (_, header) = self.header(number)?.ok_or(ChainError::UnknownBlock(number))?;
        Ok(self.state.proof(header.state_root, address, slots)?)
    }

    /// Runs a call on the state after a block. May take seconds and deep stacks: 16 MiB are enough.
    pub fn simulate(&self, number: u64, request: &SimulationRequest) -> Result<Simulation, SimulateError> {
        self.on_state(number, |ground, env| Ok(simulate(ground, env, request)?))
    }

    /// The least gas with which a call succeeds on the state after a block.
    pub fn estimate_gas(&self, number: u64, request: &SimulationRequest) -> Result<u64, SimulateError> {
        self.on_state(number, |ground, env| Ok(estimate_gas(ground, env, request)?))
    }

    fn on_state<T>(
        &self,
        number: u64,
        run: impl FnOnce(Ground<'_>, &BlockEnv) -> Result<T, SimulateError>,
    ) -> Result<T, SimulateError> {
        let (_, header) = self.header(number)?.ok_or(ChainError::UnknownBlock(number))?;
        let (view, components) = (self.state.at(header.state_root)?, LoggedComponents(&self.state));
        // No reader waits for the compiler: it is set to work, and the reader told to ask again.
        let engines = self.engines.for_purpose(Purpose::Simulation).at_hand();
        let ran = run(Ground { view: &view, engines: &engines, components: &components }, &self.env_of(&header));
        if let Some(digest) = ran.as_ref().err().and_then(SimulateError::unready) {
            self.prepare_absent(digest);
        }
        ran
    }

    /// A block's own environment, in which calls "at" it run.
    pub(crate) fn env_of(&self, header: &Header) -> BlockEnv {
        shadow::env_of(self.chain_id(), header)
    }

    /// Wei per gas that a transaction should offer as priority fee.
    pub fn suggest_tip(&self) -> u128 {
        SUGGESTED_TIP
    }

    /// The base fee of the next block, in wei per gas.
    pub fn next_base_fee(&self) -> u64 {
        let head = self.head();
        head.block.header.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or_default()
    }

    /// What the registry says after the newest block.
    pub fn registry(&self) -> Result<RegistryView, ChainError> {
        let head = self.head();
        let view = self.state.at(head.block.header.state_root)?;
        RegistryView::read(&view).map_err(|error| ChainError::Execution { number: head.number(), error })
    }
}
