//! Builds the node for `dev` and the client tests, with the features that tests and benches have, so that its dependencies
//! compile once for all of them.

use crate::{error::Result, process::Tool, workspace::Workspace};

/// Cargo unites the features of what it is asked to build, those of `[dev-dependencies]` only if a test, bench or example is
/// among it. This small example brings them in.
const FEATURES_OF_TESTS: [&str; 2] = ["--example", "sort-report"];

/// Builds the binary `caldera`, release profile.
pub fn build(workspace: &Workspace) -> Result<()> {
    Tool::cargo()
        .args(["build", "--release", "--workspace", "--bin", "caldera"])
        .args(FEATURES_OF_TESTS)
        .dir(&workspace.root)
        .run()
}
