//! WIT drift: a released version is frozen. Each folder `wit/<namespace>-<name>@<version>/` declares exactly that package, parses,
//! and, once released, has its digest in `wit/released.toml`. A change then belongs in a new version beside it.

use super::Finding;
use crate::error::{Error, Result};
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
};
use wit_parser::Resolve;

const RELEASED: &str = "wit/released.toml";

/// Folders whose name, text or digest is wrong; drafts are listed on the way.
pub fn findings(root: &Path) -> Result<Vec<Finding>> {
    let released = released(&root.join(RELEASED))?;
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    let folders = versions(&root.join("wit"))?;
    for folder in &folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        findings.extend(misnamed(folder, &name, &folders));
        let digest = digest(folder)?;
        match released.get(&name).map(|value| value.as_str()) {
            None => eprintln!("tidy: wit/{name} is a draft; to release it, add to {RELEASED}: \"{name}\" = \"{digest}\""),
            Some(Some(frozen)) if frozen == digest => {}
            Some(_) => findings.push(Finding::new(
                format!("wit/{name}"),
                format!("was released and is frozen, but its digest is now {digest}; undo the change and add a version beside it"),
            )),
        }
        seen.push(name);
    }
    let lost = released.keys().filter(|name| !seen.contains(name));
    findings.extend(lost.map(|name| Finding::new(RELEASED, format!("wit/{name} was released, but is gone"))));
    Ok(findings)
}

fn released(path: &Path) -> Result<toml::Table> {
    if !path.is_file() {
        return Ok(toml::Table::new());
    }
    let text = fs::read_to_string(path).map_err(Error::file("read", path))?;
    text.parse().map_err(|error| Error::Answer { from: RELEASED, problem: format!("{error}") })
}

fn versions(wit: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(wit).map_err(Error::file("read", wit))?;
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

/// A package may use others of the project that use none themselves.
fn misnamed(folder: &Path, name: &str, all: &[PathBuf]) -> Option<Finding> {
    let mut resolve = Resolve::default();
    for other in all.iter().filter(|other| *other != folder) {
        // What does not parse is found when its own turn comes.
        let mut with_other = resolve.clone();
        if with_other.push_dir(other).is_ok() {
            resolve = with_other;
        }
    }
    let problem = match resolve.push_dir(folder) {
        Err(error) => format!("does not parse: {error:#}"),
        Ok((package, _)) => {
            let declared = &resolve.packages[package].name;
            let version = declared.version.as_ref().map(|version| format!("@{version}")).unwrap_or_default();
            let should = format!("{}-{}{version}", declared.namespace, declared.name);
            if should == name {
                return None;
            }
            format!("declares package {declared}, so the folder should be called {should}")
        }
    };
    Some(Finding::new(format!("wit/{name}"), problem))
}

/// SHA-256 over the files in the order of their names, each as name, length and bytes.
fn digest(folder: &Path) -> Result<String> {
    let mut files: Vec<_> = fs::read_dir(folder).map_err(Error::file("read", folder))?.flatten().collect();
    files.sort_by_key(fs::DirEntry::file_name);
    let mut hash = Sha256::new();
    for file in files.iter().map(fs::DirEntry::path).filter(|path| path.is_file()) {
        let bytes = fs::read(&file).map_err(Error::file("read", &file))?;
        hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(&bytes);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(folder: &str, wit: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("wit").join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("engine.wit"), wit).unwrap();
        root
    }

    fn check(root: &Path, want: &[&str]) {
        let got: Vec<_> = findings(root).unwrap().iter().map(Finding::to_string).collect();
        assert_eq!(got.len(), want.len(), "{got:#?}");
        got.iter().zip(want).for_each(|(got, want)| assert!(got.contains(want), "{got}"));
    }

    const WIT: &str = "package caldera:engine@0.1.0;\nworld engine {}\n";

    #[test]
    fn a_folder_is_named_after_its_package() {
        check(root("caldera-engine@0.1.0", WIT).path(), &[]);
        check(root("caldera-engine@0.2.0", WIT).path(), &["should be called caldera-engine@0.1.0"]);
        check(root("caldera-engine@0.1.0", "package oops").path(), &["does not parse"]);
    }

    #[test]
    fn a_released_version_is_frozen() {
        let root = root("caldera-engine@0.1.0", WIT);
        let folder = root.path().join("wit/caldera-engine@0.1.0");
        let line = format!("\"caldera-engine@0.1.0\" = \"{}\"\n", digest(&folder).unwrap());
        fs::write(root.path().join(RELEASED), line).unwrap();
        check(root.path(), &[]);
        fs::write(folder.join("engine.wit"), WIT.replace("{}", "{ }")).unwrap();
        check(root.path(), &["was released and is frozen"]);
        fs::remove_dir_all(folder).unwrap();
        check(root.path(), &["is gone"]);
    }
}
