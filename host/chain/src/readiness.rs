//! No block waits for a compiler: what a transaction stages is compiled before the builder takes the transaction, and what
//! is armed before its height comes.
//!
//! Whose transactions cause compiling: the governor's. While a contract governs, it decides who may stage, so a transaction is
//! run first: what it then stages without its being compiled here is compiled, and the transaction waits for that. A
//! stranger's sidecar is not offered to the block, so staging it there fails without anybody having compiled it.

use alloy_primitives::Address;
use caldera_engine::{CompileState, EngineError, Engines, Lane, StageError};
use caldera_execution::{ExecutionError, Ground, registry};
use caldera_types::{Component, Digest, EngineLimits, Grants, Phase};

use crate::{
    chain::Chain, error::ChainError, executed::ExecutedBlock, pool::PooledTx, queries::RegistryView,
    source::LoggedComponents,
};

/// What the builder does with a transaction that brings components.
pub(crate) enum Gate {
    /// Takes it with them.
    Open,
    /// Takes it without them: its sender cannot stage.
    Alone,
    /// Leaves it for a later block: they are being compiled.
    Wait,
    /// Drops it: this node could not compile them.
    Closed(String),
}

/// Judges sidecars on one state.
pub(crate) struct Gatekeeper<'a> {
    engines: &'a Engines,
    governor: Address,
    is_contract: bool,
}

impl<'a> Gatekeeper<'a> {
    pub(crate) fn new(ground: Ground<'a>) -> Result<Self, ExecutionError> {
        let governor = registry::governor(ground.view)?;
        let account = ground.view.account(governor)?.unwrap_or_default();
        let is_contract = account.code_hash != alloy_primitives::KECCAK256_EMPTY;
        Ok(Self { engines: ground.engines, governor, is_contract })
    }

    /// Judges one transaction.
    pub(crate) fn judge(&self, tx: &PooledTx) -> Gate {
        if tx.sidecar.is_empty() || !self.engines.compiles_aside() {
            return Gate::Open;
        }
        if !self.is_contract && tx.sender != self.governor {
            return Gate::Alone;
        }
        let mut gate = Gate::Open;
        for component in &tx.sidecar {
            match self.engines.compile_state(component.digest()) {
                CompileState::Ready { .. } | CompileState::Refused { .. } => {}
                CompileState::Compiling => gate = Gate::Wait,
                CompileState::Absent if self.is_contract => {}
                CompileState::Absent => {
                    self.engines.prepare(component, Lane::Pool);
                    gate = Gate::Wait;
                }
                CompileState::Failed { why } => {
                    return Gate::Closed(why);
                }
            }
        }
        gate
    }
}

impl Chain {
    /// Begins to compile what a transaction brings, so that the next block can take it.
    pub(crate) fn compile_ahead(&self, tx: &PooledTx) {
        if tx.sidecar.is_empty() || !self.engines.compiles_aside() {
            return;
        }
        // What this node failed to compile before gets another try when it is sent again.
        let failed = |component: &&Component| {
            matches!(self.engines.compile_state(component.digest()), CompileState::Failed { .. })
        };
        for component in tx.sidecar.iter().filter(failed) {
            self.engines.prepare(component, Lane::Pool);
        }
        let (view, components) = match self.head_view() {
            Ok(view) => (view, LoggedComponents(&self.state)),
            Err(_) => return,
        };
        let ground = Ground { view: &view, engines: &self.engines, components: &components };
        // Whatever the verdict is: the builder asks again.
        drop(Gatekeeper::new(ground).map(|gatekeeper| gatekeeper.judge(tx)));
    }

    /// Begins to compile what a transaction stages, other than by its sender's own call of the registry. Gives the reason if it
    /// cannot be compiled here at all.
    pub(crate) fn prepare_for(&self, tx: &PooledTx, digest: Digest) -> Option<String> {
        if let CompileState::Failed { why } = self.engines.compile_state(digest) {
            return Some(why);
        }
        let brought = tx.sidecar.iter().find(|component| component.digest() == digest).cloned();
        if let Some(component) = brought.or_else(|| self.state.component(digest).ok().flatten()) {
            self.engines.prepare(&component, Lane::Pool);
        }
        None
    }

    /// Begins to compile a component of an earlier block that nobody has asked for since this node started.
    pub(crate) fn prepare_absent(&self, digest: Digest) {
        if self.engines.compile_state(digest) == CompileState::Absent
            && let Ok(Some(component)) = self.state.component(digest)
        {
            self.engines.prepare(&component, Lane::Pool);
        }
    }

    /// After a block in which the registry said something: begins to compile what may go live or come back.
    pub(crate) fn compile_due(&self, block: &ExecutedBlock) {
        let mut logs = block.receipts.iter().flat_map(|receipt| receipt.logs());
        if logs.any(|log| log.address == registry::ADDRESS) {
            self.compile_armed();
        }
    }

    /// Notes what runs, what is armed, what is on its way and what a probation would bring back; begins to compile what of
    /// it is not ready. For the writer alone, between two blocks: it reads the flat state, which takes a hundredth of the
    /// time of the trie, because the next block waits.
    pub(crate) fn compile_armed(&self) {
        let Ok(registry) = RegistryView::read(&self.state.flat()) else { return };
        let needed = needed(&registry);
        if self.engines.compiles_aside() {
            needed.iter().for_each(|needed| self.prepare(needed));
        }
        *self.needed.lock() = needed;
    }

    /// Makes sure that all that the block at a height may run is at hand. If the compiler would have to be waited for, it is
    /// set to work, and the chain makes no block.
    pub(crate) fn must_be_ready(&self, number: u64) -> Result<(), ChainError> {
        let engines = self.engines.at_hand();
        let needed = self.needed.lock().clone();
        for needed in needed.iter().filter(|needed| needed.from <= number) {
            let Needed { digest, grants, limits, .. } = needed;
            if engines.is_ready(*digest, *grants) {
                continue;
            }
            let failed = |error| ChainError::Execution { number, error };
            let component = self.state.component(*digest)?;
            let component = component.ok_or_else(|| failed(ExecutionError::MissingComponent(*digest)))?;
            // A rejection is the road's to tell of.
            if let Err(StageError::Node(error)) = engines.stage(&component, *grants, limits) {
                let why = match self.engines.compile_state(*digest) {
                    CompileState::Failed { why } => EngineError::Unready { digest: *digest, why },
                    _ => error,
                };
                self.prepare(needed);
                return Err(failed(why.into()));
            }
        }
        Ok(())
    }

    fn prepare(&self, needed: &Needed) {
        let Needed { digest, grants, limits, .. } = needed;
        if !self.engines.is_ready(*digest, *grants)
            && let Ok(Some(component)) = self.state.component(*digest)
        {
            self.engines.prepare_call(&component, *grants, limits, Lane::Armed);
        }
    }
}

/// A component that blocks from a height on may run.
#[derive(Clone, Debug)]
pub(crate) struct Needed {
    from: u64,
    digest: Digest,
    grants: Grants,
    limits: EngineLimits,
}

/// What the next blocks may run, as the registry stands.
fn needed(registry: &RegistryView) -> Vec<Needed> {
    let needed = |from, digest, grants, limits| Needed { from, digest, grants, limits };
    let mounted = registry.mounts.iter().map(|mount| needed(0, mount.digest, mount.grants, mount.limits));
    let moving = registry.swaps.iter().filter_map(|swap| match &swap.phase {
        Phase::Migrating(migration) => Some(&migration.target),
        Phase::Probation(probation) => Some(&probation.previous),
        Phase::RollingBack(_) | Phase::Frozen(_) => None,
    });
    let moving = moving.map(|next| needed(0, next.digest, next.grants, next.limits));
    let armed = registry.armed.iter().filter_map(|armed| {
        let staged = registry.staged.iter().find(|staged| staged.digest == armed.digest)?;
        Some(needed(armed.height, staged.digest, staged.grants, staged.limits))
    });
    mounted.chain(moving).chain(armed).collect()
}

/// Whether a chain only waits for an engine: then it tries again, and nothing else is wrong.
pub(crate) fn is_unready(error: &ChainError) -> bool {
    matches!(error, ChainError::Execution { error, .. } if error.unready().is_some())
}
