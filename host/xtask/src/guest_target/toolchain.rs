//! The compiler that plugins are built with. The standard library's source must be of exactly its version.

use crate::{
    error::{Error, Result},
    process::Tool,
};
use std::path::PathBuf;

/// What the compiler says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// `1.95.0`
    pub release: String,
    /// The commit that it was built from; the prebuilt std names its sources by it.
    pub commit: String,
    /// The folder that holds `lib/rustlib`.
    pub sysroot: PathBuf,
}

impl Toolchain {
    /// Asks rustc.
    pub fn ask() -> Result<Self> {
        let version = Tool::rustc().arg("-vV").output()?;
        let sysroot = Tool::rustc().args(["--print", "sysroot"]).output()?;
        Ok(Self {
            release: field(&version, "release")?,
            commit: field(&version, "commit-hash")?,
            sysroot: sysroot.trim().into(),
        })
    }

    /// The folder with one subfolder per installed target.
    pub fn rustlib(&self) -> PathBuf {
        self.sysroot.join("lib").join("rustlib")
    }
}

/// Where cargo unpacks what it downloads: source paths below it end up in panic messages and are mapped away.
pub fn registry_sources() -> PathBuf {
    let home = || std::env::home_dir().unwrap_or_default().join(".cargo");
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from);
    cargo.join("registry").join("src")
}

fn field(version: &str, name: &str) -> Result<String> {
    let line = version.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.map(str::to_owned)
        .ok_or_else(|| Error::Answer { from: "rustc -vV", problem: format!("no line `{name}: …`") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_by_field() {
        let answer = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\ncommit-hash: 59807616\nrelease: 1.95.0\n";
        assert_eq!(field(answer, "release").unwrap(), "1.95.0");
        assert_eq!(field(answer, "commit-hash").unwrap(), "59807616");
        assert!(field(answer, "host").is_err());
    }
}
