//! No block waits for a compiler: what a transaction stages is compiled before the builder takes the transaction, and what
//! is armed before its height comes.
//!
//! Whose transactions cause compiling: the governor's, and everybody's while a contract governs. A stranger's sidecar is
//! not offered to the block, so staging it there fails without anybody having compiled it.

use alloy_primitives::Address;
use caldera_engine::{CompileState, Engines, Lane};
use caldera_execution::{ExecutionError, Ground, registry};
use caldera_types::{Component, Digest};

use crate::{chain::Chain, error::ChainError, executed::ExecutedBlock, pool::PooledTx, source::LoggedComponents};

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
                CompileState::Absent => {
                    self.engines.prepare(component, Lane::Pool);
                    gate = Gate::Wait;
                }
                CompileState::Failed { why } => {
                    return Gate::Closed(format!("{} was not compiled on this node: {why}", component.digest()));
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

    /// After a block in which the registry said something: begins to compile what may go live or come back.
    pub(crate) fn compile_due(&self, block: &ExecutedBlock) {
        let mut logs = block.receipts.iter().flat_map(|receipt| receipt.logs());
        if self.engines.compiles_aside() && logs.any(|log| log.address == registry::ADDRESS) {
            self.compile_armed();
        }
    }

    /// Begins to compile what is armed, what is on its way and what a probation would bring back.
    pub(crate) fn compile_armed(&self) {
        let Ok(registry) = self.registry() else { return };
        let armed = registry.armed.iter().map(|armed| armed.digest);
        let moving = registry.swaps.iter().filter_map(|swap| match &swap.phase {
            caldera_types::Phase::Migrating(migration) => Some(migration.target.digest),
            caldera_types::Phase::Probation(probation) => Some(probation.previous.digest),
            caldera_types::Phase::RollingBack(_) | caldera_types::Phase::Frozen(_) => None,
        });
        for digest in armed.chain(moving) {
            if let Some(component) = self.absent(digest) {
                self.engines.prepare(&component, Lane::Armed);
            }
        }
    }

    /// The bytes of a component that nobody here has compiled since the node started.
    fn absent(&self, digest: Digest) -> Option<Component> {
        let is_absent =
            matches!(self.engines.compile_state(digest), CompileState::Absent | CompileState::Failed { .. });
        is_absent.then(|| self.state.component(digest).ok().flatten()).flatten()
    }
}

/// Whether a chain only waits for an engine: then it tries again, and nothing else is wrong.
pub(crate) fn is_unready(error: &ChainError) -> bool {
    match error {
        ChainError::Execution { error: ExecutionError::Engine(error), .. } => error.is_unready(),
        ChainError::Execution { error: ExecutionError::MissingComponent(_), .. } => true,
        _ => false,
    }
}
