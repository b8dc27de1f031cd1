//! What one run of the compiler may use, and how its process binds itself to that.

use std::{io, time::Duration};

/// Files that the compiler's process may have open: its three pipes, and what the system opens for it.
const OPEN_FILES: u64 = 16;
/// How much the compiler yields to the rest of the node: blocks come first.
const NICE: libc::c_int = 5;

/// What one run of the compiler may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Time by the clock; then its process is killed.
    pub time: Duration,
    /// Processor time, in whole seconds.
    pub cpu_s: u64,
    /// Address space, in bytes.
    pub memory_bytes: u64,
}

impl CompileLimits {
    /// Some ten times what the largest component that an honest compiler writes has been seen to take.
    pub const fn recommended() -> Self {
        Self { time: Duration::from_secs(30), cpu_s: 20, memory_bytes: 1 << 30 }
    }
}

/// Binds this process: no more processor time and memory than these, no files, no core dump, no new rights, and no life
/// after its parent's.
pub(super) fn bind_this_process(cpu_s: u64, memory_bytes: u64) -> io::Result<()> {
    die_with_parent()?;
    // The soft limit ends the process by SIGXCPU, which the parent can name; the hard one by SIGKILL.
    limit(libc::RLIMIT_CPU, cpu_s, cpu_s.saturating_add(1))?;
    limit(libc::RLIMIT_AS, memory_bytes, memory_bytes)?;
    limit(libc::RLIMIT_CORE, 0, 0)?;
    limit(libc::RLIMIT_FSIZE, 0, 0)?;
    limit(libc::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES)?;
    // SAFETY: takes and returns an integer. That it may fail matters to nobody.
    unsafe { libc::nice(NICE) };
    Ok(())
}

#[cfg(target_os = "linux")]
fn die_with_parent() -> io::Result<()> {
    let dies: [(libc::c_int, libc::c_ulong); 3] = [
        (libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong),
        (libc::PR_SET_NO_NEW_PRIVS, 1),
        (libc::PR_SET_DUMPABLE, 0),
    ];
    for (option, value) in dies {
        // SAFETY: these options take one integer; the rest must be zero.
        if unsafe { libc::prctl(option, value, 0, 0, 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Elsewhere the closed pipes and the limit of processor time end an orphan.
#[cfg(not(target_os = "linux"))]
fn die_with_parent() -> io::Result<()> {
    Ok(())
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
type Resource = libc::c_int;

/// Sets one limit, never above what the parent left.
fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a valid place to write to.
    if unsafe { libc::getrlimit(resource, &mut now) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let hard = (hard as libc::rlim_t).min(now.rlim_max);
    let wanted = libc::rlimit { rlim_cur: (soft as libc::rlim_t).min(hard), rlim_max: hard };
    // SAFETY: `wanted` is a valid value, and this process has no other thread yet.
    if unsafe { libc::setrlimit(resource, &wanted) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
