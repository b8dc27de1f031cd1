//! What a test does to the machine under a node: a small disk, a clock that jumps, files that may not grow.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// A disk of its own over a folder, in memory. Gone when dropped.
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts one of so many MiB; none, and that loudly, if this user or container may not.
    pub fn mount(at: &Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(at).expect("the folder can be made");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(at).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { at: at.to_owned() }),
            refused => {
                let why = refused.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
                eprintln!("\n**** THIS RUN MAY NOT MOUNT: what needs a disk of its own is NOT TESTED ({why:?}) ****\n");
                None
            }
        }
    }

    /// Makes it read-only, or not.
    pub fn read_only(&self, read_only: bool) {
        let how = if read_only { "remount,ro" } else { "remount,rw" };
        let mounted = Command::new("mount").args(["-o", how]).arg(&self.at).output().expect("mount runs");
        assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
    }

    /// Fills it to the last byte; what it gives is to be removed for there to be space.
    pub fn fill(&self) -> PathBuf {
        let path = self.at.join("ballast");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).expect("a name is left");
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let lazily = Command::new("umount").arg("-l").arg(&self.at).status();
        assert!(lazily.is_ok_and(|status| status.success()) || std::thread::panicking(), "it stays mounted");
    }
}

/// How long the files of a process may grow, in bytes; none for as long as they like.
pub fn limit_files(pid: u32, bytes: Option<u64>) {
    let most = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let set = Command::new("prlimit").args([format!("--pid={pid}"), format!("--fsize={most}:")]).output();
    let set = set.expect("prlimit runs: it is in util-linux, as mount is");
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
}

/// The wall clock of the processes that are started with its variables. Their other clocks are the machine's.
pub struct Clock {
    offset: PathBuf,
    library: PathBuf,
}

/// Stands before the C library's `clock_gettime`; the offset is in a file that both map.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static volatile long long *offset_s;
__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TEST_CLOCK");
    int file = path ? open(path, O_RDONLY) : -1;
    void *map = file < 0 ? MAP_FAILED : mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) offset_s = map;
    if (file >= 0) close(file);
}
int clock_gettime(clockid_t id, struct timespec *time) {
    int failed = syscall(SYS_clock_gettime, id, time);
    if (!failed && id == CLOCK_REALTIME && offset_s) time->tv_sec += *offset_s;
    return failed;
}
"#;

impl Clock {
    /// One that is right.
    pub fn new(folder: &Path) -> Self {
        let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
        fs::write(&source, SHIM).expect("the folder takes files");
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]).output();
        let compiled = compiled.expect("there is a C compiler");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let clock = Self { offset: folder.join("clock"), library };
        clock.set(0);
        clock
    }

    /// What a process needs in its environment.
    pub fn variables(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", self.library.clone()), ("TEST_CLOCK", self.offset.clone())]
    }

    /// Sets it so many seconds ahead of the right time.
    pub fn set(&self, ahead_s: i64) {
        // In place: the node has the file mapped.
        let mut file = File::options().create(true).truncate(false).write(true).open(&self.offset).expect("it is ours");
        file.write_all(&ahead_s.to_ne_bytes()).expect("it takes eight bytes");
    }
}
