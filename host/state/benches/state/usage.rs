//! What a chain takes on disk, and this process in memory.

use std::{fs, path::Path};

/// In bytes.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Blocks of the file system, so that holes do not count.
    pub disk: u64,
    /// Zero where there is no `/proc`.
    pub resident: u64,
}

impl Usage {
    /// As it is now.
    pub fn of(folder: &Path) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or_default();
        Self { disk: disk(folder), resident: kib << 10 }
    }
}

fn disk(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk(&entry.path()),
        // stat counts in units of 512 bytes, whatever the file system's are.
        Ok(meta) => meta.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

/// A size that people read.
pub fn human(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
