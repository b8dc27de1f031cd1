//! The road of a swap within a block: what the chain itself does to its mounts before the first transaction.
//!
//! In this order: probations are judged ([`probation`]), what is due goes live ([`activate`]), a migration over several
//! blocks takes its next step ([`migrate`]), and old values that nobody needs are dropped ([`old_values`]). Only one of
//! these may run an engine's code in a block (the *heavy* act), with at most
//! [`ACTIVATION_GAS`](caldera_types::limits::ACTIVATION_GAS); what finds the block taken waits for the next. So a block
//! is never longer than its gas limit says, and every node does the same at the same height.

mod activate;
mod migrate;
mod old_values;
mod probation;
mod rehearse;
mod step;

use alloy_primitives::Address;
use caldera_engine::{GasMeter, HostError};
use caldera_types::{Digest, LastSwap, Migration, Outcome, Phase, RollBack};
use revm::context_interface::{ContextTr, JournalTr};

pub(crate) use activate::run_genesis;
pub(crate) use old_values::{OldValues, read_old, remember};
pub(crate) use probation::count;
pub(crate) use rehearse::rehearse;

use crate::{
    error::ExecutionError,
    evm::Ctx,
    registry::{self, entries},
    slots::Slots,
};

/// The chain's own turn in one block.
struct Turn {
    number: u64,
    gas_used: u64,
    /// Whether an engine's code already ran for a swap in this block.
    heavy: bool,
}

/// Does what is due at block `number`. Returns the gas that the engines used.
pub(crate) fn run(ctx: &mut Ctx<'_>, number: u64) -> Result<u64, ExecutionError> {
    let mut turn = Turn { number, gas_used: 0, heavy: false };
    probation::judge(ctx, &mut turn)?;
    activate::due(ctx, &mut turn)?;
    if !turn.heavy {
        migrate::go_on(ctx, &mut turn)?;
    }
    if !turn.heavy {
        old_values::sweep(ctx, &mut turn)?;
    }
    Ok(turn.gas_used)
}

/// Why a step of the road did not happen.
enum Refusal {
    /// The engine's or the governor's doing: an event says so and the block goes on.
    Said(String),
    /// This node's own failure.
    Node(ExecutionError),
}

impl From<ExecutionError> for Refusal {
    fn from(error: ExecutionError) -> Self {
        Self::Node(error)
    }
}

impl From<HostError> for Refusal {
    fn from(error: HostError) -> Self {
        Self::Node(node_fault(error))
    }
}

/// The registry works here with gas without end, so its errors are this node's.
fn node_fault(error: HostError) -> ExecutionError {
    ExecutionError::Evm(error.to_string())
}

/// Runs `act` on the registry's own storage without a charge: the chain itself is acting.
pub(crate) fn as_system<T>(
    ctx: &mut Ctx<'_>,
    act: impl FnOnce(&mut Slots<'_, '_>) -> Result<T, HostError>,
) -> Result<T, ExecutionError> {
    metered(ctx, registry::ADDRESS, act).map(|(done, _)| done)
}

/// Runs `act` on an account's storage and tells what it would have cost.
fn metered<T>(
    ctx: &mut Ctx<'_>,
    account: Address,
    act: impl FnOnce(&mut Slots<'_, '_>) -> Result<T, HostError>,
) -> Result<(T, u64), ExecutionError> {
    ctx.journal_mut().load_account(account).map_err(|e| ExecutionError::Evm(e.to_string()))?;
    let (mut gas, mut refund) = (GasMeter::new(u64::MAX), 0);
    let done = act(&mut Slots { ctx, account, gas: &mut gas, refund: &mut refund }).map_err(node_fault)?;
    Ok((done, gas.used()))
}

/// Writes where a mount stands, in the registry and for the rest of this block.
fn put_phase(ctx: &mut Ctx<'_>, mount: Address, phase: Option<Phase>) -> Result<(), ExecutionError> {
    as_system(ctx, |slots| entries::put_phase(slots, mount, phase.as_ref()))?;
    ctx.chain.set_phase(mount, phase);
    Ok(())
}

/// Writes how a swap ended.
fn end(ctx: &mut Ctx<'_>, turn: &Turn, mount: Address, digest: Digest, outcome: Outcome) -> Result<(), ExecutionError> {
    let last = LastSwap { digest, outcome, height: turn.number };
    as_system(ctx, |slots| entries::put_last_swap(slots, mount, &last))
}

/// What a migration that ends without success becomes.
pub(crate) fn roll_back(migration: Migration) -> Phase {
    Phase::RollingBack(RollBack {
        digest: migration.target.digest,
        since: migration.since,
        left: migration.kept,
        frozen: migration.frozen,
    })
}
