//! `cargo xtask crash`: the crash tests by hand, with as many kills as it takes to believe them.

use crate::{error::Result, plugins, process::Tool, workspace::Workspace};

/// Kills the node so many times, half of them on each store, and damages logs and stores in as many rounds; the tables go to
/// `crash.md` and `faults.md` in the target folder.
pub fn run(workspace: &Workspace, kills: u32, rounds: u32) -> Result<()> {
    plugins::build(workspace)?;
    Tool::cargo()
        .args(["test", "--release", "--workspace", "--test", "crash", "--", "--nocapture", "--test-threads", "1"])
        .env("CALDERA_PLUGINS", workspace.plugins())
        .env("CALDERA_KILLS", kills.to_string())
        .env("CALDERA_ROUNDS", rounds.to_string())
        .dir(&workspace.root)
        .run()
}
