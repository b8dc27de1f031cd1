//! From blocks to state: the same step for a block that was just built, one that a crash left in the log, and one that
//! another node logged.

use std::{path::Path, sync::Arc};

use alloy_consensus::{Header, TxEnvelope};
use alloy_primitives::{Address, B256};
use caldera_engine::{EngineError, Engines, StageError};
use caldera_execution::{BlockOutcome, Ground, child_env, execute, execute_genesis, registry, seal, verify_header};
use caldera_state::{BlockLog, ChainState, CommitInput, StateOptions};
use caldera_types::{Block, BlockEnv, FeeRule, SealedBlock};

use crate::{
    chain::Chain,
    error::ChainError,
    executed::ExecutedBlock,
    history::{self, Work},
    readiness::is_unready,
    source::LoggedComponents,
    spec::ChainSpec,
};

/// How far opening or replaying has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// This block was executed again and is as it should be.
    Replayed(u64),
    /// So many mounted engines are compiled.
    Compiled(usize),
}

/// Brings a folder to the end of its log: makes block 0 if there is none, executes what the store lacks.
pub(crate) fn catch_up(
    spec: &ChainSpec,
    state: &ChainState,
    engines: &Engines,
    progress: &mut dyn FnMut(Progress),
) -> Result<ExecutedBlock, ChainError> {
    match settle_genesis(spec, state, engines) {
        // A folder that has its block 0 was held against its configuration when that was made.
        Err(why) if is_unready(&why) && state.head().is_some() => {
            tracing::warn!(%why, "whether the folder is that of the configuration cannot be checked now");
        }
        settled => settled?,
    }
    let mut work = Work::default();
    while let Some(block) = state.replay().next().transpose().map_err(caldera_state::StateError::from)? {
        let number = block.header.number;
        apply(spec, state, engines, block, &mut work)?;
        progress(Progress::Replayed(number));
    }
    compile_mounted(state, engines, progress)?;
    newest(state)
}

/// Executes a block of a log, checks it against its header and commits it.
pub(crate) fn apply(
    spec: &ChainSpec,
    state: &ChainState,
    engines: &Engines,
    block: SealedBlock,
    work: &mut Work,
) -> Result<(), ChainError> {
    if block.ethereum.is_some() {
        return history::apply(spec, state, engines, block, work);
    }
    let given = &block.header;
    let number = given.number;
    let parent_number = number.checked_sub(1).ok_or(ChainError::UnknownBlock(number))?;
    let parent = state.block(parent_number)?.ok_or(ChainError::UnknownBlock(parent_number))?;
    let env = env_of(spec, &parent, given.timestamp);
    let (view, components) = (state.flat(), LoggedComponents(state));
    let ground = Ground { view: &view, engines, components: &components };
    let outcome = execute(ground, env, &block).map_err(|error| ChainError::Execution { number, error })?;
    let update = state.root_after(parent_number, parent.header.state_root, &outcome.diff)?;
    verify_header(given, &seal(&env, parent.hash(), &outcome, update.root))?;
    state.commit(CommitInput { block: &block, receipts: &outcome.receipts, diff: &outcome.diff, update })?;
    Ok(())
}

pub(crate) fn env_of(spec: &ChainSpec, parent: &SealedBlock, timestamp_s: u64) -> BlockEnv {
    let (hash, header) = (parent.hash(), &parent.header);
    let env = child_env(spec.chain_id(), header, hash, timestamp_s, spec.beneficiary(), spec.gas_limit());
    // The parent may be another client's, which its header does not tell.
    let fees = FeeRule::after(parent);
    BlockEnv { base_fee: fees.next_base_fee(header), fees, rules: spec.rules_after(parent), ..env }
}

/// Seals what was built on `parent`, and commits it, if it is as `given` in the header of a leader that is followed.
pub(crate) fn commit(
    state: &ChainState,
    parent: &SealedBlock,
    env: BlockEnv,
    outcome: BlockOutcome,
    senders: Vec<Address>,
    given: Option<&Header>,
) -> Result<ExecutedBlock, ChainError> {
    let update = state.root_after(parent.header.number, parent.header.state_root, &outcome.diff)?;
    let header = seal(&env, parent.hash(), &outcome, update.root);
    if let Some(given) = given {
        let own_root = update.root;
        verify_header(given, &header).map_err(|why| ChainError::NotOurs { why, own_root })?;
    }
    let BlockOutcome { transactions, receipts, sidecar, diff, .. } = outcome;
    let block = Block { header, transactions, sidecar, ethereum: None }.seal();
    state.commit(CommitInput { block: &block, receipts: &receipts, diff: &diff, update })?;
    Ok(ExecutedBlock::new(block, receipts, senders))
}

/// Executes the configured genesis. Its block is what the log must begin with.
fn genesis_block(spec: &ChainSpec, state: &ChainState, engines: &Engines) -> Result<Genesis, ChainError> {
    let outcome =
        execute_genesis(engines, &spec.genesis).map_err(|error| ChainError::Execution { number: 0, error })?;
    let update = state.root_after(0, alloy_consensus::constants::EMPTY_ROOT_HASH, &outcome.diff)?;
    let imported = spec.genesis.imported.as_ref();
    let header = match imported {
        Some(imported) => imported.header(update.root),
        None => seal(&spec.genesis.env, B256::ZERO, &outcome, update.root),
    };
    let (transactions, sidecar) = (Vec::<TxEnvelope>::new(), outcome.sidecar.clone());
    let block = Block { header, transactions, sidecar, ethereum: imported.map(|imported| imported.body()) }.seal();
    Ok(Genesis { block, outcome, update })
}

struct Genesis {
    block: SealedBlock,
    outcome: BlockOutcome,
    update: caldera_state::RootUpdate,
}

/// Makes block 0 if the folder has none; otherwise makes sure that it is this chain's.
fn settle_genesis(spec: &ChainSpec, state: &ChainState, engines: &Engines) -> Result<(), ChainError> {
    let Genesis { block, outcome, update } = genesis_block(spec, state, engines)?;
    let logged = match state.genesis_hash()? {
        None => state.block(0)?.map(|logged| logged.hash()),
        known => known,
    };
    if let Some(found) = logged.filter(|found| *found != block.hash()) {
        return Err(ChainError::OtherGenesis { found, expected: block.hash() });
    }
    if state.head().is_none() {
        state.commit(CommitInput { block: &block, receipts: &[], diff: &outcome.diff, update })?;
    }
    Ok(())
}

/// Compiles every mounted engine, so that no block waits for it. What cannot be compiled now is tried again before the
/// next block.
fn compile_mounted(
    state: &ChainState,
    engines: &Engines,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), ChainError> {
    let head = state.head().map_or(0, |head| head.number);
    let failed = |error| ChainError::Execution { number: head, error };
    let view = state.flat();
    let mounts = registry::mounts(&view).map_err(failed)?;
    for (done, mount) in mounts.iter().enumerate() {
        let missing = || failed(caldera_execution::ExecutionError::MissingComponent(mount.digest));
        let component = state.component(mount.digest)?.ok_or_else(missing)?;
        match engines.stage(&component, mount.grants, &mount.limits) {
            Ok(_) => progress(Progress::Compiled(done + 1)),
            Err(StageError::Node(why)) if why.unready().is_some() => {
                tracing::warn!(mount = %mount.address, %why, "a mounted engine is not ready");
            }
            Err(error) => {
                let why = format!("mounted component {} does not compile: {error}", mount.digest);
                return Err(failed(EngineError::Node(why).into()));
            }
        }
    }
    Ok(())
}

pub(crate) fn newest(state: &ChainState) -> Result<ExecutedBlock, ChainError> {
    let number = state.head().map_or(0, |head| head.number);
    let block = state.block(number)?.ok_or(ChainError::UnknownBlock(number))?;
    let receipts = state.receipts(number)?.ok_or(ChainError::UnknownBlock(number))?;
    Ok(ExecutedBlock::read_back(block, receipts))
}

/// Executes a block log, such as another node's, on a fresh folder. Every block's roots are checked.
pub fn replay(
    spec: ChainSpec,
    log: &Path,
    dir: &Path,
    options: StateOptions,
    engines: Engines,
    progress: &mut dyn FnMut(Progress),
) -> Result<Arc<Chain>, ChainError> {
    let state = ChainState::open(dir, options)?;
    catch_up(&spec, &state, &engines, progress)?;
    let mut work = Work::default();
    for block in BlockLog::read(log).map_err(caldera_state::StateError::from)? {
        let block = block.map_err(caldera_state::StateError::from)?;
        let number = block.header.number;
        match state.block(number)? {
            Some(known) if known.hash() == block.hash() => continue,
            Some(known) if number == 0 => {
                return Err(ChainError::OtherGenesis { found: block.hash(), expected: known.hash() });
            }
            _ => apply(&spec, &state, &engines, block, &mut work)?,
        }
        progress(Progress::Replayed(number));
    }
    let head = newest(&state)?;
    Chain::assemble(spec, dir, state, engines, head)
}
