//! The workspace as cargo sees it. The target folder may lie anywhere (`CARGO_TARGET_DIR`), so no chore assumes `./target`.

use crate::{
    error::{Error, Result},
    process::Tool,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The workspace: where it lies, and its own packages.
pub struct Workspace {
    /// The folder with the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
    /// The members, by name.
    pub packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder, relative to the workspace's root.
    pub folder: PathBuf,
    /// What its manifest asks for, optional and target-specific dependencies included.
    pub dependencies: Vec<Dependency>,
    /// The component that is made of it: `component` in `[package.metadata.caldera]`.
    pub component: Option<String>,
    /// The library's name, as in its file name.
    pub library: Option<String>,
    /// Its bench targets.
    pub benches: Vec<String>,
}

/// One line of a manifest's dependency tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The package's name, whatever it was renamed to.
    pub name: String,
    /// `dev` dependencies reach tests and benches only; `build` ones reach the machine that builds.
    pub kind: Kind,
}

/// Which table a dependency stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `[dependencies]`
    Normal,
    /// `[build-dependencies]`
    Build,
    /// `[dev-dependencies]`
    Dev,
}

impl Workspace {
    /// Asks cargo.
    pub fn load() -> Result<Self> {
        let answer = Tool::cargo().args(["metadata", "--format-version", "1", "--no-deps"]).output()?;
        Self::parse(&answer)
    }

    /// Reads the JSON of `cargo metadata --no-deps`.
    pub fn parse(answer: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(answer).map_err(|error| malformed(error.to_string()))?;
        let root = PathBuf::from(text(&json, "workspace_root")?);
        let mut packages =
            list(&json, "packages")?.iter().map(|json| package(&root, json)).collect::<Result<Vec<_>>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { target: text(&json, "target_directory")?.into(), root, packages })
    }

    /// Where chores keep what they make besides cargo's own output.
    pub fn scratch(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// Where the finished components lie.
    pub fn plugins(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// The node's binary after a release build.
    pub fn node_binary(&self) -> PathBuf {
        self.target.join("release").join("caldera")
    }
}

fn package(root: &Path, json: &Value) -> Result<Package> {
    let manifest = PathBuf::from(text(json, "manifest_path")?);
    let folder = manifest.parent().unwrap_or(root);
    let targets = list(json, "targets")?;
    let of_kind = |kind: &str| {
        let has = |target: &&Value| target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k == kind));
        let names = targets.iter().filter(has).filter_map(|target| target["name"].as_str());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    Ok(Package {
        name: text(json, "name")?.to_owned(),
        folder: folder.strip_prefix(root).unwrap_or(folder).to_owned(),
        dependencies: list(json, "dependencies")?.iter().map(dependency).collect::<Result<_>>()?,
        component: json["metadata"]["caldera"]["component"].as_str().map(str::to_owned),
        library: of_kind("cdylib").pop().map(|name| name.replace('-', "_")),
        benches: of_kind("bench"),
    })
}

fn dependency(json: &Value) -> Result<Dependency> {
    let kind = match json["kind"].as_str() {
        None => Kind::Normal,
        Some("build") => Kind::Build,
        Some("dev") => Kind::Dev,
        Some(other) => return Err(malformed(format!("dependency kind `{other}`"))),
    };
    Ok(Dependency { name: text(json, "name")?.to_owned(), kind })
}

fn text<'a>(json: &'a Value, key: &str) -> Result<&'a str> {
    json[key].as_str().ok_or_else(|| malformed(format!("no text under `{key}`")))
}

fn list<'a>(json: &'a Value, key: &str) -> Result<&'a [Value]> {
    json[key].as_array().map(Vec::as_slice).ok_or_else(|| malformed(format!("no list under `{key}`")))
}

fn malformed(problem: String) -> Error {
    Error::Answer { from: "cargo metadata", problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_read() {
        let workspace = Workspace::load().unwrap();
        let xtask = workspace.packages.iter().find(|package| package.name == "xtask").unwrap();
        assert_eq!(xtask.folder, Path::new("host/xtask"));
        assert!(xtask.dependencies.contains(&Dependency { name: "clap".into(), kind: Kind::Normal }));
        assert!(xtask.dependencies.contains(&Dependency { name: "tempfile".into(), kind: Kind::Dev }));
        assert_eq!(xtask.component, None);
    }

    #[test]
    fn components_libraries_and_benches_are_found() {
        let json = r#"{"workspace_root": "/w", "target_directory": "/t", "packages": [{
            "name": "clearing-v1", "manifest_path": "/w/plugins/clearing/v1/Cargo.toml", "dependencies": [],
            "metadata": {"caldera": {"component": "clearing"}},
            "targets": [{"name": "clearing-v1", "kind": ["rlib", "cdylib"]}, {"name": "speed", "kind": ["bench"]}]}]}"#;
        let workspace = Workspace::parse(json).unwrap();
        let package = &workspace.packages[0];
        assert_eq!(package.component.as_deref(), Some("clearing"));
        assert_eq!(package.library.as_deref(), Some("clearing_v1"));
        assert_eq!(package.benches, ["speed"]);
        assert_eq!(package.folder, Path::new("plugins/clearing/v1"));
        assert_eq!(workspace.plugins(), Path::new("/t/plugins"));
    }

    #[test]
    fn a_strange_answer_is_an_error() {
        for bad in ["", "{}", r#"{"workspace_root": 1}"#] {
            assert!(matches!(Workspace::parse(bad), Err(Error::Answer { .. })), "{bad}");
        }
    }
}
