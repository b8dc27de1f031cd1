//! A candidate in the shadow of the active engine: a block is executed again, and each call of the engine also goes to the
//! candidate, on a copy of the journal. What the two did is compared and counted.
//!
//! Off the path of blocks: nothing here runs when a block is built, committed or replayed.
//!
//! Invariants:
//! - A shadow changes nothing of the execution: the outcome is bit for bit that of [`crate::execute`].
//! - Whatever the candidate does, loop and trap included, is a finding; it ends neither the block nor the shadow.
//! - The candidate's own nested calls are not shadowed again.

mod candidate;
mod compare;
mod effects;
mod fuel;
mod own;
mod plan;
mod report;

use std::collections::BTreeMap;

use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{Address, B256, TxKind, map::AddressMap};
use caldera_types::{Block, BlockEnv, Digest, Mount, is_system_transaction};
use revm::state::Account as EvmAccount;

pub(crate) use candidate::{ahead, after, hook_of_candidate};
pub(crate) use effects::SubcallRecord;
pub use fuel::FuelReport;
pub use own::FrozenView;
pub use plan::{EveryCall, Gate, Plan, ShadowLimits, Skip, StateMode};
pub use report::{DivergenceKind, Ending, Sample, ShadowReport, StateReport};

use crate::{
    Ground,
    error::{ExecutionError, TxError},
    executor::{BlockExecutor, BlockOutcome},
};
use own::OwnStorage;

/// A candidate at work in the shadow of a mount, over many blocks.
pub struct Shadow {
    plan: Plan,
    limits: ShadowLimits,
    /// The mount as it was when the shadow began.
    active: Mount,
    mode: StateMode,
    /// The candidate's state, when it has its own and that is in step.
    own: Option<OwnStorage>,
    gate: Box<dyn Gate + Send>,
    report: ShadowReport,
    /// Where execution is.
    block: u64,
    transaction: Option<B256>,
    /// How many compared calls of the engine are running, one inside the other.
    running: u32,
    /// What runs at the mount instead, since it changed.
    replaced_by: Option<Digest>,
}

impl Shadow {
    /// A shadow of `active`.
    pub fn new(plan: Plan, active: Mount, limits: ShadowLimits) -> Self {
        let mode = plan.state_mode(&active);
        let report = ShadowReport::new(plan.mount, active.digest, plan.target.digest, mode);
        let gate = Box::new(EveryCall);
        let (block, transaction, running, replaced_by) = Default::default();
        Self { plan, limits, active, mode, own: None, gate, report, block, transaction, running, replaced_by }
    }

    /// What is tried.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// On which state the candidate runs.
    pub fn mode(&self) -> StateMode {
        self.mode
    }

    /// What was found so far.
    pub fn report(&self) -> &ShadowReport {
        &self.report
    }

    /// Counts calls that a block had and that were not executed again.
    pub fn skip(&mut self, why: Skip, calls: u64) {
        self.report.skip(why, calls);
    }

    /// What runs at the mount instead of the engine that was shadowed: there is nothing left to compare with.
    pub fn replaced_by(&self) -> Option<Digest> {
        self.replaced_by
    }

    /// Whether the candidate needs a copy of the state before the next block, by [`Self::copy_state`].
    pub fn wants_copy(&self) -> bool {
        self.mode == StateMode::Copy && self.own.is_none()
    }

    /// Says that a block was not executed at all: the candidate's copy has missed its calls.
    pub fn missed_block(&mut self) {
        self.lose_step();
    }

    /// Gives the candidate a copy of the state at `base`, which is the parent's of the block `env`, migrated and
    /// configured as an activation would. A failure is a finding: it is in the report, and there is no copy.
    pub fn copy_state(&mut self, ground: Ground<'_>, env: &BlockEnv, base: FrozenView) -> Result<(), ExecutionError> {
        match candidate::rehearsed(self, ground, env, &base)? {
            Ok(written) => {
                self.report.state.copies += 1;
                self.report.state.failure = None;
                self.own = Some(OwnStorage::new(base, written));
            }
            Err(why) => self.report.state.failure = Some(why),
        }
        Ok(())
    }

    /// Whether the gate lets the block be executed further.
    pub(crate) fn goes_on(&mut self) -> bool {
        self.gate.goes_on()
    }

    /// The copy missed a call.
    fn lose_step(&mut self) {
        if self.own.take().is_some() {
            self.report.state.out_of_step += 1;
        }
    }

    /// The block's mounts are settled.
    pub(crate) fn meets(&mut self, mounted: Option<&Mount>) {
        let active = (self.active.digest, self.active.generation);
        if let Some(mount) = mounted.filter(|mount| (mount.digest, mount.generation) != active) {
            self.replaced_by.get_or_insert(mount.digest);
        }
    }

    /// A transaction begins, or the chain acts itself.
    pub(crate) fn at(&mut self, transaction: Option<B256>) {
        self.transaction = transaction;
    }

    /// A transaction's changes are final. Takes out what was noted for the candidate.
    pub(crate) fn settle(&mut self, changes: &mut AddressMap<EvmAccount>) {
        if let Some(own) = &mut self.own {
            own.settle(changes);
        } else if self.mode == StateMode::Copy && let Some(scratch) = changes.get_mut(&own::SCRATCH) {
            // The copy was given up in the middle of the transaction.
            scratch.storage.clear();
        }
    }
}

/// Executes a block as [`crate::execute`] does, with the candidate in the shadow. `senders` are those of its transactions,
/// so that no signature is recovered again. None if the gate stopped it before its end.
pub fn execute_shadowed(
    ground: Ground<'_>,
    env: BlockEnv,
    block: &Block,
    senders: &[Address],
    shadow: &mut Shadow,
    gate: Box<dyn Gate + Send>,
) -> Result<Option<BlockOutcome>, ExecutionError> {
    (shadow.gate, shadow.block, shadow.running) = (gate, env.number, 0);
    let mut executor = BlockExecutor::begin_shadowed(ground, env, Some(&mut *shadow))?;
    for component in &block.sidecar {
        executor.offer(component);
    }
    let own = block.transactions.iter().zip(senders).enumerate().filter(|(_, (tx, _))| !is_system_transaction(tx));
    for (index, (tx, sender)) in own {
        if !executor.shadow_goes_on() {
            let left = &block.transactions[index..];
            drop(executor);
            shadow.give_up(left);
            return Ok(None);
        }
        executor.apply(tx, *sender).map_err(|error| match error {
            TxError::Refused(why) => ExecutionError::BadTransaction { index, why },
            TxError::Node(error) => error,
        })?;
    }
    let outcome = executor.finish()?;
    shadow.report.block(env.number);
    Ok(Some(outcome))
}

impl Shadow {
    /// Counts the direct calls in transactions that are not executed.
    fn give_up(&mut self, left: &[TxEnvelope]) {
        let mount = TxKind::Call(self.plan.mount);
        let calls = left.iter().filter(|&tx| tx.kind() == mount).count();
        self.report.skip(Skip::Budget, calls as u64);
        self.lose_step();
    }
}

/// Counts of every kind, for metrics: the same keys for every report.
pub fn counts(report: &ShadowReport) -> BTreeMap<&'static str, u64> {
    report.divergences.iter().map(|(kind, count)| (kind.name(), *count)).collect()
}
