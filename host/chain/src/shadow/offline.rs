//! The same comparison over blocks that are there already.

use std::sync::Arc;

use alloy_consensus::{Header, Transaction, TxEnvelope};
use caldera_engine::Engines;
use caldera_execution::{
    Ground,
    shadow::{EveryCall, FrozenView, Shadow, ShadowLimits, ShadowReport, execute_shadowed},
};
use caldera_state::ChainState;
use caldera_types::{BlockEnv, Digest, FeeRule};
use serde::Serialize;

use super::{
    cache::{KnownState, Remembering},
    candidate::Candidate,
    error::ShadowError,
    quietly,
};
use crate::{executed::ExecutedBlock, source::LoggedComponents};

/// What is to be executed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// First block.
    pub first: u64,
    /// Last block.
    pub last: u64,
    /// How calls are compared and what is kept of them.
    pub limits: ShadowLimits,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// What was found.
    #[serde(flatten)]
    pub report: ShadowReport,
    /// Where another component took the mount over: later blocks were not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<(u64, Digest)>,
}

/// Executes blocks of a chain that stands still, with the candidate in the shadow. `progress` is told each block that is
/// done. May take deep stacks: 16 MiB are enough.
pub fn replay(
    state: &ChainState,
    engines: &Engines,
    candidate: &Candidate,
    replay: Replay,
    progress: &mut dyn FnMut(u64),
) -> Result<Replayed, ShadowError> {
    let head = state.head().map_or(0, |head| head.number);
    let Replay { first, last, limits } = replay;
    if first == 0 || first > last || last > head {
        return Err(ShadowError::NoSuchBlocks { first, last, head });
    }
    let mut parent = header(state, first - 1)?;
    let view = state.at_block(parent.number, parent.state_root)?;
    let mut shadow = candidate.shadow(state, &view, engines, limits)?;
    let chain_id = chain_id(state, first, head)?;
    let mut known = KnownState::default();
    for number in first..=last {
        known = quietly(|| block(state, engines, &mut shadow, chain_id, &parent, known))?;
        if let Some(digest) = shadow.replaced_by() {
            return Ok(Replayed { report: shadow.report().clone(), replaced: Some((number, digest)) });
        }
        progress(number);
        parent = header(state, number)?;
    }
    Ok(Replayed { report: shadow.report().clone(), replaced: None })
}

/// Executes the block after `parent` and gives back what is known of the state after it.
fn block(
    state: &ChainState,
    engines: &Engines,
    shadow: &mut Shadow,
    chain_id: u64,
    parent: &Header,
    known: KnownState,
) -> Result<KnownState, ShadowError> {
    let number = parent.number + 1;
    let missing = || ShadowError::NoSuchBlocks { first: number, last: number, head: parent.number };
    let (block, receipts) = (state.block(number)?.ok_or_else(missing)?, state.receipts(number)?.ok_or_else(missing)?);
    let block = ExecutedBlock::read_back(block, receipts);
    let env = env_of(chain_id, &block.block.header);
    let view = Remembering::new(state.at_block(parent.number, parent.state_root)?, known);
    let components = LoggedComponents(state);
    let ground = Ground { view: &view, engines, components: &components };
    if shadow.wants_copy() {
        let frozen: FrozenView =
            Arc::new(Remembering::new(state.at_block(parent.number, parent.state_root)?, KnownState::default()));
        shadow.copy_state(ground, &env, frozen)?;
    }
    let outcome = execute_shadowed(ground, env, &block.block, block.senders(), shadow, Box::new(EveryCall))?;
    let mut known = view.into_known();
    match outcome {
        Some(outcome) if outcome.receipts == block.receipts => known.apply(&outcome.diff),
        // Every call lets the block go on to its end.
        _ => return Err(ShadowError::OtherOutcome(number)),
    }
    Ok(known)
}

fn header(state: &ChainState, number: u64) -> Result<Header, ShadowError> {
    let head = state.head().map_or(0, |head| head.number);
    let missing = ShadowError::NoSuchBlocks { first: number, last: number, head };
    Ok(state.header(number)?.ok_or(missing)?.1)
}

/// The environment in which a block was executed.
pub(crate) fn env_of(chain_id: u64, header: &Header) -> BlockEnv {
    BlockEnv {
        chain_id,
        number: header.number,
        timestamp_s: header.timestamp,
        prev_randao: header.mix_hash,
        beneficiary: header.beneficiary,
        gas_limit: header.gas_limit,
        base_fee: header.base_fee_per_gas.unwrap_or_default(),
        fees: FeeRule::of(header),
        rules: Default::default(),
    }
}

/// The chain's id, which every transaction of ours names. Without any there is no call to compare; the id does not matter
/// then.
fn chain_id(state: &ChainState, first: u64, head: u64) -> Result<u64, ShadowError> {
    for number in (first..=head).chain(1..first) {
        let block = state.block(number)?;
        if let Some(id) = block.and_then(|block| block.transactions.iter().find_map(TxEnvelope::chain_id)) {
            return Ok(id);
        }
    }
    Ok(0)
}
