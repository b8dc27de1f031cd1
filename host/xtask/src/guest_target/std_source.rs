//! The standard library's source on this machine: `RUST_STD_SRC` (a folder or an archive), rustup's `rust-src`
//! component, or an installed `rust-src` package. What RUST_STD_SRC names must work: it is not passed over in silence.

use super::{say, toolchain::Toolchain};
use crate::{
    error::{Error, Result},
    process::Tool,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder `library` of the source; archives are unpacked into `work`.
pub fn local(toolchain: &Toolchain, work: &Path) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("RUST_STD_SRC").filter(|given| !given.is_empty()) {
        return given_by_caller(Path::new(&given), toolchain, work);
    }
    let places = [toolchain.rustlib().join("src/rust/library"), packaged(&toolchain.release)];
    let found = places.iter().find(|place| is_library(place)).cloned();
    found.ok_or_else(|| {
        let looked: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        Error::Usage(format!("RUST_STD_SRC is not set, and there is no source in {}", looked.join(" or ")))
    })
}

/// Where the distribution's package puts the source of this version.
pub fn packaged(release: &str) -> PathBuf {
    PathBuf::from(format!("/usr/src/rustc-{release}/library"))
}

fn given_by_caller(given: &Path, toolchain: &Toolchain, work: &Path) -> Result<PathBuf> {
    let folder = if given.is_file() {
        say(&format!("unpacking RUST_STD_SRC, {}", given.display()));
        Tool::new("tar").arg("-xf").arg(given).arg("-C").arg(work).output()?;
        work
    } else {
        given
    };
    let library = find_library(folder, &toolchain.release).ok_or_else(|| {
        Error::Usage(format!(
            "RUST_STD_SRC={}: no folder `library` with `std/Cargo.toml` and `Cargo.lock` in it; give the standard \
             library's source of rustc {}",
            given.display(),
            toolchain.release
        ))
    })?;
    fs::canonicalize(&library).map_err(Error::file("resolve", &library))
}

/// Looks where the usual layouts keep the library: itself, a source tree, a sysroot, a source tree in an archive.
fn find_library(folder: &Path, release: &str) -> Option<PathBuf> {
    let inside = ["", "library", "lib/rustlib/src/rust/library"].map(|path| folder.join(path));
    let nested =
        [format!("rustc-{release}-src"), format!("rustc-{release}")].map(|top| folder.join(top).join("library"));
    inside.into_iter().chain(nested).find(|place| is_library(place))
}

/// Whether this folder is a whole `library`: its lock file is what cargo builds std by.
pub fn is_library(folder: &Path) -> bool {
    ["Cargo.lock", "std/Cargo.toml", "core/src/lib.rs"].iter().all(|file| folder.join(file).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make_library(folder: &Path) {
        for file in ["Cargo.lock", "std/Cargo.toml", "core/src/lib.rs"] {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }

    #[test]
    fn the_usual_layouts_are_found() {
        for layout in
            ["", "library", "lib/rustlib/src/rust/library", "rustc-1.95.0/library", "rustc-1.95.0-src/library"]
        {
            let dir = tempfile::tempdir().unwrap();
            make_library(&dir.path().join(layout));
            let found = find_library(dir.path(), "1.95.0").unwrap_or_else(|| panic!("layout `{layout}`"));
            assert!(is_library(&found));
        }
    }

    #[test]
    fn another_version_or_half_a_source_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        make_library(&dir.path().join("rustc-1.94.0/library"));
        assert_eq!(find_library(dir.path(), "1.95.0"), None);
        let half = tempfile::tempdir().unwrap();
        make_library(half.path());
        fs::remove_file(half.path().join("Cargo.lock")).unwrap();
        assert_eq!(find_library(half.path(), "1.95.0"), None);
    }
}
