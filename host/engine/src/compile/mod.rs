//! From a component's bytes to native code that this node can run.
//!
//! Compile time and memory are in the author's hands even within the static limits, and the compiler is a large program
//! that reads a stranger's input. So a node compiles in a child process with limits of its own ([`ChildCompiler`]); what a
//! child could not do is this node's failure ([`CompileFailure`]), and only what the compiler itself refuses is the
//! component's, the same on every node.
//!
//! Native code comes from this node's own compiler only: a cached artifact is loaded after its HMAC proves that this node
//! wrote just these bytes for just this component ([`CacheOptions`]). Anything else is compiled again.
//!
//! Nothing here is part of consensus: whether code was compiled, loaded or lies in memory changes no result.

mod artifacts;
mod background;
mod cache;
mod child;
mod entry;
mod failure;
mod jobs;
mod limits;
mod private;
mod stats;
mod worker;

use std::hash::{Hash, Hasher};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

pub(crate) use artifacts::{Artifacts, Loaded};
pub use background::Lane;
pub(crate) use background::{Queues, Task, Work};
pub use cache::CacheOptions;
pub use child::ChildCompiler;
pub use failure::CompileFailure;
pub(crate) use jobs::{Ended, Jobs, Turn};
pub use limits::CompileLimits;
pub use stats::{COMPILE_TIME_BOUNDS, CompileState, CompileStats, CompileTimes};
pub use worker::{SUBCOMMAND, answer, main};

/// Longest native code of one component, in bytes.
pub const MAX_ARTIFACT_BYTES: usize = 256 * 1024 * 1024;

/// Where components are compiled.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// On the thread that asks, without limits: for tests and tools that judge a file of their own user.
    #[default]
    InProcess,
    /// In a child process with limits.
    Child(ChildCompiler),
}

/// How components become native code, and where it is kept.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// Where they are compiled.
    pub compiler: Compiler,
    /// Where native code outlives the process; nowhere if none.
    pub cache: Option<CacheOptions>,
    /// Native code kept in memory, in bytes; what was used longest ago goes first, and comes back from the cache.
    pub loaded_bytes: u64,
}

impl CompileOptions {
    /// In this process and with no cache.
    pub const fn in_process() -> Self {
        Self { compiler: Compiler::InProcess, cache: None, loaded_bytes: Self::recommended_loaded_bytes() }
    }

    /// Room for a few hundred engines.
    pub const fn recommended_loaded_bytes() -> u64 {
        512 << 20
    }
}

/// Which engines can load each other's artifacts: wasmtime's version and all settings that decide code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EngineHash(pub(crate) [u8; 32]);

impl EngineHash {
    pub(crate) fn of(engine: &Engine) -> Self {
        let mut hasher = Sha(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self(hasher.0.finalize().into())
    }
}

/// Feeds what wasmtime hashes to SHA-256: 64 bits would do against accidents alone.
struct Sha(Sha256);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let bytes: [u8; 32] = self.0.clone().finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(&bytes[..8]);
        u64::from_be_bytes(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, EngineOptions};

    #[test]
    fn the_compiler_and_the_runtime_understand_each_other() {
        let (compiler, runtime) =
            (config::compiler().unwrap(), config::engine(EngineOptions { instances: 1 }).unwrap());
        assert_eq!(EngineHash::of(&compiler), EngineHash::of(&runtime));
        let other = Engine::new(wasmtime::Config::new().consume_fuel(false)).unwrap();
        assert_ne!(EngineHash::of(&compiler), EngineHash::of(&other));
    }
}
