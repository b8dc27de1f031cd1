//! `cargo xtask crash` and `crossing`: the crash tests by hand, with as many kills as it takes to believe them.

use crate::{error::Result, plugins, process::Tool, workspace::Workspace};

/// Kills the node so many times, half of them on each store, and damages logs and stores in as many rounds; the tables go to
/// `crash.md` and `faults.md` in the target folder.
pub fn run(workspace: &Workspace, kills: u32, rounds: u32) -> Result<()> {
    plugins::build(workspace)?;
    test(workspace, "crash", kills).env("CALDERA_ROUNDS", rounds.to_string()).run()
}

/// Kills nodes in the middle of crossings so many times, two that others carry between, and one that carries by itself; the tables go
/// to `crossing.md` and `carrier.md` in the target folder.
pub fn crossing(workspace: &Workspace, kills: u32) -> Result<()> {
    plugins::build(workspace)?;
    test(workspace, "crossing", kills).run()
}

/// A test of the node that kills it.
fn test(workspace: &Workspace, name: &str, kills: u32) -> Tool {
    Tool::cargo()
        .args(["test", "--release", "--workspace", "--test", name, "--", "--nocapture", "--test-threads", "1"])
        .env("CALDERA_PLUGINS", workspace.plugins())
        .env("CALDERA_KILLS", kills.to_string())
        .dir(&workspace.root)
}
