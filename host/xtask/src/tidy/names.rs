//! Names at home: a library that can be replaced is named in one place, so that replacing it touches one place.

use super::{
    Finding,
    source::{Source, has_word},
};
use std::collections::BTreeSet;

/// A library and the only folder whose code may name it.
struct Home {
    name: &'static str,
    folder: &'static str,
    /// Whether a single file of that folder must hold all of it.
    one_file: bool,
}

const HOMES: [Home; 5] = [
    Home { name: "sled", folder: "host/state/src", one_file: true },
    Home { name: "fjall", folder: "host/state/src", one_file: true },
    Home { name: "wasmtime", folder: "host/engine", one_file: false },
    Home { name: "revm", folder: "host/execution", one_file: false },
    Home { name: "libp2p", folder: "host/validation", one_file: false },
];

/// This tool has to name them to look for them.
const EXEMPT: &str = "host/xtask";

/// Names away from home.
pub fn findings(sources: &[Source]) -> Vec<Finding> {
    let rust: Vec<_> = sources.iter().filter(|source| source.is_rust() && !source.is_under(EXEMPT)).collect();
    HOMES.iter().flat_map(|home| misplaced(home, &rust)).collect()
}

fn misplaced(home: &Home, sources: &[&Source]) -> Vec<Finding> {
    let uses = sources
        .iter()
        .flat_map(|source| source.code().filter(|(_, code)| names(code, home.name)).map(|(line, _)| (*source, line)));
    let (inside, outside): (Vec<_>, Vec<_>) = uses.partition(|(source, _)| source.is_under(home.folder));
    let away = format!("names {}, whose only home is {}", home.name, home.folder);
    let mut findings: Vec<_> =
        outside.into_iter().map(|(source, line)| Finding::new(source.at(line), away.clone())).collect();
    let files: BTreeSet<_> = inside.iter().map(|(source, _)| source.path.as_str()).collect();
    if home.one_file && files.len() > 1 {
        let files = files.into_iter().collect::<Vec<_>>().join(", ");
        findings.push(Finding::new(
            home.folder,
            format!("{} is named in several files: {files}; keep it in one", home.name),
        ));
    }
    findings
}

/// A path into the library. A test called `sled` or a variable of that name is no use of it.
fn names(code: &str, library: &str) -> bool {
    has_word(code, &format!("{library}::")) || has_word(code, &format!("use {library}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], want: &[&str]) {
        let sources: Vec<_> = files.iter().map(|(path, text)| Source::new(*path, *text)).collect();
        let got: Vec<_> = findings(&sources).iter().map(Finding::to_string).collect();
        assert_eq!(got.len(), want.len(), "{got:#?}");
        got.iter().zip(want).for_each(|(got, want)| assert!(got.contains(want), "{got}"));
    }

    #[test]
    fn libraries_stay_at_home() {
        check(&[("host/state/src/store.rs", "use sled::Db;"), ("host/engine/src/a.rs", "wasmtime::Engine")], &[]);
        check(&[("host/chain/src/a.rs", "x\nuse sled::Db;")], &["host/chain/src/a.rs:2: names sled"]);
        check(&[("host/chain/src/a.rs", "// sled is below")], &[]);
        check(&[("host/xtask/src/a.rs", "\"sled::\"")], &[]);
        check(&[("README.md", "sled::Db")], &[]);
        check(&[("host/state/tests/a.rs", "fn sled() {}")], &[]);
        check(&[("host/chain/src/a.rs", "pub use sled;")], &["names sled"]);
        check(&[("host/state/tests/a.rs", "sled::open()")], &["host/state/tests/a.rs:1"]);
    }

    #[test]
    fn the_store_behind_the_port_is_one_file() {
        check(&[("host/state/src/a.rs", "sled::A"), ("host/state/src/b.rs", "sled::B")], &["named in several files"]);
    }
}
