//! What this process holds, as Linux and the C library say.

/// Memory in bytes, open handles and threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// In memory, whatever it is for.
    pub resident: u64,
    /// Allocated and not freed.
    pub live: u64,
    /// Freed, and kept by the allocator.
    pub free: u64,
    pub handles: usize,
    pub threads: u64,
}

impl Usage {
    /// Zero where the system does not tell.
    pub fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or_default()
        };
        let handles = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let (live, free) = heap();
        Self { resident: field("VmRSS:") << 10, live, free, handles, threads: field("Threads:") }
    }
}

/// Bytes of the heap that are in use, and that are not.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn heap() -> (u64, u64) {
    // SAFETY: it takes nothing, and gives plain numbers.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks as u64 + info.hblkhd as u64, info.fordblks as u64)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn heap() -> (u64, u64) {
    (0, 0)
}
