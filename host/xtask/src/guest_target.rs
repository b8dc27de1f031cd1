//! The guest target `wasm32-unknown-unknown`: makes sure that plugins can be compiled on this machine.
//!
//! Roads, in order: it is already there; `rustup target add`; std built from the source of exactly this compiler. Each
//! says what it does, each result is proven by compiling a probe, and a road that was interrupted leaves nothing behind
//! that looks finished: work happens under `target/xtask/`, and one rename puts the result in place.

mod apt;
mod apt_private;
mod install;
mod probe;
mod std_build;
mod std_source;
mod toolchain;

use crate::{
    error::{Error, Result},
    process::{Tool, on_path},
    report::seconds,
    workspace::Workspace,
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
pub use toolchain::{Toolchain, registry_sources};

/// The target of every plugin: no WASI, so a component imports nothing but the engine contract.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// How long `rustup target add` may take: a machine without its server must not wait for ever.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

const ADVICE: &str = "Install one of: the target by `rustup target add wasm32-unknown-unknown`; the source by `rustup component add \
     rust-src`; your distribution's `rust-src` package of exactly this version; or set RUST_STD_SRC to the standard library's source \
     of exactly this version (its `library` folder, or a .tar.xz of it). Then run the same command again.";

/// A way to get the guest target. `cargo xtask guest-target --road NAME` takes one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Road {
    /// `rustup target add`.
    Rustup,
    /// std built from `RUST_STD_SRC`, or from source that this machine already has.
    Source,
    /// std built from the distribution's `rust-src` package.
    Package,
}

impl Road {
    const ALL: [Self; 3] = [Self::Rustup, Self::Source, Self::Package];

    fn describe(self) -> &'static str {
        match self {
            Self::Rustup => "`rustup target add`",
            Self::Source => "std from source on this machine",
            Self::Package => "std from the distribution's rust-src package",
        }
    }
}

/// A guest target that compiled the probe.
pub struct GuestTarget {
    /// Where its std lies when the toolchain's own folder is not writable; to be passed as `--sysroot`.
    pub sysroot: Option<PathBuf>,
}

/// Makes sure of the guest target, by whatever road works first.
pub fn ensure(workspace: &Workspace) -> Result<GuestTarget> {
    let (toolchain, scratch, _lock) = prepare(workspace)?;
    if let Some(found) = present(&toolchain, &scratch)? {
        return Ok(found);
    }
    let mut tried = vec![format!("  already there: no, for rustc {}", toolchain.release)];
    for road in Road::ALL {
        match travel(road, &toolchain, &scratch) {
            Ok(found) => return Ok(found),
            Err(error) => {
                say(&format!("not this way: {error}"));
                tried.push(format!("  {}: {error}", road.describe()));
            }
        }
    }
    Err(Error::NoGuestTarget { tried: tried.join("\n"), advice: ADVICE })
}

/// Takes one road, even if the target is already there.
pub fn force(workspace: &Workspace, road: Road) -> Result<GuestTarget> {
    let (toolchain, scratch, _lock) = prepare(workspace)?;
    travel(road, &toolchain, &scratch)
}

/// One run at a time per target folder; whoever waited then finds the target already there.
fn prepare(workspace: &Workspace) -> Result<(Toolchain, PathBuf, File)> {
    let scratch = workspace.scratch();
    fs::create_dir_all(&scratch).map_err(Error::file("create", &scratch))?;
    let path = scratch.join("guest-target.lock");
    let lock = File::create(&path).map_err(Error::file("create", &path))?;
    lock.lock().map_err(Error::file("lock", &path))?;
    Ok((Toolchain::ask()?, scratch, lock))
}

fn present(toolchain: &Toolchain, scratch: &Path) -> Result<Option<GuestTarget>> {
    let private = install::private_sysroot(toolchain, scratch);
    let places = [Some(None), private.is_dir().then_some(Some(private))];
    for sysroot in places.into_iter().flatten() {
        let began = Instant::now();
        if probe::compile(sysroot.as_deref(), scratch).is_ok() {
            say(&format!("already there, compiled the probe in {}", seconds(began.elapsed())));
            return Ok(Some(GuestTarget { sysroot }));
        }
    }
    Ok(None)
}

fn travel(road: Road, toolchain: &Toolchain, scratch: &Path) -> Result<GuestTarget> {
    let began = Instant::now();
    say(&format!("trying {}", road.describe()));
    let sysroot = match road {
        Road::Rustup => {
            add_by_rustup()?;
            None
        }
        Road::Source => {
            let work = fresh(&scratch.join("std-source"))?;
            build_from(&std_source::local(toolchain, &work)?, toolchain, scratch)?
        }
        Road::Package => {
            let work = fresh(&scratch.join("std-package"))?;
            build_from(&apt::fetch(toolchain, &work)?, toolchain, scratch)?
        }
    };
    probe::compile(sysroot.as_deref(), scratch)?;
    for leftover in ["std-source", "std-package", "std-build"] {
        // Only disk space is at stake, and the next run wipes them anyway.
        let _ = fs::remove_dir_all(scratch.join(leftover));
    }
    say(&format!("ready by {}, proven by the probe, in {}", road.describe(), seconds(began.elapsed())));
    Ok(GuestTarget { sysroot })
}

fn add_by_rustup() -> Result<()> {
    if !on_path("rustup") {
        return Err(Error::Usage("rustup is not on PATH".into()));
    }
    Tool::new("rustup").args(["target", "add", TARGET]).run_within(RUSTUP_LIMIT)
}

fn build_from(library: &Path, toolchain: &Toolchain, scratch: &Path) -> Result<Option<PathBuf>> {
    let rlibs = std_build::build(library, toolchain, &fresh(&scratch.join("std-build"))?)?;
    install::place(&rlibs, toolchain, scratch)
}

/// An empty folder, whatever an interrupted run left there.
fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Error::file("remove", folder))?;
    }
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    Ok(folder.to_owned())
}

fn say(line: &str) {
    eprintln!("guest target: {line}");
}
