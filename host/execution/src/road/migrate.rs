//! Migrations that take more than one block.
//!
//! While one runs, the mount answers from its old generation and the state as it was at the height where the migration
//! began; calls that would write revert. A step that fails undoes itself, and then what the steps before it wrote is
//! restored from the values that were kept, over as many blocks as that takes.

use alloy_primitives::Address;
use caldera_types::{Cause, Freeze, Migration, Outcome, Phase, RollBack, limits::ACTIVATION_GAS};
use revm::context_interface::{ContextTr, JournalTr};

use super::{Refusal, Turn, end, old_values, put_phase, roll_back, step};
use crate::{
    error::ExecutionError,
    evm::Ctx,
    registry::{self, abi::IEngineRegistry as abi},
};

/// Takes one step of the oldest migration or roll-back there is.
pub(super) fn go_on(ctx: &mut Ctx<'_>, turn: &mut Turn) -> Result<(), ExecutionError> {
    let oldest = ctx.chain.phases().filter_map(|(mount, phase)| Some((phase.rewritten_since()?, mount))).min();
    let Some((_, mount)) = oldest else { return Ok(()) };
    match ctx.chain.phase(mount).cloned() {
        Some(Phase::Migrating(migration)) => next_step(ctx, turn, mount, migration),
        Some(Phase::RollingBack(back)) => restore(ctx, turn, mount, back),
        _ => Ok(()),
    }
}

/// Writes a migration that goes on in a later block.
pub(super) fn wait(ctx: &mut Ctx<'_>, mount: Address, migration: Migration) -> Result<(), ExecutionError> {
    let event = abi::MigrationProgress {
        mount,
        digest: migration.target.digest.0,
        step: migration.steps,
        done: migration.done,
        total: migration.total,
    };
    registry::emit(ctx, &event);
    put_phase(ctx, mount, Some(Phase::Migrating(migration)))
}

fn next_step(ctx: &mut Ctx<'_>, turn: &mut Turn, mount: Address, before: Migration) -> Result<(), ExecutionError> {
    turn.heavy = true;
    let old = ctx.chain.mount(mount).cloned();
    let mut migration = before.clone();
    let checkpoint = ctx.journal_mut().checkpoint();
    match step::run(ctx, mount, old.as_ref(), &mut migration) {
        Ok(reached) => {
            turn.gas_used += migration.gas_used - before.gas_used;
            match reached {
                step::Reached::End => step::arrive(ctx, turn, mount, old.as_ref(), &migration)?,
                step::Reached::Next => wait(ctx, mount, migration)?,
            }
            ctx.journal_mut().checkpoint_commit();
            Ok(())
        }
        Err(Refusal::Said(reason)) => {
            ctx.journal_mut().checkpoint_revert(checkpoint);
            turn.gas_used += ACTIVATION_GAS;
            fail(ctx, turn, mount, before, reason)
        }
        Err(Refusal::Node(error)) => Err(error),
    }
}

/// Ends a migration by `reason`: one that the governor armed leaves the old generation, one that was to go back freezes.
pub(super) fn fail(
    ctx: &mut Ctx<'_>,
    turn: &Turn,
    mount: Address,
    mut migration: Migration,
    reason: String,
) -> Result<(), ExecutionError> {
    let digest = migration.target.digest;
    match migration.cause {
        Cause::Armed => {
            tracing::warn!(%mount, %digest, reason, "migration failed; what it wrote is being undone");
            registry::emit(ctx, &abi::ActivationFailed { mount, digest: digest.0, reason });
            end(ctx, turn, mount, digest, Outcome::Failed)?;
        }
        Cause::Reverted => {
            let stands = ctx.chain.mount(mount).map(|mount| mount.digest).unwrap_or_default();
            let reason = format!("{}; and the way back failed: {reason}", migration.reason);
            tracing::error!(%mount, digest = %stands, reason, "engine frozen until the governor activates another");
            registry::emit(ctx, &abi::Frozen { mount, digest: stands.0, reason: reason.clone() });
            end(ctx, turn, mount, stands, Outcome::Frozen)?;
            migration.frozen = Some(Freeze { since: turn.number, reason });
        }
    }
    match migration.kept {
        0 => put_phase(ctx, mount, migration.frozen.map(Phase::Frozen)),
        _ => put_phase(ctx, mount, Some(roll_back(migration))),
    }
}

/// Restores old values until the block's share of gas is used up.
fn restore(ctx: &mut Ctx<'_>, turn: &mut Turn, mount: Address, mut back: RollBack) -> Result<(), ExecutionError> {
    turn.heavy = true;
    let mut gas = 0;
    while back.left > 0 && gas < ACTIVATION_GAS {
        back.left -= 1;
        gas += old_values::restore(ctx, mount, back.since, back.left)?;
    }
    turn.gas_used += gas;
    if back.left > 0 {
        return put_phase(ctx, mount, Some(Phase::RollingBack(back)));
    }
    registry::emit(ctx, &abi::RolledBack { mount, digest: back.digest.0 });
    put_phase(ctx, mount, back.frozen.map(Phase::Frozen))
}
