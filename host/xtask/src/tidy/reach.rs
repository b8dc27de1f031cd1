//! Reach: crates that are not ours and must not be linked, along whatever path. Proven by `cargo tree`.

use super::Finding;
use crate::{
    error::Result,
    process::Tool,
    workspace::{Package, Workspace},
};
use std::collections::BTreeSet;

/// What a host crate must never reach.
const HOST: [(&str, &[&str]); 6] = [
    ("caldera-bls", &["sled", "wasmtime", "revm", "tokio"]),
    ("caldera-types", &["sled", "wasmtime", "revm", "tokio"]),
    ("caldera-state", &["wasmtime", "revm", "tokio"]),
    // It knows nothing of the EVM: all goes through the `EngineHost` port.
    ("caldera-engine", &["revm", "sled", "tokio"]),
    // Rules are pure: no sockets, no runtime.
    ("caldera-execution", &["tokio", "libp2p", "jsonrpsee-core"]),
    // A validator needs no node: what it links of ours is named, and everything else is not it.
    ("caldera-validation", &["caldera-chain", "caldera-api", "caldera-node", "tokio", "jsonrpsee-core"]),
];

/// What a guest must never reach: it has no system below it.
const GUEST: &[&str] = &["wasmtime", "revm", "sled", "tokio", "getrandom"];

/// Crates that reach what they must not.
pub fn findings(workspace: &Workspace) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let Some((forbidden, target)) = rule(package) else { continue };
        let tree = tree(workspace, package, target)?;
        let reached = reached(&tree);
        let bad = forbidden.iter().filter(|name| reached.contains(**name));
        findings.extend(bad.map(|name| {
            let way = format!("cargo tree -p {} -e normal -i {name}", package.name);
            Finding::new(&package.name, format!("reaches {name}; `{way}` shows how"))
        }));
    }
    Ok(findings)
}

fn rule(package: &Package) -> Option<(&'static [&'static str], Option<&'static str>)> {
    let host = HOST.iter().find(|(name, _)| *name == package.name).map(|(_, forbidden)| (*forbidden, None));
    let guest = package.component.is_some().then_some((GUEST, Some(crate::guest_target::TARGET)));
    host.or(guest)
}

fn tree(workspace: &Workspace, package: &Package, target: Option<&str>) -> Result<String> {
    let tree = Tool::cargo()
        .args([
            "tree",
            "--package",
            &package.name,
            "--edges",
            "normal,no-proc-macro",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .dir(&workspace.root);
    target.into_iter().fold(tree, |tree, target| tree.args(["--target", target])).output()
}

/// The names in a flat `cargo tree`: the first word of each line.
fn reached(tree: &str) -> BTreeSet<&str> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_first_words() {
        let tree = "caldera-engine v0.1.0 (host/engine)\nwasmtime v48.0.8\nwasmtime v48.0.8 (*)\n";
        assert_eq!(reached(tree).into_iter().collect::<Vec<_>>(), ["caldera-engine", "wasmtime"]);
    }

    #[test]
    fn a_tree_of_this_crate_shows_what_it_links_and_not_its_tests() {
        let workspace = Workspace::load().unwrap();
        let xtask = workspace.packages.iter().find(|package| package.name == "xtask").unwrap();
        let tree = tree(&workspace, xtask, None).unwrap();
        assert!(reached(&tree).contains("clap") && !reached(&tree).contains("tempfile"));
    }
}
