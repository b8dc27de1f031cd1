//! `[compile]` of the configuration: what the compiler of engines may use on this node.

use std::{num::NonZeroU64, time::Duration};

use caldera_engine::{
    CompileOptions,
    compile::{CacheOptions, CompileLimits},
};
use serde::Deserialize;

/// Limits of the process that compiles one component, and room for native code. They are this node's own: a component that is
/// too much for them is not refused by the chain, and a chain that needs it waits until they are raised.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CompileConfig {
    /// Time by the clock, in milliseconds.
    pub time_ms: NonZeroU64,
    /// Processor time, in seconds.
    pub cpu_s: NonZeroU64,
    /// Address space, in MiB.
    pub memory_mib: NonZeroU64,
    /// Native code on disk, in MiB; what was used longest ago goes first and is compiled again when it is needed.
    pub cache_mib: NonZeroU64,
    /// Native code in memory, in MiB; what goes comes back from the disk.
    pub loaded_mib: NonZeroU64,
}

impl Default for CompileConfig {
    fn default() -> Self {
        let CompileLimits { time, cpu_s, memory_bytes } = CompileLimits::recommended();
        let at_least_1 = |number: u64| NonZeroU64::MIN.saturating_add(number.saturating_sub(1));
        Self {
            time_ms: at_least_1(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            cpu_s: at_least_1(cpu_s),
            memory_mib: at_least_1(memory_bytes >> 20),
            cache_mib: at_least_1(CacheOptions::recommended_bytes() >> 20),
            loaded_mib: at_least_1(CompileOptions::recommended_loaded_bytes() >> 20),
        }
    }
}

impl CompileConfig {
    /// What one run of the compiler may use.
    pub fn limits(&self) -> CompileLimits {
        CompileLimits {
            time: Duration::from_millis(self.time_ms.get()),
            cpu_s: self.cpu_s.get(),
            memory_bytes: bytes(self.memory_mib),
        }
    }

    /// Native code on disk, in bytes.
    pub fn cache_bytes(&self) -> u64 {
        bytes(self.cache_mib)
    }

    /// Native code in memory, in bytes.
    pub fn loaded_bytes(&self) -> u64 {
        bytes(self.loaded_mib)
    }
}

fn bytes(mib: NonZeroU64) -> u64 {
    mib.get().saturating_mul(1 << 20)
}
