//! Native code of a component: from the cache if this node put it there, else from the compiler.

use std::time::{Duration, Instant};

use caldera_types::{Component, Digest};
use wasmtime::Engine;

use super::{
    CompileFailure, CompileOptions, CompileStats, Compiler, EngineHash,
    cache::{Cache, Found},
    entry::{HEAD, Name},
    stats::{Counters, count, count_time},
    worker::Unread,
};
use crate::error::{EngineError, Rejection, StageError};

/// Where native code comes from.
pub(crate) struct Artifacts {
    engine: Engine,
    hash: EngineHash,
    compiler: Compiler,
    cache: Option<Cache>,
    counters: Counters,
}

/// A component as native code in memory.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) code: wasmtime::component::Component,
    /// How long it took to get.
    pub(crate) took: Duration,
    pub(crate) from_cache: bool,
    /// Size of the native code.
    pub(crate) bytes: u64,
}

impl Artifacts {
    /// Whether another process compiles.
    pub(crate) fn compiles_aside(&self) -> bool {
        matches!(self.compiler, Compiler::Child(_))
    }

    /// For a running engine.
    pub(crate) fn new(engine: Engine, options: CompileOptions) -> Result<Self, EngineError> {
        let cache = options.cache.map(Cache::open).transpose()?;
        let hash = EngineHash::of(&engine);
        Ok(Self { engine, hash, compiler: options.compiler, cache, counters: Counters::default() })
    }

    /// What was done so far.
    pub(crate) fn stats(&self) -> CompileStats {
        self.counters.stats()
    }

    /// Whether the cache has an entry of that name; it may turn out to be bad.
    pub(crate) fn is_cached(&self, digest: Digest) -> bool {
        self.cache.as_ref().is_some_and(|cache| cache.holds(&self.name(digest)))
    }

    /// Loads or compiles what passed the static checks.
    pub(crate) fn load(&self, component: &Component) -> Result<Loaded, StageError> {
        if let Some(loaded) = self.cached(component.digest()) {
            return Ok(loaded);
        }
        let began = Instant::now();
        let compiled = self.compile(component);
        self.counters.compile_times.observe(began.elapsed());
        let artifact = match compiled {
            Ok(artifact) => artifact,
            Err(unread) => {
                let refused = matches!(unread, Unread::Refused(_));
                count(if refused { &self.counters.refused } else { &self.counters.failed });
                return Err(unread.staged(component.digest()));
            }
        };
        let took = began.elapsed();
        // SAFETY: the artifact comes from this node's compiler of a moment ago: this process, or its child by a pipe that
        // nobody else holds.
        let code = unsafe { self.deserialize(&artifact) }.map_err(|error| {
            let node = error.is::<std::io::Error>();
            count(if node { &self.counters.failed } else { &self.counters.refused });
            match node {
                true => StageError::Node(EngineError::Node(format!("loading {}: {error:#}", component.digest()))),
                // The pool has no room for an instance of it: the limits are the same on every node.
                false => StageError::Rejected(Rejection::Compile(format!("{error:#}"))),
            }
        })?;
        count(&self.counters.compiled);
        self.keep(component.digest(), &artifact);
        Ok(Loaded { code, took, from_cache: false, bytes: artifact.len() as u64 })
    }

    fn compile(&self, component: &Component) -> Result<Vec<u8>, Unread> {
        match &self.compiler {
            Compiler::Child(child) => child.compile(component.bytes(), self.hash),
            Compiler::InProcess => self.engine.precompile_component(component.bytes()).map_err(|error| {
                match error.is::<std::io::Error>() {
                    true => Unread::Failed(CompileFailure::Internal(format!("{error:#}"))),
                    false => Unread::Refused(Rejection::Compile(format!("{error:#}"))),
                }
            }),
        }
    }

    /// Loads what the cache has and this node's key proves.
    pub(crate) fn cached(&self, digest: Digest) -> Option<Loaded> {
        let cache = self.cache.as_ref()?;
        let began = Instant::now();
        let why = match cache.get(&self.name(digest)) {
            Found::Absent => {
                count(&self.counters.cache_misses);
                return None;
            }
            Found::Entry(entry) => {
                let artifact = &entry[HEAD..];
                // SAFETY: the entry's HMAC was verified with this node's key over these very bytes, which this process
                // alone holds: so this node's compiler wrote them, for this component and an engine of these settings.
                match unsafe { self.deserialize(artifact) } {
                    Ok(code) => {
                        let took = began.elapsed();
                        count(&self.counters.cache_hits);
                        count_time(&self.counters.cache_ns, took);
                        return Some(Loaded { code, took, from_cache: true, bytes: artifact.len() as u64 });
                    }
                    Err(error) => format!("it does not load: {error:#}"),
                }
            }
            Found::Rejected(why) => why,
        };
        count(&self.counters.cache_rejected);
        tracing::warn!(%digest, why, "an entry of the cache is not used: the engine is compiled again");
        None
    }

    /// A cache that cannot be written costs time, no more.
    fn keep(&self, digest: Digest, artifact: &[u8]) {
        if let Some(cache) = &self.cache
            && let Err(error) = cache.put(&self.name(digest), artifact)
        {
            tracing::warn!(%digest, %error, "a compiled engine was not put into the cache");
        }
    }

    fn name(&self, digest: Digest) -> Name {
        Name { digest, engine: self.hash }
    }

    /// Makes native code of bytes.
    ///
    /// # Safety
    /// The bytes must be what wasmtime's compiler gave this node.
    unsafe fn deserialize(&self, artifact: &[u8]) -> wasmtime::Result<wasmtime::component::Component> {
        // SAFETY: the caller's promise.
        unsafe { wasmtime::component::Component::deserialize(&self.engine, artifact) }
    }
}
