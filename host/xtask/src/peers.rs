//! What benches are held against that cargo does not build: fetched into `target/peers`, pinned by hash, never committed.
//!
//! A peer that cannot be had (no network, another processor) leaves its column empty: the bench itself still runs.

use crate::{
    error::{Error, Result},
    process::Tool,
    workspace::Workspace,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A peer of a bench.
struct Peer {
    /// Which need it.
    benches: &'static [&'static str],
    /// The environment variable that tells the bench where the file is.
    variable: &'static str,
    package: Package,
    /// The file in it, below its folder.
    file: &'static str,
}

/// Where a peer comes from.
enum Package {
    /// A wheel on PyPI, as pip's requirement with the hash of the file.
    Wheel(&'static str),
    /// A package on npm, by name and version, with the integrity of its tarball.
    Npm { name: &'static str, integrity: &'static str },
}

const PEERS: [Peer; 2] = [
    Peer {
        benches: &["engine-call"],
        variable: "CALDERA_PEER_EXTISM",
        package: Package::Wheel(
            "extism-sys==1.41.0 --hash=sha256:ec20105dc6f80a545b421717a89e849b80677a9337f3ed7f0367f4c89ad6e998\n",
        ),
        file: "extism_sys/libextism_sys.so",
    },
    Peer {
        benches: &["tps", "rpc"],
        variable: "CALDERA_PEER_ANVIL",
        package: Package::Npm {
            name: "@foundry-rs/anvil-linux-amd64@1.7.1",
            integrity: "sha512-+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg==",
        },
        file: "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil",
    },
];

/// The peers of a bench that are there or can be fetched, as environment variables.
pub fn of(workspace: &Workspace, bench: &str) -> Vec<(&'static str, PathBuf)> {
    let folder = workspace.target.join("peers");
    let wanted = PEERS.iter().filter(|peer| peer.benches.contains(&bench));
    wanted
        .filter_map(|peer| match peer.fetch(&folder) {
            Ok(file) => Some((peer.variable, file)),
            Err(error) => {
                eprintln!("bench: without {}: {error}", peer.package.name());
                None
            }
        })
        .collect()
}

impl Peer {
    /// Where the file is, fetched if it is not there yet. pip checks the hash.
    fn fetch(&self, folder: &Path) -> Result<PathBuf> {
        let file = folder.join(self.file);
        if file.is_file() {
            return Ok(file);
        }
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        match self.package {
            Package::Wheel(requirement) => unpack_wheel(folder, requirement)?,
            Package::Npm { name, integrity } => install_npm(folder, name, integrity)?,
        }
        if file.is_file() {
            return Ok(file);
        }
        Err(Error::Answer { from: "the package", problem: format!("there is no {} in it", self.file) })
    }
}

impl Package {
    fn name(&self) -> &'static str {
        match self {
            Self::Wheel(requirement) => requirement.split(' ').next().unwrap_or_default(),
            Self::Npm { name, .. } => name,
        }
    }
}

/// pip checks the hash.
fn unpack_wheel(folder: &Path, requirement: &str) -> Result<()> {
    let list = folder.join("requirements.txt");
    fs::write(&list, requirement).map_err(Error::file("write", &list))?;
    Tool::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"])
        .args(["--requirement".as_ref(), list.as_os_str(), "--dest".as_ref(), folder.as_os_str()])
        .output()?;
    let wheel = wheel(folder)?;
    Tool::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(folder).output()?;
    fs::remove_file(&wheel).map_err(Error::file("remove", &wheel))
}

/// npm checks the integrity that its lock file records, and the lock file is held to the one that is pinned here. Nothing of the
/// package runs.
fn install_npm(folder: &Path, name: &str, integrity: &str) -> Result<()> {
    let args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"];
    Tool::new("npm").args(args).arg(folder).arg(name).output()?;
    let lock = folder.join("package-lock.json");
    let locked = fs::read_to_string(&lock).map_err(Error::file("read", &lock))?;
    if locked.contains(integrity) {
        return Ok(());
    }
    let modules = folder.join("node_modules");
    fs::remove_dir_all(&modules).map_err(Error::file("remove", &modules))?;
    Err(Error::Answer { from: "npm", problem: format!("{name} is not the package that is pinned: {integrity}") })
}

fn wheel(folder: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(folder).map_err(Error::file("read", folder))?;
    let mut wheels = files.flatten().map(|entry| entry.path());
    wheels.find(|path| path.extension().is_some_and(|extension| extension == "whl")).ok_or_else(|| Error::Answer {
        from: "pip download",
        problem: format!("there is no wheel in {}", folder.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_there_is_not_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(PEERS[0].file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "").unwrap();
        assert_eq!(PEERS[0].fetch(folder.path()).unwrap(), file);
        let pinned = |package: &Package| match package {
            Package::Wheel(requirement) => requirement.contains("==") && requirement.contains("--hash=sha256:"),
            Package::Npm { name, integrity } => name.rsplit('@').count() == 3 && integrity.starts_with("sha512-"),
        };
        assert!(PEERS.iter().all(|peer| pinned(&peer.package)));
    }
}
