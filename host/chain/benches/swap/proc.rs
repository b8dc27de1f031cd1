//! What this process holds, as Linux says.

use std::fmt;

/// Resident memory, open handles and threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    resident_kib: u64,
    handles: usize,
    threads: u64,
}

impl Usage {
    /// Zero where there is no `/proc`.
    pub fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or_default()
        };
        let handles = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self { resident_kib: field("VmRSS:"), handles, threads: field("Threads:") }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resident_kib, handles, threads } = self;
        write!(f, "{:>10.1} MiB  {handles:>7}  {threads:>7}", *resident_kib as f64 / 1024.0)
    }
}
