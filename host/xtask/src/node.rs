//! Builds the node for `dev` and the client tests.

use crate::{error::Result, process::Tool, workspace::Workspace};

/// Builds the binary `caldera`, release profile. The whole workspace is selected, so that cargo resolves the same features
/// as for tests and benches: the node's dependencies compile once for all of them.
pub fn build(workspace: &Workspace) -> Result<()> {
    Tool::cargo().args(["build", "--release", "--workspace", "--bin", "caldera"]).dir(&workspace.root).run()
}
