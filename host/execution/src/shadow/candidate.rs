//! Running the candidate: ahead of the active engine's call, on a copy of everything that call could change.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, U256};
use caldera_engine::{EngineResult, Export};
use caldera_state::StateError;
use caldera_types::{BlockEnv, Component, Digest, Mount};
use revm::{Context, Journal, context::LocalContext, context_interface::JournalTr};

use super::{
    Shadow, StateMode,
    compare::{self, Run, cut},
    effects::{Effects, Mark},
    own::{FrozenView, Layered},
    plan::Skip,
    report::Sample,
};
use crate::{
    ComponentSource, Ground,
    block_engines::BlockEngines,
    error::ExecutionError,
    evm::{self, Ctx},
    mounts::{self, Ran},
    road,
    view_db::ViewDb,
};

/// What the candidate did, until the active engine has done it, too.
pub(crate) struct Ahead {
    run: Run,
    /// Slots that it wrote in its own storage.
    written: BTreeMap<U256, U256>,
    /// Where the active engine's changes begin.
    mark: Mark,
    export: &'static str,
    depth: usize,
    caller: Option<Address>,
    input: Bytes,
    input_bytes: usize,
}

/// Runs the candidate if this is a call to compare.
pub(crate) fn ahead(ctx: &mut Ctx<'_>, mount: &Mount, export: &Export<'_>, is_static: bool, gas: u64) -> Option<Ahead> {
    let shadow = ctx.chain.shadow.take()?;
    let ahead = shadow.ahead(ctx, mount, export, is_static, gas);
    ctx.chain.shadow = Some(shadow);
    ahead
}

/// Compares, now that the active engine has run; keeps what the candidate wrote in its own state.
pub(crate) fn after(ctx: &mut Ctx<'_>, ahead: Ahead, ran: &Ran) {
    let Some(shadow) = ctx.chain.shadow.take() else { return };
    shadow.after(ctx, ahead, ran);
    ctx.chain.shadow = Some(shadow);
}

/// Runs a hook that only the candidate asks for.
pub(crate) fn hook_of_candidate(ctx: &mut Ctx<'_>, mount: &Mount, export: &Export<'_>, gas: u64) {
    if let Some(ahead) = ahead(ctx, mount, export, false, gas) {
        let Run { outcome, subcalls, .. } = Run::nothing();
        after(ctx, ahead, &Ran { outcome, refund: 0, subcalls });
    }
}

impl Shadow {
    fn ahead(&mut self, ctx: &Ctx<'_>, mount: &Mount, export: &Export<'_>, is_static: bool, gas: u64) -> Option<Ahead> {
        let (name, caller, input): (_, _, &[u8]) = match export {
            Export::Call { env, input } => ("call", Some(env.caller), *input),
            Export::BeginBlock { .. } => ("begin-block", None, &[]),
            Export::EndBlock { .. } => ("end-block", None, &[]),
            // Not what a candidate does in the place of the active engine.
            _ => return None,
        };
        if mount.address != self.plan.mount {
            return None;
        }
        if (mount.digest, mount.generation) != (self.active.digest, self.active.generation) {
            return None;
        }
        if !ctx.chain.standing(mount.address).runs() {
            self.report.skip(Skip::Migrating, 1);
            return None;
        }
        if let Some(why) = self.leaves_out() {
            self.report.skip(why, 1);
            return None;
        }
        let run = match self.has(name) {
            false => Ok((Run::nothing(), BTreeMap::new())),
            true => self.run(ctx, mount, *export, is_static, gas),
        };
        let (run, written) = match run {
            Ok(run) => run,
            Err(error) => {
                self.fail(&error);
                return None;
            }
        };
        self.running += 1;
        Some(Ahead {
            run,
            written,
            mark: Mark::end(&ctx.journaled_state.inner),
            export: name,
            depth: ctx.journaled_state.depth(),
            caller,
            input: cut(input, self.limits.sample_bytes),
            input_bytes: input.len(),
        })
    }

    /// Why the next call is not compared, if it is not.
    fn leaves_out(&mut self) -> Option<Skip> {
        if self.mode == StateMode::Copy && self.running > 0 {
            return Some(Skip::Reentrant);
        }
        if self.wants_copy() {
            return Some(Skip::OutOfStep);
        }
        let why = self.gate.skips()?;
        self.lose_step();
        Some(why)
    }

    fn has(&self, export: &str) -> bool {
        match export {
            "begin-block" => self.plan.target.hooks.begin_block,
            "end-block" => self.plan.target.hooks.end_block,
            _ => true,
        }
    }

    /// Whether the candidate asks for this hook and the active engine does not.
    pub(crate) fn alone_has(&self, active: &Mount, export: &Export<'_>) -> bool {
        active.address == self.plan.mount
            && match export {
                Export::BeginBlock { .. } => self.plan.target.hooks.begin_block && !active.hooks.begin_block,
                Export::EndBlock { .. } => self.plan.target.hooks.end_block && !active.hooks.end_block,
                _ => false,
            }
    }

    /// Runs the candidate on a copy of the context.
    fn run(
        &mut self,
        ctx: &Ctx<'_>,
        mount: &Mount,
        export: Export<'_>,
        is_static: bool,
        gas: u64,
    ) -> Result<(Run, BTreeMap<U256, U256>), ExecutionError> {
        let mut journal = ctx.journaled_state.inner.clone();
        (journal.journal, journal.logs) = Default::default();
        if let Some(own) = &self.own {
            own.enter(mount.address, &mut journal);
        }
        let view =
            Layered { db: &ctx.journaled_state.database, own: self.own.as_ref().map(|own| (mount.address, own)) };
        let components = WithCandidate { chain: ctx.chain.ground().components, candidate: &self.plan.component };
        let ground = Ground { view: &view, components: &components, engines: ctx.chain.ground().engines };
        let candidate = self.plan.target.mounted(mount.address, mount.generation + 1);
        let mut copy = Context {
            block: ctx.block.clone(),
            tx: ctx.tx.clone(),
            cfg: ctx.cfg.clone(),
            journaled_state: Journal::new_with_inner(ViewDb::new(&view), journal),
            chain: ctx.chain.copy_with(ground, candidate.clone()),
            local: LocalContext::default(),
            error: Ok(()),
        };
        let Ran { outcome, subcalls, .. } = mounts::run(&mut copy, &candidate, export, is_static, gas, true)?;
        let journal = copy.journaled_state.inner;
        let kept = matches!(outcome.result, EngineResult::Return(_));
        let mut effects = if kept { Effects::since(Mark::default(), &journal) } else { Effects::default() };
        let mut written = BTreeMap::new();
        if let Some(own) = &mut self.own {
            own.leave(mount.address, &journal);
            written = effects.take_storage(mount.address);
        }
        Ok((Run { outcome, effects, subcalls }, written))
    }

    fn after(&mut self, ctx: &mut Ctx<'_>, ahead: Ahead, ran: &Ran) {
        self.running = self.running.saturating_sub(1);
        let kept = matches!(ran.outcome.result, EngineResult::Return(_));
        let journal = &ctx.journaled_state.inner;
        let mut effects = if kept { Effects::since(ahead.mark, journal) } else { Effects::default() };
        if self.mode == StateMode::Copy {
            effects.take_storage(self.plan.mount);
        }
        let active = Run { outcome: ran.outcome.clone(), effects, subcalls: ran.subcalls.clone() };
        let candidate = &ahead.run;
        let found = compare::divergences(self.plan.mount, &active, candidate, self.limits);
        let (bytes, block, transaction) = (self.limits.sample_bytes, self.block, self.transaction);
        self.report.fuel.add(active.outcome.fuel_used, candidate.outcome.fuel_used);
        self.report.call(found, self.limits, |kind, detail| Sample {
            kind,
            detail,
            block,
            transaction,
            export: ahead.export,
            depth: ahead.depth,
            caller: ahead.caller,
            input: ahead.input.clone(),
            input_bytes: ahead.input_bytes,
            active: active.ending(bytes),
            candidate: candidate.ending(bytes),
        });
        if let Some(own) = &mut self.own
            && let Err(error) = own.note(ctx, ahead.written)
        {
            self.fail(&error);
        }
    }
}

/// The chain's components and the candidate, which the chain may not know.
struct WithCandidate<'c> {
    chain: &'c dyn ComponentSource,
    candidate: &'c Component,
}

impl ComponentSource for WithCandidate<'_> {
    fn component(&self, digest: Digest) -> Result<Option<Component>, StateError> {
        if digest == self.candidate.digest() { Ok(Some(self.candidate.clone())) } else { self.chain.component(digest) }
    }
}

/// Moves the engine's storage at `base` to the candidate's layout and configuration, as an activation would; gives the slots
/// that this wrote, or why it failed.
pub(super) fn rehearsed(
    shadow: &Shadow,
    ground: Ground<'_>,
    env: &BlockEnv,
    base: &FrozenView,
) -> Result<Result<BTreeMap<U256, U256>, String>, ExecutionError> {
    let components = WithCandidate { chain: ground.components, candidate: &shadow.plan.component };
    let ground = Ground { view: base, components: &components, ..ground };
    let mut ctx = evm::context(env, ViewDb::new(base), BlockEngines::load(ground, &env.rules)?);
    let mount = shadow.plan.mount;
    if let Err(why) = road::rehearse(&mut ctx, mount, shadow.plan.target.clone(), env.number)? {
        return Ok(Err(why));
    }
    let diff = ctx.journaled_state.database.into_diff();
    Ok(Ok(diff.accounts.get(&mount).map(|changed| changed.storage.clone()).unwrap_or_default()))
}
