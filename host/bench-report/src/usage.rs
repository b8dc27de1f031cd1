//! What a process takes in memory, and files on disk.

use std::{fs, path::Path};

/// Resident memory of the process with this id, of this one without, in bytes; zero where there is no `/proc` or no such
/// process.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// assert!(caldera_bench::resident(None) > 0);
/// assert_eq!(caldera_bench::resident(Some(u32::MAX)), 0);
/// ```
pub fn resident(process: Option<u32>) -> u64 {
    let process = process.map_or_else(|| "self".to_owned(), |id| id.to_string());
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map_or(0, |kib| kib << 10)
}

/// What a file, or a folder with all in it, takes on disk, in bytes: blocks of the file system, as `du` says it, so that holes do
/// not count. Zero for what is not there, because databases remove files meanwhile.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// std::fs::create_dir(folder.path().join("inner"))?;
/// std::fs::write(folder.path().join("inner/file"), [7; 10_000])?;
/// assert!(caldera_bench::disk(folder.path()) >= 10_000);
/// assert_eq!(caldera_bench::disk(&folder.path().join("gone")), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn disk(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| disk(&entry.path())).sum()
        }
        // stat counts in units of 512 bytes, whatever the file system's are.
        Ok(meta) => meta.blocks() * 512,
        Err(_) => 0,
    }
}
