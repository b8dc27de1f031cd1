//! The engine runtime as the admin API's compiler.

use std::{collections::BTreeMap, sync::Mutex, time::Instant};

use caldera_api::admin::{
    self,
    port::{CompileCounters, CompileState, Compiler},
    view::CheckedView,
};
use caldera_engine::{Engines, StageError};
use caldera_types::{Component, Digest, EngineLimits, Grants};

/// Compiles on request of an operator, and remembers what came of it.
pub struct NodeCompiler {
    engines: Engines,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    states: BTreeMap<Digest, CompileState>,
    counters: CompileCounters,
}

impl NodeCompiler {
    /// For the engines of a node.
    pub fn new(engines: Engines) -> Self {
        Self { engines, done: Mutex::default() }
    }

    fn done(&self) -> std::sync::MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Compiler for NodeCompiler {
    fn check(&self, component: &Component, grants: Grants, limits: &EngineLimits) -> Result<CheckedView, StageError> {
        admin::check(component, grants, limits)
    }

    fn prepare(&self, component: &Component, grants: Grants, limits: &EngineLimits) -> Result<(), StageError> {
        let digest = component.digest();
        if self.engines.is_ready(digest, grants) {
            return Ok(());
        }
        self.done().states.insert(digest, CompileState::Compiling);
        let began = Instant::now();
        let staged = self.engines.stage(component, grants, limits);
        let took = began.elapsed();
        let mut done = self.done();
        done.counters.compile_time += took;
        let state = match &staged {
            Ok(_) => {
                done.counters.compiled += 1;
                let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                CompileState::Ready { millis, from_cache: false, bytes: 0 }
            }
            Err(StageError::Rejected(why)) => {
                done.counters.refused += 1;
                CompileState::Refused { why: why.to_string() }
            }
            Err(StageError::Node(why)) => {
                done.counters.failed += 1;
                CompileState::Failed { why: why.to_string() }
            }
        };
        done.states.insert(digest, state);
        staged.map(drop)
    }

    fn is_ready(&self, digest: Digest, grants: Grants) -> bool {
        self.engines.is_ready(digest, grants)
    }

    fn state(&self, digest: Digest) -> CompileState {
        if let Some(state) = self.done().states.get(&digest) {
            return state.clone();
        }
        match self.engines.instance_gas(digest, true) {
            Some(_) => CompileState::Ready { millis: 0, from_cache: false, bytes: 0 },
            None => CompileState::Absent,
        }
    }

    fn counters(&self) -> CompileCounters {
        self.done().counters
    }
}
