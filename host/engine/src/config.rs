//! wasmtime's settings: what makes every node compute the same, and what bounds one instance.
//!
//! - **Same results.** Canonical NaNs; no threads, 64-bit memories, typed references, garbage collection, exceptions, SIMD
//!   or stack switching; memories that never move and never fail to grow below the limit; code for the architecture's
//!   baseline, so that frames, and with them [`caldera_types::Fault::StackOverflow`], do not depend on the processor.
//! - **Same work.** Fuel, with bulk operations charged for each byte or element ([`crate::cost`]). Epochs are never used: a deadline is
//!   a clock.
//! - **Bounded work.** The maxima here are those that [`crate::checks`] enforces by name before anything is compiled.

use caldera_types::limits::MAX_MEMORY_PAGES;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmFeatures};

use crate::{checks::limits, cost, error::EngineError};

/// Native stack for the guest's frames, in bytes. Eight nested calls then hold 2 MiB of guest frames at most, beside
/// the host's own; a Rust guest keeps its data on its shadow stack and seldom needs a tenth of this.
const WASM_STACK_BYTES: usize = 256 * 1024;
/// One page of linear memory, in bytes.
pub(crate) const PAGE_BYTES: usize = 64 * 1024;
/// Memory of a returned slot that is zeroed in place instead of given back to the system, in bytes: what a guest of the SDK
/// has once it has grown, and a third more.
const KEEP_RESIDENT_BYTES: usize = 512 * 1024;
/// Pages of initial memory up to which all of it may be zeroed in place, written or not ([`crate::slots`]).
pub(crate) const SMALL_PAGES: usize = 2;

/// How many instances this node keeps room for. Consensus does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// Most instances alive at once, over all threads, of small components and of all others each. One costs 8 GiB of
    /// address space, not of memory. When they are used up, a call fails by the node's fault: size it by [`Self::for_threads`].
    pub instances: u32,
}

impl EngineOptions {
    /// Room for so many executing threads, each nesting engines as deep as can be: the first, and
    /// [`MAX_SUBCALL_DEPTH`](caldera_types::limits::MAX_SUBCALL_DEPTH) below it.
    pub const fn for_threads(threads: u32) -> Self {
        Self { instances: threads.saturating_mul(caldera_types::limits::MAX_SUBCALL_DEPTH as u32 + 1) }
    }

    /// Room for sixteen executing threads.
    pub const fn recommended() -> Self {
        Self::for_threads(16)
    }
}

/// The engine that compiles nothing and runs what is not small.
pub(crate) fn engine(options: EngineOptions) -> Result<Engine, EngineError> {
    pooled(pool(options))
}

/// The engine that runs small components. It differs in how their slots are cleared, in nothing that code depends on.
pub(crate) fn small_engine(options: EngineOptions) -> Result<Engine, EngineError> {
    let mut pool = pool(options);
    pool.pagemap_scan(Enabled::No);
    pooled(pool)
}

fn pooled(pool: PoolingAllocationConfig) -> Result<Engine, EngineError> {
    let mut config = code()?;
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    start(&config)
}

/// An engine that compiles the same code and runs none of it: it has no room for instances, so it starts at once and in
/// little memory.
pub(crate) fn compiler() -> Result<Engine, EngineError> {
    start(&code()?)
}

fn start(config: &Config) -> Result<Engine, EngineError> {
    Engine::new(config).map_err(|error| EngineError::Node(format!("wasmtime does not start: {error:#}")))
}

/// All that decides which code a component becomes.
fn code() -> Result<Config, EngineError> {
    let mut config = Config::new();
    same_results(&mut config).map_err(|error| EngineError::Node(format!("settings of wasmtime: {error:#}")))?;
    config
        .consume_fuel(true)
        .operator_cost(cost::table())
        .epoch_interruption(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .cranelift_opt_level(OptLevel::Speed)
        // In order, so that of several errors in a component every node names the same one, and on one core, so that
        // blocks keep the others.
        .parallel_compilation(false);
    Ok(config)
}

/// Settings that decide what a guest computes.
fn same_results(config: &mut Config) -> wasmtime::Result<()> {
    config
        .cranelift_nan_canonicalization(true)
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_simd(false)
        .wasm_tail_call(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_features(WasmFeatures::FUNCTION_REFERENCES, false)
        .wasm_extended_const(true)
        .memory_may_move(false);
    // Naming the target turns detection of processor features off.
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        config.target("x86_64-unknown-linux-gnu")?;
    } else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
        config.target("aarch64-unknown-linux-gnu")?;
    }
    Ok(())
}

/// Slots for instances, each as large as the largest component that passes the checks.
fn pool(options: EngineOptions) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(options.instances)
        .total_core_instances(options.instances * limits::CORE_INSTANCES)
        .total_memories(options.instances * limits::MEMORIES)
        .total_tables(options.instances * limits::TABLES)
        .max_core_instances_per_component(limits::CORE_INSTANCES)
        .max_memories_per_component(limits::MEMORIES)
        .max_memories_per_module(1)
        .max_tables_per_component(limits::TABLES)
        .max_tables_per_module(limits::TABLES)
        .table_elements(limits::TABLE_ELEMENTS as usize)
        .max_memory_size(MAX_MEMORY_PAGES as usize * PAGE_BYTES)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        // Where Linux can say which pages were written (6.7 and later), only those are cleared.
        .pagemap_scan(Enabled::Auto)
        .table_keep_resident(8 * limits::TABLE_ELEMENTS as usize);
    pool
}
