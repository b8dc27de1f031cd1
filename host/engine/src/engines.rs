//! The components that this node has ready: checked, compiled, linked under their grants and asked what they are.

use std::sync::Arc;

use caldera_types::{Component, Digest, EngineLimits, Fault, Grants, metering};
use wasmtime::component::InstancePre;

use crate::{
    call::{CallOutcome, CallUnit, Description},
    checks,
    compile::{
        Artifacts, CompileOptions, CompileState, CompileStats, Ended, Jobs, Lane, Loaded, Queues, Task, Turn, Work,
    },
    config::{self, EngineOptions, PAGE_BYTES},
    error::{EngineError, Rejection, StageError},
    exports::Exports,
    fault::{Stop, stop_of},
    guest::Guest,
    imports,
    observer::{Timer, Watching},
    port::EngineHost,
    run::{self, WarmInstance},
    slots::SmallSlots,
    staged::Staged,
};

/// Everything that runs engines. Cheap to clone; clones share what is staged.
#[derive(Clone)]
pub struct Engines(Arc<Inner>, pub(crate) Watching, Patience);

/// Whether who stages a component can wait for the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    Waits,
    Never,
}

struct Inner {
    small: SmallSlots,
    artifacts: Artifacts,
    staged: Staged<Compiled, Ready>,
    jobs: Jobs<Compiled>,
    queues: Queues,
}

/// A component's code and sizes, whatever it is granted.
#[derive(Clone)]
struct Compiled {
    loaded: Loaded,
    exports: Exports,
    sizes: Sizes,
}

/// A component that can be called.
pub(crate) struct Ready {
    /// Linked, to be instantiated.
    pub(crate) pre: InstancePre<Guest>,
    /// Where its exports are.
    pub(crate) exports: Exports,
    /// What an instance sets up.
    pub(crate) sizes: Sizes,
    description: Description,
}

/// What an instance sets up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Pages of initial memory.
    pages: u64,
    /// Pages that its tables would fill.
    table_pages: u64,
}

impl Sizes {
    fn of(component: &wasmtime::component::Component) -> Result<Self, Rejection> {
        let Some(needs) = component.resources_required() else {
            return Err(Rejection::WrongWorld("it imports core modules".to_owned()));
        };
        let entries = u64::from(needs.num_tables) * needs.max_initial_table_size.unwrap_or(0);
        Ok(Self {
            pages: u64::from(needs.num_memories) * needs.max_initial_memory_size.unwrap_or(0),
            table_pages: (entries * 8).div_ceil(PAGE_BYTES as u64),
        })
    }

    /// Gas of one instance, by its sizes alone.
    pub(crate) fn instance_gas(self, warm: bool) -> u64 {
        let base = if warm { metering::WARM_INSTANCE_GAS } else { metering::COLD_INSTANCE_GAS };
        base + metering::INSTANCE_PAGE_GAS
            * (self.pages + self.table_pages).saturating_sub(metering::INSTANCE_FREE_PAGES)
    }
}

impl Engines {
    /// Starts with nothing staged; compiles in this process and keeps nothing on disk.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        Self::with_compiler(options, CompileOptions::in_process())
    }

    /// Starts with nothing staged.
    pub fn with_compiler(options: EngineOptions, compile: CompileOptions) -> Result<Self, EngineError> {
        let engine = config::engine(options)?;
        let small = SmallSlots::new(&engine, options)?;
        let staged = Staged::new(compile.loaded_bytes);
        let artifacts = Artifacts::new(engine, compile)?;
        let inner = Inner { small, artifacts, staged, jobs: Jobs::default(), queues: Queues::default() };
        Ok(Self(Arc::new(inner), Watching::default(), Patience::Waits))
    }

    /// The same for one who cannot wait for another process: what would have to be compiled first is
    /// [`EngineError::NotCompiled`]. What this process compiles itself is compiled.
    pub fn at_hand(&self) -> Self {
        let patience = if self.compiles_aside() { Patience::Never } else { Patience::Waits };
        Self(self.0.clone(), self.1.clone(), patience)
    }

    /// Makes a component ready to be called under `grants`: checks its limits, compiles it, links it and asks `describe`.
    ///
    /// Idempotent, and cheap when it is ready. The result depends on the arguments alone: a rejection is the same on
    /// every node.
    pub fn stage(
        &self,
        component: &Component,
        grants: Grants,
        limits: &EngineLimits,
    ) -> Result<Description, StageError> {
        self.0.stage(component, grants, limits, self.2)
    }

    /// Whether a component can be called under these grants.
    pub fn is_ready(&self, digest: Digest, grants: Grants) -> bool {
        self.0.staged.is_ready(digest, grants)
    }

    /// Gas of one instance: cold at the component's first call in a block, warm after it. None when it was not staged.
    pub fn instance_gas(&self, digest: Digest, warm: bool) -> Option<u64> {
        self.0.staged.compiled(digest).map(|compiled| compiled.sizes.instance_gas(warm))
    }

    /// Runs one call in a fresh instance with at most `gas` gas. The error is this node's own.
    pub fn call(&self, unit: CallUnit<'_>, host: &mut dyn EngineHost, gas: u64) -> Result<CallOutcome, EngineError> {
        let ready = self.must_be_ready(unit.digest, unit.grants)?;
        let mut timer = Timer::start(&self.1);
        let outcome = run::call(&ready, &unit, host, gas, &mut timer)?;
        timer.end(&unit, &outcome);
        Ok(outcome)
    }

    /// An instance that is kept between calls: for sessions and benches, never for blocks.
    pub fn warm_instance(
        &self,
        digest: Digest,
        grants: Grants,
        limits: EngineLimits,
    ) -> Result<WarmInstance, EngineError> {
        WarmInstance::new(self.must_be_ready(digest, grants)?, limits)
    }

    fn ready(&self, digest: Digest, grants: Grants) -> Option<Arc<Ready>> {
        self.0.staged.ready(digest, grants)
    }

    fn must_be_ready(&self, digest: Digest, grants: Grants) -> Result<Arc<Ready>, EngineError> {
        self.ready(digest, grants).ok_or(EngineError::Missing { digest, grants })
    }

    /// Begins to compile a component in the background, so that [`Self::stage`] finds it compiled. What came of it is
    /// in [`Self::compile_state`]. False if too many wait already: ask again later.
    pub fn prepare(&self, component: &Component, lane: Lane) -> bool {
        if self.0.staged.compiled(component.digest()).is_some() {
            return true;
        }
        self.queue(Task { component: component.clone(), call: None }, lane)
    }

    /// The same, and makes it ready to be called under these grants.
    pub fn prepare_call(&self, component: &Component, grants: Grants, limits: &EngineLimits, lane: Lane) -> bool {
        if self.is_ready(component.digest(), grants) {
            return true;
        }
        self.queue(Task { component: component.clone(), call: Some((grants, *limits)) }, lane)
    }

    fn queue(&self, task: Task, lane: Lane) -> bool {
        let digest = task.component.digest();
        let known = matches!(self.0.jobs.ended(digest), Some(Ended::Refused(_))) || self.0.jobs.is_busy(digest);
        if known || !self.0.jobs.queue(digest) {
            return true;
        }
        let taken = self.0.queues.push(lane, task, &self.0);
        if !taken {
            self.0.jobs.unqueue(digest);
        }
        taken
    }

    /// Whether compiling is another process's work, so that a block had better not wait for it.
    pub fn compiles_aside(&self) -> bool {
        self.0.artifacts.compiles_aside()
    }

    /// How far a component is on its way to native code on this node. Consensus never asks.
    pub fn compile_state(&self, digest: Digest) -> CompileState {
        if let Some(Compiled { loaded, .. }) = self.0.staged.compiled(digest) {
            let millis = u64::try_from(loaded.took.as_millis()).unwrap_or(u64::MAX);
            return CompileState::Ready { millis, from_cache: loaded.from_cache, bytes: loaded.bytes };
        }
        if self.0.jobs.is_busy(digest) {
            return CompileState::Compiling;
        }
        match self.0.jobs.ended(digest) {
            Some(Ended::Refused(why)) => CompileState::Refused { why: why.to_string() },
            Some(Ended::Failed(why)) => CompileState::Failed { why },
            None => CompileState::Absent,
        }
    }

    /// What the compiler and its cache have done so far.
    pub fn compile_stats(&self) -> CompileStats {
        self.0.artifacts.stats()
    }

    /// Whether the cache on disk has native code for a component, as far as its name tells.
    pub fn is_cached(&self, digest: Digest) -> bool {
        self.0.artifacts.is_cached(digest)
    }
}

impl Inner {
    fn stage(
        &self,
        component: &Component,
        grants: Grants,
        limits: &EngineLimits,
        patience: Patience,
    ) -> Result<Description, StageError> {
        if let Some(ready) = self.staged.ready(component.digest(), grants) {
            fits(&ready.sizes, limits)?;
            return Ok(ready.description.clone());
        }
        checks::check(component.bytes(), grants)?;
        let compiled = self.compile(component, patience)?;
        fits(&compiled.sizes, limits)?;
        let code = &compiled.loaded.code;
        let linker = imports::linker(code.engine(), grants).map_err(node)?;
        let pre = linker.instantiate_pre(code).map_err(|error| Rejection::WrongWorld(format!("{error:#}")))?;
        let description = run::describe(&pre, &compiled.exports, compiled.sizes)?;
        let ready =
            Ready { pre, exports: compiled.exports.clone(), sizes: compiled.sizes, description: description.clone() };
        let bytes = compiled.loaded.bytes;
        self.staged.put_ready(component.digest(), grants, Arc::new(ready), compiled, bytes);
        Ok(description)
    }

    /// Compiles what passed the checks, once for all grants and all who ask at the same time. A component that the
    /// compiler refused is not compiled again: it would refuse it again.
    fn compile(&self, component: &Component, patience: Patience) -> Result<Compiled, StageError> {
        let digest = component.digest();
        if let Some(compiled) = self.staged.compiled(digest) {
            return Ok(compiled);
        }
        if let Some(Ended::Refused(why)) = self.jobs.ended(digest) {
            return Err(why.into());
        }
        if patience == Patience::Never {
            let cached = if self.jobs.is_busy(digest) { None } else { self.artifacts.cached(digest) };
            let loaded = cached.ok_or(EngineError::NotCompiled { digest })?;
            return self.place(digest, loaded);
        }
        match self.jobs.begin(digest) {
            Turn::Theirs(flight) => flight.wait(),
            // Another's may have ended since the first look.
            Turn::Mine(job) => match self.staged.compiled(digest) {
                Some(compiled) => job.end(Ok(compiled)),
                None => job.end(self.load(component)),
            },
        }
    }

    fn load(&self, component: &Component) -> Result<Compiled, StageError> {
        let loaded = self.artifacts.load(component)?;
        self.place(component.digest(), loaded)
    }

    fn place(&self, digest: Digest, mut loaded: Loaded) -> Result<Compiled, StageError> {
        loaded.code = self.small.place(&loaded.code)?;
        let (exports, sizes) = (Exports::of(loaded.code.engine(), &loaded.code)?, Sizes::of(&loaded.code)?);
        let compiled = Compiled { exports, sizes, loaded };
        self.staged.put_compiled(digest, compiled.clone(), compiled.loaded.bytes);
        Ok(compiled)
    }
}

impl Work for Inner {
    /// Compiled under all grants: what a narrower set does not allow is found when it is staged, and costs little then.
    fn run(&self, task: &Task) {
        let digest = task.component.digest();
        let compiled = match checks::check(task.component.bytes(), Grants::ALL) {
            Ok(()) => self.compile(&task.component, Patience::Waits).map(drop),
            Err(rejection) => {
                self.jobs.note(digest, Some(Ended::Refused(rejection.clone())));
                Err(rejection.into())
            }
        };
        let compiled = compiled.and_then(|()| match &task.call {
            Some((grants, limits)) => self.stage(&task.component, *grants, limits, Patience::Waits).map(drop),
            None => Ok(()),
        });
        // After its end is noted, so that it is never seen as one that nobody asked for.
        self.jobs.unqueue(digest);
        if let Err(why) = compiled {
            tracing::warn!(%digest, %why, "a component was not compiled ahead");
        }
    }
}

/// Whether an instance of these sizes can start within the mount's limits.
fn fits(sizes: &Sizes, limits: &EngineLimits) -> Result<(), Rejection> {
    checks::at_most("initial memory pages", sizes.pages, limits.memory_pages.into())
}

/// This node's own fault.
pub(crate) fn node(error: wasmtime::Error) -> EngineError {
    EngineError::Node(format!("{error:#}"))
}

/// A guest's fault by name, or this node's own.
pub(crate) fn fault_or_node(error: &wasmtime::Error) -> Result<Fault, EngineError> {
    match stop_of(error) {
        Stop::Fault(fault) => Ok(fault),
        Stop::Fatal(text) => Err(EngineError::Node(text)),
    }
}
