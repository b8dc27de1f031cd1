//! A flame graph of a node under the load: where its processors' time goes, thread by thread and function by function. It needs
//! `perf` (Debian's package linux-perf) and the right to use it.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use inferno::{
    collapse::{Collapse, perf},
    flamegraph,
};
use tempfile::TempDir;

/// How long it looks, from the first second of the load on.
const SECONDS: &str = "10";
/// Looks a second and processor: a prime, so as not to keep step with anything.
const FREQUENCY: &str = "199";
/// Of a stack, in bytes. Stacks are copied and unwound later.
const STACK: &str = "dwarf,16384";
/// Frames that are narrower are left out, in percent of the picture.
const NARROWEST: f64 = 0.25;

/// Looks at a process.
pub struct Looking {
    perf: Child,
    folder: TempDir,
    picture: PathBuf,
}

impl Looking {
    /// Begins; `picture` is the SVG that comes of it.
    pub fn begin(process: u32, picture: &Path) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let perf = Command::new("perf")
            .args(["record", "--quiet", "--freq", FREQUENCY, "--call-graph", STACK, "--pid"])
            .arg(process.to_string())
            .arg("--output")
            .arg(folder.path().join("data"))
            .args(["--", "sleep", SECONDS])
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("perf: {error}; install the package linux-perf")))?;
        Ok(Self { perf, folder, picture: picture.to_owned() })
    }

    /// Draws what was seen.
    pub fn draw(mut self, title: &str) -> io::Result<()> {
        if !self.perf.wait()?.success() {
            return Err(io::Error::other("perf record failed: its message is above"));
        }
        let seen = Command::new("perf")
            // Finding inlined functions takes minutes.
            .args(["script", "--no-inline", "--input"])
            .arg(self.folder.path().join("data"))
            .stderr(Stdio::null())
            .output()?;
        let mut folded = Vec::new();
        perf::Folder::from(perf::Options::default()).collapse(seen.stdout.as_slice(), &mut folded)?;
        let mut options = flamegraph::Options::default();
        options.title = title.to_owned();
        // perf counts processor time.
        options.count_name = "ns".to_owned();
        options.min_width = NARROWEST;
        flamegraph::from_reader(&mut options, folded.as_slice(), File::create(&self.picture)?)
            .map_err(io::Error::other)?;
        println!("    where the time went: {}", self.picture.display());
        Ok(())
    }
}
