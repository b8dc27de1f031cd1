//! Moving a pointer: what is due at a height goes live before the first transaction, or nothing changes.

use alloy_primitives::{Address, Bytes};
use caldera_types::{Cause, Freeze, Generation, Migration, Mount, Outcome, Phase, limits::ACTIVATION_GAS};
use revm::context_interface::{ContextTr, JournalTr};

use super::{Refusal, Turn, as_system, end, put_phase, step};
use crate::{
    error::ExecutionError,
    evm::Ctx,
    registry::{self, Armed, abi::IEngineRegistry as abi, commands::is_free, entries},
};

/// Activates what is due. What finds its mount or the block taken stays armed for the next block.
pub(super) fn due(ctx: &mut Ctx<'_>, turn: &mut Turn) -> Result<(), ExecutionError> {
    let armed = as_system(ctx, |slots| entries::armed(slots))?;
    let number = turn.number;
    for entry in armed.iter().filter(|entry| entry.height <= number) {
        if is_taken(ctx, turn, entry)? {
            continue;
        }
        as_system(ctx, |slots| {
            let rest: Vec<_> = entries::armed(slots)?.into_iter().filter(|other| other.mount != entry.mount).collect();
            entries::put_armed(slots, &rest)
        })?;
        activate(ctx, turn, entry)?;
    }
    Ok(())
}

/// Whether this activation has to wait: its mount migrates, or it would run code in a block where code already ran.
fn is_taken(ctx: &mut Ctx<'_>, turn: &Turn, armed: &Armed) -> Result<bool, ExecutionError> {
    if matches!(ctx.chain.phase(armed.mount), Some(Phase::Migrating(_) | Phase::RollingBack(_))) {
        return Ok(true);
    }
    if !turn.heavy {
        return Ok(false);
    }
    let before = ctx.chain.mount(armed.mount).cloned();
    let target = target(ctx, armed, before.as_ref())?;
    Ok(target.is_some_and(|target| step::is_heavy(before.as_ref(), &target)))
}

/// The generation that an armed entry makes, if its component is staged.
fn target(ctx: &mut Ctx<'_>, armed: &Armed, before: Option<&Mount>) -> Result<Option<Generation>, ExecutionError> {
    let config = match before {
        Some(mount) if armed.config.is_empty() => mount.config.clone(),
        _ => armed.config.clone(),
    };
    let staged = as_system(ctx, |slots| entries::staged(slots, armed.digest))?;
    Ok(staged.map(|staged| staged.generation(config)))
}

fn activate(ctx: &mut Ctx<'_>, turn: &mut Turn, armed: &Armed) -> Result<(), ExecutionError> {
    let (mount, digest) = (armed.mount, armed.digest);
    let before = ctx.chain.mount(mount).cloned();
    let phase = ctx.chain.phase(mount).cloned();
    let checkpoint = ctx.journal_mut().checkpoint();
    match attempt(ctx, turn, armed, before.as_ref(), phase.as_ref()) {
        Ok(()) => {
            ctx.journal_mut().checkpoint_commit();
            Ok(())
        }
        Err(Refusal::Said(reason)) => {
            ctx.journal_mut().checkpoint_revert(checkpoint);
            ctx.chain.set_phase(mount, phase);
            tracing::warn!(%mount, %digest, reason, "activation failed; the old engine stays");
            registry::emit(ctx, &abi::ActivationFailed { mount, digest: digest.0, reason });
            end(ctx, turn, mount, digest, Outcome::Failed)?;
            turn.gas_used += ACTIVATION_GAS;
            Ok(())
        }
        Err(Refusal::Node(error)) => Err(error),
    }
}

fn attempt(
    ctx: &mut Ctx<'_>,
    turn: &mut Turn,
    armed: &Armed,
    before: Option<&Mount>,
    phase: Option<&Phase>,
) -> Result<(), Refusal> {
    let mount = armed.mount;
    let target = target(ctx, armed, before)?.ok_or_else(|| Refusal::Said("the digest is not staged".to_owned()))?;
    if before.is_none() && !is_free(ctx, mount)? {
        return Err(Refusal::Said("the address has come to hold other code".to_owned()));
    }
    turn.heavy |= step::is_heavy(before, &target);
    let frozen = match phase {
        Some(Phase::Frozen(freeze)) => Some(freeze.clone()),
        _ => None,
    };
    if let (Some(Phase::Probation(_)), Some(before)) = (phase, before) {
        registry::emit(ctx, &abi::Finalized { mount, digest: before.digest.0, generation: before.generation });
        end(ctx, turn, mount, before.digest, Outcome::Final)?;
    }
    let mut migration = begin(target, Cause::Armed, turn.number, frozen);
    migration.rule = armed.probation;
    first_step(ctx, turn, mount, before, migration)
}

/// A migration that has not taken a step.
pub(super) fn begin(target: Generation, cause: Cause, since: u64, frozen: Option<Freeze>) -> Migration {
    Migration {
        target,
        cause,
        reason: String::new(),
        rule: caldera_types::ProbationRule::NONE,
        frozen,
        since,
        steps: 0,
        cursor: Bytes::new(),
        done: 0,
        total: 0,
        kept: 0,
        gas_used: 0,
    }
}

/// Takes the first step; it ends here, or the mount is migrating from now on.
pub(super) fn first_step(
    ctx: &mut Ctx<'_>,
    turn: &mut Turn,
    mount: Address,
    before: Option<&Mount>,
    mut migration: Migration,
) -> Result<(), Refusal> {
    // Whoever is called by the engine and calls it back meets a mount that migrates.
    if before.is_some() {
        ctx.chain.set_phase(mount, Some(Phase::Migrating(migration.clone())));
    }
    let reached = step::run(ctx, mount, before, &mut migration)?;
    turn.gas_used += migration.gas_used;
    match reached {
        step::Reached::End => step::arrive(ctx, turn, mount, before, &migration)?,
        step::Reached::Next => super::migrate::wait(ctx, mount, migration)?,
    }
    Ok(())
}

/// Mounts a staged component in the genesis block. A refusal is the configuration's fault.
pub(crate) fn run_genesis(ctx: &mut Ctx<'_>, armed: &Armed) -> Result<(), ExecutionError> {
    let mut turn = Turn { number: 0, gas_used: 0, heavy: false };
    match attempt(ctx, &mut turn, armed, None, None) {
        // Logs of a genesis have no transaction to stand in; the caller drops them.
        Ok(()) => put_phase(ctx, armed.mount, None),
        Err(Refusal::Said(why)) => Err(ExecutionError::Genesis { address: armed.mount, why }),
        Err(Refusal::Node(error)) => Err(error),
    }
}
