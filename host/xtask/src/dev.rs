//! `cargo xtask dev`: from a clean clone to a live node in one command.

use crate::{
    error::{Error, Result},
    node, plugins,
    process::Tool,
    report::Steps,
    workspace::Workspace,
};

/// Builds what is missing, then becomes the node: signals and the exit code are the node's own. Returns only on failure.
pub fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let mut steps = Steps::new(2);
    steps.step::<Error>("guest target and plugins", || plugins::build(workspace))?;
    steps.step::<Error>("node", || {
        node::build(workspace)?;
        Ok(workspace.node_binary().display().to_string())
    })?;
    eprintln!();
    Err(Tool::new(workspace.node_binary())
        .args(["dev", "--plugins"])
        .arg(workspace.plugins())
        .args(args)
        .replace_self())
}
