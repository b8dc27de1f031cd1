//! `cargo xtask bench NAME`: builds and runs one bench target of the workspace in the release profile.
//!
//! A bench prints its own table and, through `caldera-bench`, writes `target/bench/NAME.json`. Benches are found by their
//! name in the manifests (`[[bench]] name = "NAME"`, `harness = false`), so there is no list to keep.

use crate::{
    error::{Error, Result},
    peers, plugins,
    process::Tool,
    workspace::Workspace,
};
use std::fs;

/// Runs the bench; `args` go to it as they are.
pub fn run(workspace: &Workspace, name: &str, args: &[String]) -> Result<()> {
    check_name(workspace, name)?;
    plugins::build(workspace)?;
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    let cargo = Tool::cargo()
        // The profile `bench` and a narrower selection would both compile the dependencies once more.
        .args(["bench", "--profile", "release", "--workspace", "--bench", name, "--"])
        .args(args)
        .env("CALDERA_PLUGINS", workspace.plugins())
        .env("CALDERA_BENCH_DIR", &folder)
        .dir(&workspace.root);
    peers::of(workspace, name).into_iter().fold(cargo, |cargo, (variable, file)| cargo.env(variable, file)).run()
}

fn check_name(workspace: &Workspace, name: &str) -> Result<()> {
    let mut names: Vec<_> =
        workspace.packages.iter().flat_map(|package| &package.benches).map(String::as_str).collect();
    if names.contains(&name) {
        return Ok(());
    }
    names.sort_unstable();
    let known =
        if names.is_empty() { "there are none yet".to_owned() } else { format!("there are: {}", names.join(", ")) };
    Err(Error::Usage(format!("there is no bench `{name}`; {known}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Package;

    #[test]
    fn an_unknown_bench_is_answered_with_the_known_ones() {
        let package = Package {
            name: "caldera-engine".into(),
            folder: "host/engine".into(),
            dependencies: Vec::new(),
            component: None,
            library: None,
            benches: vec!["engine-call".into()],
        };
        let workspace = Workspace { root: "/w".into(), target: "/t".into(), packages: vec![package] };
        assert!(check_name(&workspace, "engine-call").is_ok());
        let error = check_name(&workspace, "speed").unwrap_err().to_string();
        assert_eq!(error, "there is no bench `speed`; there are: engine-call");
    }
}
