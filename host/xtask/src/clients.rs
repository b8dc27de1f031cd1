//! Client tests: what wallets and libraries of others (viem, ethers) do, against the real node. They live in a folder with its
//! own npm lock file; `npm test` there runs them all, with `CALDERA_BIN` and `CALDERA_PLUGINS` in the environment.

use crate::{
    error::Result,
    process::{Tool, on_path},
    suite::skipped,
    workspace::Workspace,
};

const FOLDER: &str = "host/node/tests/clients";

/// Installs exactly what the lock file names, and runs the tests.
pub fn test(workspace: &Workspace) -> Result<String> {
    let folder = workspace.root.join(FOLDER);
    if !folder.join("package.json").is_file() {
        return Ok(format!("none yet in {FOLDER}"));
    }
    if let Err(why) = ensure_node_js() {
        return skipped("client tests", &why);
    }
    // No audit, no funding notes: the lock file decides, and the registry is asked for packages only.
    Tool::new("npm").args(["ci", "--no-audit", "--no-fund"]).dir(&folder).run()?;
    Tool::new("npm")
        .arg("test")
        .dir(&folder)
        .env("CALDERA_BIN", workspace.node_binary())
        .env("CALDERA_PLUGINS", workspace.plugins())
        .run()?;
    Ok(String::new())
}

fn ensure_node_js() -> Result<()> {
    if on_path("node") && on_path("npm") {
        return Ok(());
    }
    eprintln!("node or npm is missing; installing the distribution's packages nodejs and npm");
    let apt = |args: &[&str]| Tool::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").output();
    // Stale lists name packages that the mirror has dropped; if they cannot be renewed, the old ones may still do.
    if let Err(error) = apt(&["-qq", "update"]) {
        eprintln!("apt-get update: {error}");
    }
    apt(&["-qq", "install", "--yes", "--no-install-recommends", "nodejs", "npm"]).map(drop)
}
