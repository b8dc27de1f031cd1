//! What is run to answer a question, and never becomes part of a block: calls, estimates, simulated blocks.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_consensus::Header;
use alloy_eips::eip4844::BLOB_TX_MIN_BLOB_GASPRICE;
use alloy_primitives::B256;
use caldera_engine::Purpose;
use caldera_execution::{
    AccessListed, BlockAsked, BlockOutcome, Ground, Simulation, SimulationRequest, access_list, child_env,
    estimate_gas, ethereum_env, seal, simulate, simulate_block,
};
use caldera_state::StateDiff;
use caldera_types::{Block, BlockEnv};

use crate::{
    chain::Chain,
    error::{ChainError, SimulateError},
    executed::ExecutedBlock,
    shadow,
    source::LoggedComponents,
};

/// A block that was only simulated.
#[derive(Clone, Debug)]
pub struct DreamtBlock {
    /// The block, its receipts, and its senders, under a state root of its own.
    pub executed: Arc<ExecutedBlock>,
    /// What came of each call.
    pub calls: Vec<Simulation>,
}

/// Why simulated blocks do not follow each other.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Heights rise.
    #[error("block numbers must be in order: {number} <= {before}")]
    Number {
        /// What was asked.
        number: u64,
        /// The height before.
        before: u64,
    },
    /// Times do not fall.
    #[error("block timestamps must be in order: {time} < {before}")]
    Time {
        /// What was asked.
        time: u64,
        /// The time before.
        before: u64,
    },
    /// Too many blocks, the empty ones between included.
    #[error("too many blocks: {blocks}, at most {most}")]
    TooMany {
        /// How many it would be.
        blocks: u64,
        /// How many may be.
        most: u64,
    },
    /// The time of the question is used up.
    #[error("the simulation took longer than {0:?}")]
    Late(Duration),
}

/// What a simulation of blocks may take.
#[derive(Clone, Copy, Debug)]
pub struct DreamLimits {
    /// Most blocks, the empty ones between included.
    pub blocks: u64,
    /// Most gas over all calls.
    pub gas: u64,
    /// Longest time.
    pub time: Duration,
}

impl Chain {
    /// Runs a call on the state after a block. May take seconds and deep stacks: 16 MiB are enough.
    pub fn simulate(&self, number: u64, request: &SimulationRequest) -> Result<Simulation, SimulateError> {
        self.on_state(number, |ground, env| Ok(simulate(ground, env, request)?))
    }

    /// The least gas with which a call succeeds on the state after a block.
    pub fn estimate_gas(&self, number: u64, request: &SimulationRequest) -> Result<u64, SimulateError> {
        self.on_state(number, |ground, env| Ok(estimate_gas(ground, env, request)?))
    }

    /// The access list of a call on the state after a block.
    pub fn access_list(&self, number: u64, request: &SimulationRequest) -> Result<AccessListed, SimulateError> {
        self.on_state(number, |ground, env| Ok(access_list(ground, env, request)?))
    }

    /// Runs blocks of calls on top of a block, each on what the one before left.
    pub fn dream(
        &self,
        number: u64,
        blocks: Vec<BlockAsked>,
        limits: DreamLimits,
    ) -> Result<Vec<DreamtBlock>, SimulateError> {
        let (hash, header) = self.header(number)?.ok_or(ChainError::UnknownBlock(number))?;
        let base = (header.number, header.state_root);
        let began = Instant::now();
        self.on_state(number, |ground, _| {
            let mut dream =
                Dream { chain: self, base, hash, header, diff: StateDiff::default(), hashes: BTreeMap::new() };
            let (mut dreamt, mut gas) = (Vec::new(), limits.gas);
            for mut asked in blocks {
                asked.gas = gas;
                let gap = dream.gap(&asked, dreamt.len() as u64, limits.blocks)?;
                for asked in gap.into_iter().chain([asked]) {
                    let block = dream.next(ground, asked)?;
                    gas = gas.saturating_sub(block.executed.block.header.gas_used);
                    dreamt.push(block);
                    if began.elapsed() > limits.time {
                        return Err(OrderError::Late(limits.time).into());
                    }
                }
            }
            Ok(dreamt)
        })
    }

    pub(crate) fn on_state<T>(
        &self,
        number: u64,
        run: impl FnOnce(Ground<'_>, &BlockEnv) -> Result<T, SimulateError>,
    ) -> Result<T, SimulateError> {
        let (_, header) = self.header(number)?.ok_or(ChainError::UnknownBlock(number))?;
        self.on_root(number, header.state_root, |ground| run(ground, &self.env_of(&header)))
    }

    /// Runs a question on the state after a block, whose root is `root`.
    pub(crate) fn on_root<T>(
        &self,
        number: u64,
        root: B256,
        run: impl FnOnce(Ground<'_>) -> Result<T, SimulateError>,
    ) -> Result<T, SimulateError> {
        let (view, components) = (self.state.at_block(number, root)?, LoggedComponents(&self.state));
        // No reader waits for the compiler: it is set to work, and the reader told to ask again.
        let engines = self.engines.for_purpose(Purpose::Simulation).at_hand();
        let ran = run(Ground { view: &view, engines: &engines, components: &components });
        if let Some(digest) = ran.as_ref().err().and_then(SimulateError::unready) {
            self.prepare_absent(digest);
        }
        ran
    }

    /// A block's own environment, in which calls "at" it run.
    pub(crate) fn env_of(&self, header: &Header) -> BlockEnv {
        let env = shadow::env_of(self.chain_id(), header);
        match (&self.spec.genesis.imported, self.imported_head) {
            (Some(genesis), Some(last)) if header.number <= last => ethereum_env(genesis, header),
            (_, Some(last)) if header.number == last + 1 => BlockEnv { rules: self.spec.handover(), ..env },
            _ => env,
        }
    }

    /// What blobs are in a block. Ours have none, and say that they would cost the least.
    pub fn blob_market(&self, header: &Header) -> BlobMarket {
        let theirs = self.imported_head.is_some_and(|last| header.number <= last);
        match self.spec.genesis.imported.as_ref().filter(|_| theirs) {
            Some(genesis) => {
                let (fee, most) = genesis.blobs(header).unwrap_or_default();
                BlobMarket { fee, used: header.blob_gas_used.unwrap_or_default(), most }
            }
            None => BlobMarket { fee: BLOB_TX_MIN_BLOB_GASPRICE, used: 0, most: 0 },
        }
    }
}

/// The blobs of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobMarket {
    /// Wei per blob gas; zero before Cancun.
    pub fee: u128,
    /// Blob gas used.
    pub used: u64,
    /// Most blob gas that the block may use.
    pub most: u64,
}

/// Where a simulation of blocks has come.
struct Dream<'c> {
    chain: &'c Chain,
    /// The block on whose state the first one stands, and its root.
    base: (u64, B256),
    /// The newest block, real or dreamt.
    hash: B256,
    header: Header,
    /// All that the blocks changed.
    diff: StateDiff,
    hashes: BTreeMap<u64, B256>,
}

impl Dream<'_> {
    /// The empty blocks between the newest one and one that is asked for further up.
    fn gap(&self, asked: &BlockAsked, dreamt: u64, most: u64) -> Result<Vec<BlockAsked>, OrderError> {
        let before = self.header.number;
        let number = match asked.overrides.block.number {
            Some(number) => u64::try_from(number).unwrap_or(u64::MAX),
            None => before + 1,
        };
        if number <= before {
            return Err(OrderError::Number { number, before });
        }
        let blocks = dreamt.saturating_add(number - before);
        if blocks > most {
            return Err(OrderError::TooMany { blocks, most });
        }
        let empty = || BlockAsked { validation: asked.validation, ..Default::default() };
        Ok((before + 1..number).map(|_| empty()).collect())
    }

    /// The environment of the next block.
    fn env(&self, asked: &BlockAsked) -> Result<BlockEnv, OrderError> {
        let (header, block) = (&self.header, &asked.overrides.block);
        let before = header.timestamp;
        let time = block.time.unwrap_or(before.saturating_add(1));
        if time < before {
            return Err(OrderError::Time { time, before });
        }
        let (beneficiary, gas_limit) = (header.beneficiary, header.gas_limit);
        let env = child_env(self.chain.chain_id(), header, self.hash, time, beneficiary, gas_limit);
        // Without validation nobody has to pay.
        let base_fee = if asked.validation { env.base_fee } else { 0 };
        Ok(BlockEnv { base_fee, prev_randao: B256::ZERO, ..env })
    }

    fn next(&mut self, ground: Ground<'_>, asked: BlockAsked) -> Result<DreamtBlock, SimulateError> {
        let env = asked.env(self.env(&asked)?)?;
        let mut hashes = self.hashes.clone();
        hashes.extend(asked.overrides.block.block_hash.iter().flatten().map(|(number, hash)| (*number, *hash)));
        let block = simulate_block(ground, &env, std::mem::take(&mut self.diff), hashes, &asked)?;
        let (calls, senders) = (block.calls, block.senders);
        let outcome = block.outcome;
        // The root of all that was changed is dear, and empty blocks may be many.
        let root = match asked.calls.is_empty() && asked.overrides.state.is_empty() {
            true => self.header.state_root,
            false => self.chain.state.root_after(self.base.0, self.base.1, &outcome.diff)?.root,
        };
        let mut header = seal(&env, self.hash, &outcome, root);
        header.parent_beacon_block_root = asked.overrides.block.beacon_root.or(header.parent_beacon_block_root);
        let BlockOutcome { transactions, receipts, diff, .. } = outcome;
        let block = Block { header, transactions, sidecar: Vec::new(), ethereum: None }.seal();
        (self.hash, self.header, self.diff) = (block.hash(), block.header.clone(), diff);
        self.hashes.insert(self.header.number, self.hash);
        Ok(DreamtBlock { executed: Arc::new(ExecutedBlock::new(block, receipts, senders)), calls })
    }
}
