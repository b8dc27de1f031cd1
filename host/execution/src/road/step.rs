//! One step of moving a pointer: the code that has to run between two generations, and the move itself.
//!
//! The code with the greater state version migrates, up and down, because only it can know both layouts.

use alloy_primitives::{Address, Bytes};
use caldera_engine::{EngineResult, Export};
use caldera_types::{
    Cause, Generation, Migration, Mount, Outcome, Phase, Probation,
    limits::{ACTIVATION_GAS, MAX_MIGRATION_STEPS},
};
use revm::context_interface::{ContextTr, JournalTr, journaled_state::account::JournaledAccountTr};

use super::{OldValues, Refusal, Turn, as_system, end, old_values, put_phase};
use crate::{
    error::ExecutionError,
    evm::Ctx,
    mounts::run_engine,
    registry::{self, Kept, abi::IEngineRegistry as abi, commands::set_engine_code, entries},
};

/// How far a step came.
pub(super) enum Reached {
    /// The pointer can move.
    End,
    /// Another step is needed, in a later block.
    Next,
}

/// Whether moving from `before` to `target` runs an engine's code.
pub(super) fn is_heavy(before: Option<&Mount>, target: &Generation) -> bool {
    before.is_none_or(|mount| mount.state_version != target.state_version || mount.config != target.config)
}

/// Runs one step of `migration` on the journal. Whoever calls undoes it when it is refused.
pub(super) fn run(
    ctx: &mut Ctx<'_>,
    mount: Address,
    before: Option<&Mount>,
    migration: &mut Migration,
) -> Result<Reached, Refusal> {
    let next = migration.target.mounted(mount, next_generation(before));
    // Even if none of its code runs now: a node that cannot run it stops before the pointer moves, not at a later call.
    ctx.chain.ensure_ready(next.digest, next.grants, &next.limits)?;
    let mut gas = Budget { left: ACTIVATION_GAS, used: 0 };
    let reached = match before {
        None => {
            set_engine_code(ctx, mount, next.digest)?;
            open_account(ctx, mount)?;
            gas.finish(ctx, &next, Export::Init { config: &next.config })?;
            Reached::End
        }
        Some(before) => {
            let reached = match before.state_version == next.state_version {
                true => Reached::End,
                false => migrate(ctx, before, &next, migration, &mut gas)?,
            };
            if matches!(reached, Reached::End) && before.config != next.config {
                gas.finish(ctx, &next, Export::Configure { config: &next.config })?;
            }
            reached
        }
    };
    migration.steps += 1;
    migration.gas_used += gas.used;
    Ok(reached)
}

/// Gas of one step.
struct Budget {
    left: u64,
    used: u64,
}

impl Budget {
    fn run(&mut self, ctx: &mut Ctx<'_>, mount: &Mount, export: Export<'_>) -> Result<EngineResult, Refusal> {
        let (outcome, _) = run_engine(ctx, mount, export, false, self.left)?;
        self.used += outcome.gas_used;
        self.left -= outcome.gas_used.min(self.left);
        match outcome.result {
            EngineResult::Revert(message) => Err(Refusal::Said(String::from_utf8_lossy(&message).into_owned())),
            EngineResult::Fault(fault) => Err(Refusal::Said(fault.name().to_owned())),
            result => Ok(result),
        }
    }

    /// Runs an export that is done when it returns.
    fn finish(&mut self, ctx: &mut Ctx<'_>, mount: &Mount, export: Export<'_>) -> Result<(), Refusal> {
        self.run(ctx, mount, export).map(drop)
    }
}

/// Runs one step of the engine's own migration; what it overwrites is kept, so that reads and a failure find it.
fn migrate(
    ctx: &mut Ctx<'_>,
    before: &Mount,
    next: &Mount,
    migration: &mut Migration,
    gas: &mut Budget,
) -> Result<Reached, Refusal> {
    if migration.steps >= MAX_MIGRATION_STEPS {
        return Err(Refusal::Said(format!("the migration is not done after {MAX_MIGRATION_STEPS} steps")));
    }
    let code = if next.state_version > before.state_version { next } else { before };
    let cursor = migration.cursor.clone();
    ctx.chain.old_values = Some(OldValues::new(before.address, migration.since, migration.kept));
    let export = Export::Migrate { from: before.state_version, to: next.state_version, cursor: &cursor };
    let result = gas.run(ctx, code, export);
    let overwritten = ctx.chain.old_values.take();
    let EngineResult::More(progress) = result? else { return Ok(Reached::End) };
    if progress.cursor.is_empty() {
        return Err(Refusal::Said("the migration wants another step but gives no cursor".to_owned()));
    }
    if let Some(overwritten) = overwritten {
        migration.kept = old_values::keep(ctx, overwritten)?;
    }
    migration.cursor = Bytes::from(progress.cursor);
    (migration.done, migration.total) = (progress.done, progress.total);
    Ok(Reached::Next)
}

/// An engine's account has nonce 1 like a contract's, so that it is never empty (EIP-161).
fn open_account(ctx: &mut Ctx<'_>, mount: Address) -> Result<(), ExecutionError> {
    let mut account = ctx.journal_mut().load_account_mut(mount).map_err(|e| ExecutionError::Evm(e.to_string()))?;
    if account.data.nonce() == 0 {
        account.data.bump_nonce();
    }
    ctx.journal_mut().touch_account(mount);
    Ok(())
}

fn next_generation(before: Option<&Mount>) -> u32 {
    before.map_or(0, |mount| mount.generation) + 1
}

/// Moves the pointer, tells so, and sets what comes after: probation, or nothing.
pub(super) fn arrive(
    ctx: &mut Ctx<'_>,
    turn: &Turn,
    mount: Address,
    before: Option<&Mount>,
    migration: &Migration,
) -> Result<(), ExecutionError> {
    let next = migration.target.mounted(mount, next_generation(before));
    set_engine_code(ctx, mount, next.digest).map_err(super::node_fault)?;
    as_system(ctx, |slots| entries::put_mount(slots, &next))?;
    if migration.kept > 0 {
        let kept = Kept { mount, since: migration.since, left: migration.kept };
        as_system(ctx, |slots| {
            let mut garbage = entries::garbage(slots)?;
            garbage.push(kept);
            entries::put_garbage(slots, &garbage)
        })?;
    }
    let phase = before.filter(|_| !migration.rule.is_none()).map(|before| {
        Phase::Probation(Probation {
            previous: Generation::from(before),
            rule: migration.rule,
            since: turn.number,
            until: turn.number.saturating_add(migration.rule.blocks),
            window_since: turn.number,
            calls: 0,
            faults: 0,
        })
    });
    match migration.cause {
        Cause::Armed if phase.is_none() => end(ctx, turn, mount, next.digest, Outcome::Final)?,
        // How it ends is told by its probation.
        Cause::Armed => {}
        Cause::Reverted => {
            let left = before.map_or(next.digest, |mount| mount.digest);
            end(ctx, turn, mount, left, Outcome::Reverted)?;
        }
    }
    put_phase(ctx, mount, phase)?;
    tell(ctx, before, &next, migration);
    ctx.chain.put(next);
    let warm = ctx.chain.warm_addresses().clone();
    ctx.journal_mut().warm_precompiles(&warm);
    Ok(())
}

fn tell(ctx: &mut Ctx<'_>, before: Option<&Mount>, next: &Mount, migration: &Migration) {
    let (mount, digest, generation) = (next.address, next.digest, next.generation);
    match migration.cause {
        Cause::Armed => {
            tracing::info!(%mount, %digest, generation, "engine activated");
            let event = abi::Activated {
                mount,
                digest: digest.0,
                generation,
                fromStateVersion: before.map_or(next.state_version, |mount| mount.state_version),
                toStateVersion: next.state_version,
                gasUsed: migration.gas_used,
            };
            registry::emit(ctx, &event);
        }
        Cause::Reverted => {
            let reason = migration.reason.clone();
            tracing::warn!(%mount, %digest, generation, reason, "engine went back to the generation before");
            let from = before.map(|mount| mount.digest.0).unwrap_or_default();
            registry::emit(ctx, &abi::Reverted { mount, from, to: digest.0, generation, reason });
        }
    }
}
