//! Client tests: what wallets, libraries and tools of others (viem, ethers, web3.py, Hardhat, Foundry) do, against the real node. They live in a folder
//! with its own npm lock file and pip requirements; `npm test` there runs the former, a virtual environment of their own the
//! latter, with `CALDERA_BIN` and `CALDERA_PLUGINS` in the environment.

use std::path::{Path, PathBuf};

use crate::{
    error::{Error, Result},
    node, packages, plugins,
    process::Tool,
    suite::skipped,
    workspace::Workspace,
};

const FOLDER: &str = "host/node/tests/clients";
/// The example of one decision over many chains, which checks what it counts.
const VOTE: &str = "examples/cross-chain-vote";
/// The smallest setting of it, with no wait of the relay.
const SMALL_VOTE: [&str; 9] = ["run.mjs", "--chains", "2", "--voters", "2", "--rounds", "1", "--finality", "0"];
/// The example that Hardhat and Foundry test.
const GUESTBOOK: &str = "examples/guestbook";
/// What pip installs, and the script that needs it.
const REQUIREMENTS: &str = "requirements.txt";
const SCRIPT: &str = "test_web3.py";
/// What looks far back, and where it reads how far.
const DEPTH: (&str, &str) = ("depth.test.mjs", "CALDERA_DEPTH");

/// Installs exactly what the lock file names, and runs the tests.
pub fn test(workspace: &Workspace) -> Result<String> {
    let folder = workspace.root.join(FOLDER);
    if !folder.join("package.json").is_file() {
        return Ok(format!("none yet in {FOLDER}"));
    }
    if let Err(why) = packages::ensure_node_js() {
        return skipped("client tests", &why);
    }
    install_packages(&folder)?;
    with_node(workspace, Tool::new("npm").arg("test")).dir(&folder).run()?;
    let vote = workspace.root.join(VOTE);
    install_packages(&vote)?;
    Tool::new("npm").args(["run", "compile", "--", "--check"]).dir(&vote).run()?;
    with_node(workspace, Tool::new("node").args(SMALL_VOTE)).dir(&vote).run()?;
    let guestbook = workspace.root.join(GUESTBOOK);
    install_packages(&guestbook)?;
    with_node(workspace, Tool::new("npm").arg("test")).dir(&guestbook).run()?;
    match python(workspace, &folder) {
        Ok(python) => with_node(workspace, Tool::new(python).args(["-B", SCRIPT])).dir(&folder).run()?,
        Err(why) => return skipped("client tests in Python", &why),
    }
    Ok(String::new())
}

/// Proves the past of a chain of so many blocks and more.
pub fn proofs(workspace: &Workspace, blocks: u32) -> Result<()> {
    plugins::build(workspace)?;
    node::build(workspace)?;
    packages::ensure_node_js()?;
    let folder = workspace.root.join(FOLDER);
    install_packages(&folder)?;
    let (script, depth) = DEPTH;
    with_node(workspace, Tool::new("node").args(["--test", script])).env(depth, blocks.to_string()).dir(&folder).run()
}

/// No audit, no funding notes: the lock file decides, and the registry is asked for packages only.
fn install_packages(folder: &Path) -> Result<()> {
    Tool::new("npm").args(["ci", "--no-audit", "--no-fund"]).dir(folder).run()
}

fn with_node(workspace: &Workspace, tool: Tool) -> Tool {
    tool.env("CALDERA_BIN", workspace.node_binary()).env("CALDERA_PLUGINS", workspace.plugins())
}

/// The Python of a virtual environment with what the requirements name. A change of theirs makes another environment.
fn python(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let wanted = folder.join(REQUIREMENTS);
    let home = workspace.scratch().join("python");
    let (python, installed) = (home.join("bin").join("python"), home.join(REQUIREMENTS));
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    if python.is_file() && read(&installed).is_some() && read(&installed) == read(&wanted) {
        return Ok(python);
    }
    let make = || Tool::new("python3").args(["-m", "venv", "--clear"]).arg(&home).output();
    if make().is_err() {
        eprintln!("python3 or its venv module is missing; installing the distribution's package python3-venv");
        packages::install(&["python3-venv"])?;
        make()?;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    Tool::new(&python).args(pip).arg(&wanted).run()?;
    std::fs::copy(&wanted, &installed).map_err(|source| Error::File { action: "write", path: installed, source })?;
    Ok(python)
}
