//! The engine runtime as the admin API's compiler.

use caldera_api::admin::{
    self,
    port::{CompileCounters, CompileState, Compiler},
    view::CheckedView,
};
use caldera_engine::{Engines, StageError};
use caldera_types::{Component, Digest, EngineLimits, Grants};

/// Compiles on request of an operator.
pub struct NodeCompiler(Engines);

impl NodeCompiler {
    /// For the engines of a node.
    pub fn new(engines: Engines) -> Self {
        Self(engines)
    }
}

impl Compiler for NodeCompiler {
    fn check(&self, component: &Component, grants: Grants, limits: &EngineLimits) -> Result<CheckedView, StageError> {
        admin::check_with(&self.0, component, grants, limits)
    }

    fn prepare(&self, component: &Component, grants: Grants, limits: &EngineLimits) -> Result<(), StageError> {
        self.0.stage(component, grants, limits).map(drop)
    }

    fn is_ready(&self, digest: Digest, grants: Grants) -> bool {
        self.0.is_ready(digest, grants)
    }

    fn state(&self, digest: Digest) -> CompileState {
        use caldera_engine::CompileState as State;
        match self.0.compile_state(digest) {
            State::Absent => CompileState::Absent,
            State::Compiling => CompileState::Compiling,
            State::Ready { millis, from_cache, bytes } => CompileState::Ready { millis, from_cache, bytes },
            State::Refused { why } => CompileState::Refused { why },
            State::Failed { why } => CompileState::Failed { why },
        }
    }

    fn counters(&self) -> CompileCounters {
        let stats = self.0.compile_stats();
        CompileCounters {
            compiled: stats.compiled,
            refused: stats.refused,
            failed: stats.failed,
            compile_times: stats.compile_times,
            cache_hits: stats.cache_hits,
            cache_misses: stats.cache_misses,
            cache_rejected: stats.cache_rejected,
            cache_time: stats.cache_time,
        }
    }
}
