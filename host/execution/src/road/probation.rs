//! Probation: a generation goes back by the rule that was armed with it, on every node at the same height.
//!
//! What was written in probation stays: the generation before goes on from the state as it then is. If the layout
//! changed, the newer code migrates it down first; if it cannot, the mount is frozen.

use caldera_types::{Cause, Mount, Outcome, Phase, Probation};
use revm::context_interface::{ContextTr, JournalTr};

use super::{Refusal, Turn, activate, end, migrate, put_phase, step};
use crate::{
    error::ExecutionError,
    evm::Ctx,
    registry::{self, abi::IEngineRegistry as abi},
};

/// Judges every mount on probation by what its engine did up to the block before.
pub(super) fn judge(ctx: &mut Ctx<'_>, turn: &mut Turn) -> Result<(), ExecutionError> {
    let on_trial: Vec<_> = ctx
        .chain
        .phases()
        .filter_map(|(address, phase)| match phase {
            Phase::Probation(probation) => Some((address, probation.clone())),
            _ => None,
        })
        .collect();
    for (address, probation) in on_trial {
        let Some(mount) = ctx.chain.mount(address).cloned() else { continue };
        if probation.rule.trips(probation.calls, probation.faults) {
            go_back(ctx, turn, &mount, probation)?;
        } else if turn.number >= probation.until {
            let (digest, generation) = (mount.digest, mount.generation);
            tracing::info!(mount = %address, %digest, generation, "engine passed its probation");
            registry::emit(ctx, &abi::Finalized { mount: address, digest: digest.0, generation });
            end(ctx, turn, address, digest, Outcome::Final)?;
            put_phase(ctx, address, None)?;
        } else if probation.rule.window > 0 && turn.number - probation.window_since >= probation.rule.window {
            let next = Probation { window_since: turn.number, calls: 0, faults: 0, ..probation };
            put_phase(ctx, address, Some(Phase::Probation(next)))?;
        }
    }
    Ok(())
}

fn go_back(ctx: &mut Ctx<'_>, turn: &mut Turn, mount: &Mount, probation: Probation) -> Result<(), ExecutionError> {
    let heavy = step::is_heavy(Some(mount), &probation.previous);
    let mut migration = activate::begin(probation.previous, Cause::Reverted, turn.number, None);
    migration.reason =
        format!("{} faults in {} calls since block {}", probation.faults, probation.calls, probation.window_since);
    if heavy && turn.heavy {
        // Another mount's code runs in this block: this one waits, and answers reads only.
        return put_phase(ctx, mount.address, Some(Phase::Migrating(migration)));
    }
    turn.heavy |= heavy;
    let checkpoint = ctx.journal_mut().checkpoint();
    match activate::first_step(ctx, turn, mount.address, Some(mount), migration.clone()) {
        Ok(()) => {
            ctx.journal_mut().checkpoint_commit();
            Ok(())
        }
        Err(Refusal::Said(reason)) => {
            ctx.journal_mut().checkpoint_revert(checkpoint);
            turn.gas_used += caldera_types::limits::ACTIVATION_GAS;
            migrate::fail(ctx, turn, mount.address, migration, reason)
        }
        Err(Refusal::Node(error)) => Err(error),
    }
}

/// Writes what the engines on probation did in this block, for the judgement at the begin of the next.
pub(crate) fn count(ctx: &mut Ctx<'_>) -> Result<(), ExecutionError> {
    for (mount, tally) in ctx.chain.take_tallies() {
        if let Some(Phase::Probation(mut probation)) = ctx.chain.phase(mount).cloned() {
            probation.calls = probation.calls.saturating_add(tally.calls);
            probation.faults = probation.faults.saturating_add(tally.faults);
            put_phase(ctx, mount, Some(Phase::Probation(probation)))?;
        }
    }
    Ok(())
}
