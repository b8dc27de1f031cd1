//! Floors: a crate uses only floors below it, rooms on one floor do not import each other, guests and host never meet.
//!
//! Judged by the manifests, so that optional and target-specific dependencies count too. Every member of the workspace is
//! judged, so that what holds for each edge holds along every path; `reach` looks at crates that are not ours.

use super::Finding;
use crate::workspace::{Dependency, Kind, Package};
use std::collections::BTreeMap;

/// The host's rooms, lowest floor first.
const FLOORS: [(&str, u8); 11] = [
    ("caldera-types", 0),
    ("caldera-bls", 0),
    ("caldera-ecrecover", 0),
    ("caldera-state", 1),
    ("caldera-engine", 1),
    ("caldera-execution", 2),
    ("caldera-chain", 3),
    ("caldera-validation", 3),
    ("caldera-weave", 4),
    ("caldera-api", 5),
    ("caldera-node", 6),
];

/// The tool itself: it builds the others, so it waits for none of them, and none needs it.
const TOOL: &str = "xtask";

/// For tests and benches only, of any room: they may need rooms, and no room links them.
const AIDS: [&str; 2] = ["caldera-bench", "caldera-testkit"];

/// Edges from the host to a guest's library that are meant: the tour and the CSV command speak to the clearing engine by its
/// ABI, as any client would, and what links chains to the weave engine by its. An engine itself is never linked into the node.
const CLIENTS: [(&str, &str); 4] = [
    ("caldera-node", "clearing-rules"),
    ("caldera-node", "weave-rules"),
    ("caldera-weave", "weave-rules"),
    ("caldera-api", "weave-rules"),
];

/// Crates whose name stands in one room's manifest only. `wasmtime` covers `wasmtime-*` too.
const HOMES: [(&str, &str); 4] = [
    ("sled", "caldera-state"),
    ("wasmtime", "caldera-engine"),
    ("revm", "caldera-execution"),
    ("libp2p", "caldera-validation"),
];

/// Where a package stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Host(u8),
    Tool,
    Aid,
    /// Compiled to wasm: the SDK, plugins, and examples of them.
    Guest,
    Unknown,
}

/// Edges that the floors do not allow.
pub fn findings(packages: &[Package]) -> Vec<Finding> {
    let members: BTreeMap<&str, &Package> = packages.iter().map(|package| (package.name.as_str(), package)).collect();
    let mut findings: Vec<_> = packages.iter().flat_map(|package| unplaced(package).into_iter()).collect();
    for package in packages {
        for dependency in &package.dependencies {
            let problem = match members.get(dependency.name.as_str()) {
                Some(other) => inside(package, other, dependency.kind),
                None => outside(package, dependency),
            };
            findings.extend(problem.map(|problem| Finding::new(&package.name, problem)));
        }
    }
    findings
}

fn place(package: &Package) -> Place {
    let guests = ["sdk-guest", "plugins", "examples"];
    if let Some((_, floor)) = FLOORS.iter().find(|(name, _)| *name == package.name) {
        Place::Host(*floor)
    } else if package.name == TOOL {
        Place::Tool
    } else if AIDS.contains(&package.name.as_str()) {
        Place::Aid
    } else if guests.iter().any(|folder| package.folder.starts_with(folder)) {
        Place::Guest
    } else {
        Place::Unknown
    }
}

fn unplaced(package: &Package) -> Option<Finding> {
    let problem = "stands on no floor: name its floor in host/xtask/src/tidy/floors.rs";
    (place(package) == Place::Unknown).then(|| Finding::new(&package.name, problem))
}

/// An edge between two of our crates.
fn inside(from: &Package, to: &Package, kind: Kind) -> Option<String> {
    let (name, test) = (&to.name, kind == Kind::Dev);
    match (place(from), place(to)) {
        (Place::Unknown, _) | (_, Place::Unknown) => None,
        (_, Place::Tool) => Some(format!("needs {name}, which builds it")),
        (Place::Tool, _) => Some(format!("needs {name}: what builds the project must not wait for it")),
        (Place::Aid, _) => None,
        (_, Place::Aid) if test => None,
        (_, Place::Aid) => Some(format!("links {name}, which is for tests and benches only")),
        (Place::Host(own), Place::Host(other)) if other < own => None,
        (Place::Host(own), Place::Host(other)) if other == own => {
            Some(format!("needs {name} on the same floor {own}; they meet in a floor above"))
        }
        (Place::Host(own), Place::Host(other)) => Some(format!("floor {own} needs {name} on floor {other}, above it")),
        (Place::Guest, Place::Guest) => None,
        // Tests may look at the rules that a plugin follows.
        (Place::Host(_), Place::Guest) if test || CLIENTS.contains(&(&from.name, name)) => None,
        (Place::Host(_), Place::Guest) => Some(format!("the host needs the guest {name}: policy lives in plugins")),
        (Place::Guest, Place::Host(_)) => {
            Some(format!("a guest needs the host's {name}: it could not run in the sandbox"))
        }
    }
}

/// An edge to somebody else's crate.
fn outside(from: &Package, dependency: &Dependency) -> Option<String> {
    let covers =
        |stem: &str| dependency.name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let (_, home) = HOMES.iter().find(|(stem, _)| covers(stem))?;
    (from.name != *home).then(|| format!("needs {}, whose only home is {home}", dependency.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One crate per line, as `folder name: dependency dev=dependency`.
    fn packages(text: &str) -> Vec<Package> {
        let dependency = |word: &str| match word.strip_prefix("dev=") {
            Some(name) => Dependency { name: name.into(), kind: Kind::Dev },
            None => Dependency { name: word.into(), kind: Kind::Normal },
        };
        let package = |line: &str| {
            let (head, tail) = line.split_once(':').unwrap();
            let (folder, name) = head.trim().split_once(' ').unwrap();
            Package {
                name: name.into(),
                folder: folder.into(),
                dependencies: tail.split_whitespace().map(dependency).collect(),
                component: None,
                library: None,
                benches: Vec::new(),
            }
        };
        text.lines().filter(|line| !line.trim().is_empty()).map(package).collect()
    }

    fn check(text: &str, want: &[&str]) {
        let got: Vec<_> = findings(&packages(text)).iter().map(Finding::to_string).collect();
        assert_eq!(got.len(), want.len(), "{text}\n{got:#?}");
        for (got, want) in got.iter().zip(want) {
            assert!(got.contains(want), "{text}\ngot {got}, want {want}");
        }
    }

    #[test]
    fn the_house_as_drawn_stands() {
        check(include_str!("../../fixtures/floors/house.txt"), &[]);
    }

    #[test]
    fn each_violation_is_named() {
        let rooms = "host/types caldera-types:\nhost/state caldera-state: caldera-types\nhost/engine caldera-engine: caldera-types\n\
             host/bench-report caldera-bench:\nsdk-guest caldera-sdk:\n";
        let with = |line: &str, want: &[&str]| check(&format!("{rooms}{line}"), want);
        with("host/chain caldera-chain: caldera-api\nhost/api caldera-api:", &["floor 3 needs caldera-api on floor 5"]);
        with("host/chain caldera-chain: dev=caldera-api\nhost/api caldera-api:", &["caldera-chain: floor 3 needs"]);
        with("host/api caldera-api: sled", &["caldera-api: needs sled, whose only home is caldera-state"]);
        with("host/api caldera-api: dev=wasmtime-environ", &["whose only home is caldera-engine"]);
        with("host/api caldera-api: revm-primitives revmc", &["revm-primitives, whose only home is caldera-execution"]);
        with("host/api caldera-api: caldera-bench", &["links caldera-bench, which is for tests"]);
        with("host/testkit caldera-testkit: caldera-engine", &[]);
        with(
            "host/testkit caldera-testkit: xtask\nhost/xtask xtask:",
            &["caldera-testkit: needs xtask, which builds it"],
        );
        with("host/api caldera-api: dev=caldera-bench", &[]);
        with("host/api caldera-api: caldera-sdk", &["policy lives in plugins"]);
        with("host/api caldera-api: dev=caldera-sdk", &[]);
        with("plugins/p p: caldera-sdk caldera-state", &["p: a guest needs the host's caldera-state"]);
        with("host/xtask xtask: caldera-types", &["xtask: needs caldera-types"]);
        with("host/attic caldera-attic: caldera-types", &["caldera-attic: stands on no floor"]);
    }

    #[test]
    fn rooms_on_one_floor_do_not_meet() {
        let text = "host/state caldera-state:\nhost/engine caldera-engine: caldera-state\n";
        check(text, &["caldera-engine: needs caldera-state on the same floor 1"]);
    }
}
