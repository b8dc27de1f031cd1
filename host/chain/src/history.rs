//! The part of a chain that another client made: its blocks are executed under the rules that they were made under.

use alloy_primitives::U256;
use caldera_engine::Engines;
use caldera_execution::{
    Ancestors, EthereumError, EthereumGenesis, Ground, Mismatch, Place, execute_ethereum, registry,
};
use caldera_state::{ChainState, CommitInput, StateError};
use caldera_types::SealedBlock;

use crate::{error::ChainError, source::LoggedComponents, spec::ChainSpec};

/// How much work stands behind a block, so that it is not summed up from block 0 for each.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Blocks that are counted.
    blocks: u64,
    total: U256,
}

impl Work {
    /// Whether proof of work had ended with `parent`.
    fn is_over(
        &mut self,
        genesis: &EthereumGenesis,
        state: &ChainState,
        parent: &SealedBlock,
    ) -> Result<bool, ChainError> {
        // A block without difficulty is one without work; block 0 says nothing. If the greatest sum ends no work, none does.
        if parent.header.number > 0 && parent.header.difficulty.is_zero() {
            return Ok(true);
        }
        if !genesis.merged(U256::MAX) {
            return Ok(false);
        }
        for number in self.blocks..=parent.header.number {
            let (_, header) = state.header(number)?.ok_or(ChainError::UnknownBlock(number))?;
            self.total = self.total.saturating_add(header.difficulty);
            self.blocks = number + 1;
        }
        Ok(genesis.merged(self.total))
    }
}

struct Below<'a>(&'a ChainState);

impl Ancestors for Below<'_> {
    fn block(&self, number: u64) -> Result<Option<SealedBlock>, StateError> {
        self.0.block(number)
    }
}

/// Executes a block of another client, checks all of it and commits it.
pub(crate) fn apply(
    spec: &ChainSpec,
    state: &ChainState,
    engines: &Engines,
    block: SealedBlock,
    work: &mut Work,
) -> Result<(), ChainError> {
    let number = block.header.number;
    let parent_number = number.checked_sub(1).ok_or(ChainError::UnknownBlock(number))?;
    let parent = state.block(parent_number)?.ok_or(ChainError::UnknownBlock(parent_number))?;
    let alien = |why| ChainError::NotOfHistory { number, why };
    let genesis = spec.genesis.imported.as_ref();
    let genesis = genesis.ok_or_else(|| alien("the chain was not begun by another client"))?;
    if parent.ethereum.is_none() {
        return Err(alien("the block before it is this node's own: the chain was handed over"));
    }
    let merged = work.is_over(genesis, state, &parent)?;
    let (view, components, ancestors) = (state.flat(), LoggedComponents(state), Below(state));
    let ground = Ground { view: &view, engines, components: &components };
    let place = Place { genesis, parent: &parent, merged, ancestors: &ancestors };
    let parent_root = parent.header.state_root;
    let executed =
        execute_ethereum(ground, place, &block, &|diff| Ok(state.root_after(parent_number, parent_root, diff)?.root))?;
    let outcome = executed.outcome;
    let update = state.root_after(parent_number, parent_root, &outcome.diff)?;
    if update.root != block.header.state_root {
        let (given, expected) = (block.header.state_root.to_string(), update.root.to_string());
        return Err(EthereumError::from(Mismatch { number, field: "state root", given, expected }).into());
    }
    state.commit(CommitInput { block: &block, receipts: &outcome.receipts, diff: &outcome.diff, update })?;
    Ok(())
}

/// Height of the last block that another client made, if one began the chain; makes sure that what follows was handed over
/// as the configuration says.
pub(crate) fn imported_head(spec: &ChainSpec, state: &ChainState) -> Result<Option<u64>, ChainError> {
    if spec.genesis.imported.is_none() {
        return Ok(None);
    }
    let Some(head) = state.head().map(|head| head.number) else { return Ok(None) };
    // Blocks below a snapshot are not here: nobody can ask whose they were.
    let kept = |number| match state.block(number) {
        Err(StateError::BlockNotKept { .. }) => Ok(None),
        block => block,
    };
    let is_theirs = |number| {
        let block = kept(number)?;
        Ok::<_, ChainError>(block.is_none_or(|block| block.ethereum.is_some()))
    };
    // Theirs come first, so the last is found by halves.
    let (mut last, mut beyond) = (0, head + 1);
    while beyond - last > 1 {
        let middle = last + (beyond - last) / 2;
        if is_theirs(middle)? { last = middle } else { beyond = middle }
    }
    if last < head && kept(last)?.is_some() {
        check_handover(spec, state, last + 1)?;
    }
    Ok(Some(last))
}

fn check_handover(spec: &ChainSpec, state: &ChainState, number: u64) -> Result<(), ChainError> {
    let receipts = state.receipts(number)?.ok_or(ChainError::UnknownBlock(number))?;
    // What does not tell is the zero address, which nobody holds.
    let (found, expected) = (registry::handed_over_to(&receipts).unwrap_or_default(), spec.genesis.governor);
    if found != expected {
        return Err(ChainError::OtherGovernor { number, found, expected });
    }
    let found = registry::is_development(&state.flat()).map_err(|error| ChainError::Execution { number, error })?;
    let expected = spec.genesis.development;
    if found == expected { Ok(()) } else { Err(ChainError::OtherPurpose { number, found, expected }) }
}
