//! Plugins: every package with `[package.metadata.caldera] component = "NAME"` becomes `target/plugins/NAME.wasm`.
//!
//! A component's identity is its SHA-256, so the bytes must not depend on the machine: source paths are mapped away, and an
//! output is rewritten only when it changed. Components are never committed.

use crate::{
    component,
    error::{Error, Result},
    guest_target::{self, GuestTarget, TARGET, Toolchain, registry_sources},
    process::Tool,
    report::{Align, Table, seconds},
    workspace::{Package, Workspace},
};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fs, path::Path, time::Instant};

/// The cargo profile of guests, in the workspace's manifest.
const PROFILE: &str = "guest";

/// Builds all plugins and prints a table of them. Returns a remark: how many, and how many changed.
pub fn build(workspace: &Workspace) -> Result<String> {
    let target = guest_target::ensure(workspace)?;
    let packages = by_component(workspace)?;
    let folder = workspace.plugins();
    fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    if !packages.is_empty() {
        compile(packages.values(), workspace, &target)?;
    }
    let mut table =
        Table::new(&[("plugin", Align::Left), ("bytes", Align::Right), ("sha256", Align::Left), ("", Align::Left)]);
    let mut changed = 0;
    for (name, package) in &packages {
        let module = workspace.target.join(TARGET).join(PROFILE).join(module_file(name, package)?);
        let bytes = component::encode(name, &fs::read(&module).map_err(Error::file("read", &module))?)?;
        let new = write_if_changed(&folder.join(format!("{name}.wasm")), &bytes)?;
        changed += usize::from(new);
        table.row([
            name.to_string(),
            bytes.len().to_string(),
            short_digest(&bytes),
            if new { "new" } else { "unchanged" }.to_owned(),
        ]);
    }
    remove_stale(&folder, &packages)?;
    eprintln!("plugins in {}:\n{table}", folder.display());
    Ok(format!("{} plugins, {changed} changed", packages.len()))
}

fn by_component(workspace: &Workspace) -> Result<BTreeMap<&str, &Package>> {
    let mut found = BTreeMap::new();
    for package in &workspace.packages {
        let Some(name) = package.component.as_deref() else { continue };
        if let Some(other) = found.insert(name, package) {
            let problem = format!("both {} and {} make it; give one another name", other.name, package.name);
            return Err(Error::Component { name: name.to_owned(), problem });
        }
    }
    Ok(found)
}

fn module_file(name: &str, package: &Package) -> Result<String> {
    package.library.as_ref().map(|library| format!("{library}.wasm")).ok_or_else(|| Error::Component {
        name: name.to_owned(),
        problem: format!("{}/Cargo.toml needs `[lib] crate-type = [\"cdylib\", \"rlib\"]`", package.folder.display()),
    })
}

fn compile<'a>(
    packages: impl Iterator<Item = &'a &'a Package>,
    workspace: &Workspace,
    target: &GuestTarget,
) -> Result<()> {
    let began = Instant::now();
    let flags = serde_json::Value::from(rust_flags(workspace, target)?);
    Tool::cargo()
        .args(["build", "--profile", PROFILE, "--target", TARGET, "--lib"])
        .args(packages.flat_map(|package| ["--package", &package.name]))
        // Joined to the flags in .cargo/config.toml. A JSON list of strings is also a TOML one.
        .args(["--config", &format!("target.{TARGET}.rustflags={flags}")])
        .without_env("RUSTFLAGS")
        .without_env("CARGO_ENCODED_RUSTFLAGS")
        .dir(&workspace.root)
        .run()?;
    eprintln!("plugins: compiled in {}", seconds(began.elapsed()));
    Ok(())
}

/// Paths of this machine are mapped away: panic messages carry source paths into the component.
fn rust_flags(workspace: &Workspace, target: &GuestTarget) -> Result<Vec<String>> {
    let toolchain = Toolchain::ask()?;
    let std_source = toolchain.rustlib().join("src").join("rust");
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags = vec![
        remap(&workspace.root, "caldera"),
        remap(&registry_sources(), "registry"),
        remap(&std_source, &format!("/rustc/{}", toolchain.commit)),
    ];
    if let Some(sysroot) = &target.sysroot {
        flags.extend(["--sysroot".to_owned(), sysroot.display().to_string()]);
    }
    Ok(flags)
}

/// Writes whole or not at all: a node that starts meanwhile never reads half a component.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    let partial = path.with_extension("wasm.partial");
    fs::write(&partial, bytes).map_err(Error::file("write", &partial))?;
    fs::rename(&partial, path).map_err(Error::file("write", path))?;
    Ok(true)
}

/// A component that no package makes any more must not be mounted by the next `dev`.
fn remove_stale(folder: &Path, packages: &BTreeMap<&str, &Package>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))?.flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if path.extension().is_some_and(|e| e == "wasm") && !packages.contains_key(name.as_ref()) {
            fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
    }
    Ok(())
}

fn short_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn package(name: &str, component: Option<&str>) -> Package {
        Package {
            name: name.into(),
            folder: PathBuf::from("plugins").join(name),
            dependencies: Vec::new(),
            component: component.map(str::to_owned),
            library: None,
            benches: Vec::new(),
        }
    }

    fn workspace(packages: Vec<Package>) -> Workspace {
        Workspace { root: "/w".into(), target: "/w/target".into(), packages }
    }

    #[test]
    fn packages_are_found_by_their_component_and_names_are_unique() {
        let found = workspace(vec![package("rules", None), package("v1", Some("clearing"))]);
        assert_eq!(by_component(&found).unwrap().keys().collect::<Vec<_>>(), [&"clearing"]);
        let twice = workspace(vec![package("v1", Some("clearing")), package("v2", Some("clearing"))]);
        let error = by_component(&twice).unwrap_err().to_string();
        assert!(error.contains("both v1 and v2"), "{error}");
    }

    #[test]
    fn a_package_that_is_no_cdylib_is_told_what_to_add() {
        let error = module_file("hello", &package("hello-engine", Some("hello"))).unwrap_err().to_string();
        assert!(error.contains("plugins/hello-engine/Cargo.toml") && error.contains("cdylib"), "{error}");
    }

    #[test]
    fn outputs_are_rewritten_only_when_they_changed_and_stale_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.wasm");
        assert!(write_if_changed(&path, b"one").unwrap());
        assert!(!write_if_changed(&path, b"one").unwrap());
        assert!(write_if_changed(&path, b"two").unwrap());
        fs::write(dir.path().join("notes.txt"), "").unwrap();
        remove_stale(dir.path(), &BTreeMap::new()).unwrap();
        assert!(!path.exists() && dir.path().join("notes.txt").exists());
    }
}
