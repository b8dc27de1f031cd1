//! Programs beside Rust and a C compiler that builds and tests need, from the distribution.

use crate::{
    error::Result,
    process::{Tool, on_path},
};

/// jemalloc, the node's allocator, is built by its own makefile.
pub fn ensure_make() -> Result<()> {
    if on_path("make") {
        return Ok(());
    }
    eprintln!("make is missing; installing the distribution's package make");
    install(&["make"])
}

/// What the client tests run on.
pub fn ensure_node_js() -> Result<()> {
    if on_path("node") && on_path("npm") {
        return Ok(());
    }
    eprintln!("node or npm is missing; installing the distribution's packages nodejs and npm");
    install(&["nodejs", "npm"])
}

/// Installs packages of the distribution.
pub fn install(packages: &[&str]) -> Result<()> {
    let apt = |args: &[&str]| Tool::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").output();
    // Stale lists name packages that the mirror has dropped; if they cannot be renewed, the old ones may still do.
    if let Err(error) = apt(&["-qq", "update"]) {
        eprintln!("apt-get update: {error}");
    }
    apt(&[&["-qq", "install", "--yes", "--no-install-recommends"], packages].concat()).map(drop)
}
