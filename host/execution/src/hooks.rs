//! Block hooks: what engines do before and after a block's transactions.

use caldera_engine::{EngineResult, Export};
use caldera_types::{BlockEnv, BlockSummary, Hooks, Mount, limits::HOOK_GAS};
use revm::context_interface::{ContextTr, JournalTr};

use crate::{
    error::ExecutionError,
    evm::Ctx,
    host::block_env,
    mounts::run_engine,
    registry::{self, abi::IEngineRegistry as abi},
    shadow,
};

/// Which hook runs.
#[derive(Clone, Copy)]
pub(crate) enum Hook {
    Begin,
    End(BlockSummary),
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin-block",
            Self::End(_) => "end-block",
        }
    }

    fn export(self, env: BlockEnv) -> Export<'static> {
        match self {
            Self::Begin => Export::BeginBlock { env },
            Self::End(summary) => Export::EndBlock { env, summary },
        }
    }

    fn wanted(self, hooks: Hooks) -> bool {
        match self {
            Self::Begin => hooks.begin_block,
            Self::End(_) => hooks.end_block,
        }
    }
}

/// Runs the hook of every mount that asks for it and is neither migrating nor frozen, in order of address, each with an equal share of [`HOOK_GAS`], so
/// that no engine can starve another. A hook that fails is undone. Returns the gas used.
pub(crate) fn run(ctx: &mut Ctx<'_>, hook: Hook) -> Result<u64, ExecutionError> {
    let runs = |mount: &&Mount| hook.wanted(mount.hooks) && ctx.chain.standing(mount.address).runs();
    let mounts: Vec<Mount> = ctx.chain.mounts().filter(runs).cloned().collect();
    let share = HOOK_GAS / (mounts.len() as u64).max(1);
    let mut gas_used = 0;
    shadow_alone(ctx, hook, share);
    for mount in mounts {
        gas_used += run_one(ctx, &mount, hook, share)?;
    }
    Ok(gas_used)
}

/// Runs the hook of a candidate in the shadow of an engine that has none.
fn shadow_alone(ctx: &mut Ctx<'_>, hook: Hook, gas: u64) {
    let Some(address) = ctx.chain.shadow.as_ref().map(|shadow| shadow.plan().mount) else { return };
    let Some(mount) = ctx.chain.mount(address).cloned().filter(|_| ctx.chain.standing(address).runs()) else { return };
    let export = hook.export(block_env(ctx));
    if ctx.chain.shadow.as_ref().is_some_and(|shadow| shadow.alone_has(&mount, &export)) {
        shadow::hook_of_candidate(ctx, &mount, &export, gas);
    }
}

fn run_one(ctx: &mut Ctx<'_>, mount: &Mount, hook: Hook, gas: u64) -> Result<u64, ExecutionError> {
    let export = hook.export(block_env(ctx));
    let checkpoint = ctx.journal_mut().checkpoint();
    let (outcome, _) = run_engine(ctx, mount, export, false, gas)?;
    let reason = match outcome.result {
        // `More` comes of `migrate` alone.
        EngineResult::Return(_) | EngineResult::More(_) => {
            ctx.journal_mut().checkpoint_commit();
            return Ok(outcome.gas_used);
        }
        EngineResult::Revert(message) => String::from_utf8_lossy(&message).into_owned(),
        EngineResult::Fault(fault) => fault.name().to_owned(),
    };
    ctx.journal_mut().checkpoint_revert(checkpoint);
    tracing::warn!(mount = %mount.address, hook = hook.name(), reason, "block hook failed; its writes are undone");
    registry::emit(ctx, &abi::HookFailed { mount: mount.address, hook: hook.name().to_owned(), reason });
    Ok(outcome.gas_used)
}
