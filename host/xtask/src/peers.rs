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
    bench: &'static str,
    /// The environment variable that tells the bench where the file is.
    variable: &'static str,
    /// A wheel on PyPI, as pip's requirement with the hash of the file.
    requirement: &'static str,
    /// The file in it.
    file: &'static str,
}

const PEERS: [Peer; 1] = [Peer {
    bench: "engine-call",
    variable: "CALDERA_PEER_EXTISM",
    requirement: "extism-sys==1.41.0 --hash=sha256:ec20105dc6f80a545b421717a89e849b80677a9337f3ed7f0367f4c89ad6e998\n",
    file: "extism_sys/libextism_sys.so",
}];

/// The peers of a bench that are there or can be fetched, as environment variables.
pub fn of(workspace: &Workspace, bench: &str) -> Vec<(&'static str, PathBuf)> {
    let folder = workspace.target.join("peers");
    let wanted = PEERS.iter().filter(|peer| peer.bench == bench);
    wanted
        .filter_map(|peer| match peer.fetch(&folder) {
            Ok(file) => Some((peer.variable, file)),
            Err(error) => {
                eprintln!("bench: without {}: {error}", peer.requirement.split(' ').next().unwrap_or_default());
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
        let list = folder.join("requirements.txt");
        fs::write(&list, self.requirement).map_err(Error::file("write", &list))?;
        Tool::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"])
            .args(["--requirement".as_ref(), list.as_os_str(), "--dest".as_ref(), folder.as_os_str()])
            .output()?;
        let wheel = wheel(folder)?;
        Tool::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(folder).output()?;
        fs::remove_file(&wheel).map_err(Error::file("remove", &wheel))?;
        if file.is_file() {
            return Ok(file);
        }
        Err(Error::Answer { from: "the wheel", problem: format!("there is no {} in it", self.file) })
    }
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
        assert!(
            PEERS.iter().all(|peer| peer.requirement.contains("==") && peer.requirement.contains("--hash=sha256:"))
        );
    }
}
