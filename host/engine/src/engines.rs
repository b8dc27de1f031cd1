//! The components that this node has ready: checked, compiled, linked under their grants and asked what they are.

use std::{collections::BTreeMap, sync::Arc};

use caldera_types::{Component, Digest, EngineLimits, Fault, Grants, metering};
use parking_lot::RwLock;
use wasmtime::{Engine, component::InstancePre};

use crate::{
    call::{CallOutcome, CallUnit, Description},
    checks,
    config::{self, EngineOptions, PAGE_BYTES},
    error::{EngineError, Rejection, StageError},
    exports::Exports,
    fault::{Stop, stop_of},
    guest::Guest,
    imports,
    observer::{Timer, Watching},
    port::EngineHost,
    run::{self, WarmInstance},
};

/// Everything that runs engines. Cheap to clone; clones share what is staged.
#[derive(Clone)]
pub struct Engines(Arc<Inner>, pub(crate) Watching);

struct Inner {
    engine: Engine,
    staged: RwLock<Staged>,
}

#[derive(Default)]
struct Staged {
    compiled: BTreeMap<Digest, Compiled>,
    ready: BTreeMap<(Digest, Grants), Arc<Ready>>,
}

/// A component's code and sizes, whatever it is granted.
#[derive(Clone)]
struct Compiled {
    component: wasmtime::component::Component,
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
    /// Starts with nothing staged.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let inner = Inner { engine: config::engine(options)?, staged: RwLock::default() };
        Ok(Self(Arc::new(inner), Watching::default()))
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
        if let Some(ready) = self.ready(component.digest(), grants) {
            fits(&ready.sizes, limits)?;
            return Ok(ready.description.clone());
        }
        checks::check(component.bytes(), grants)?;
        let compiled = self.compile(component)?;
        fits(&compiled.sizes, limits)?;
        let linker = imports::linker(&self.0.engine, grants).map_err(node)?;
        let pre =
            linker.instantiate_pre(&compiled.component).map_err(|error| Rejection::WrongWorld(format!("{error:#}")))?;
        let description = run::describe(&pre, &compiled.exports, compiled.sizes)?;
        let ready = Ready { pre, exports: compiled.exports, sizes: compiled.sizes, description: description.clone() };
        self.0.staged.write().ready.insert((component.digest(), grants), Arc::new(ready));
        Ok(description)
    }

    /// Whether a component can be called under these grants.
    pub fn is_ready(&self, digest: Digest, grants: Grants) -> bool {
        self.0.staged.read().ready.contains_key(&(digest, grants))
    }

    /// Gas of one instance: cold at the component's first call in a block, warm after it. None when it was not staged.
    pub fn instance_gas(&self, digest: Digest, warm: bool) -> Option<u64> {
        self.0.staged.read().compiled.get(&digest).map(|compiled| compiled.sizes.instance_gas(warm))
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
        self.0.staged.read().ready.get(&(digest, grants)).cloned()
    }

    fn must_be_ready(&self, digest: Digest, grants: Grants) -> Result<Arc<Ready>, EngineError> {
        self.ready(digest, grants).ok_or(EngineError::Missing { digest, grants })
    }

    /// Compiles what passed the checks, once for all grants.
    fn compile(&self, component: &Component) -> Result<Compiled, StageError> {
        if let Some(compiled) = self.0.staged.read().compiled.get(&component.digest()) {
            return Ok(compiled.clone());
        }
        let engine = &self.0.engine;
        let code =
            wasmtime::component::Component::from_binary(engine, component.bytes()).map_err(|error| match error
                .is::<std::io::Error>(
            ) {
                true => StageError::Node(EngineError::Node(format!("compiling {}: {error:#}", component.digest()))),
                false => StageError::Rejected(Rejection::Compile(format!("{error:#}"))),
            })?;
        let compiled = Compiled { exports: Exports::of(engine, &code)?, sizes: Sizes::of(&code)?, component: code };
        self.0.staged.write().compiled.insert(component.digest(), compiled.clone());
        Ok(compiled)
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
