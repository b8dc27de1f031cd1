//! Puts a std that was built here where the compiler finds it: in the toolchain, or, when that is not writable, in a
//! private sysroot under the target folder, one per compiler version. The last act is a rename, so that an
//! interrupted run never leaves half a std behind.

use super::{TARGET, say, toolchain::Toolchain};
use crate::error::{Error, Result};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Where std lies when the toolchain is not writable.
pub fn private_sysroot(toolchain: &Toolchain, scratch: &Path) -> PathBuf {
    let commit: String = toolchain.commit.chars().take(9).collect();
    scratch.join(format!("sysroot-{}-{commit}", toolchain.release))
}

/// Installs the rlibs; returns the sysroot to pass to the compiler if it is not the toolchain's own.
pub fn place(rlibs: &[PathBuf], toolchain: &Toolchain, scratch: &Path) -> Result<Option<PathBuf>> {
    let rustlib = toolchain.rustlib();
    match place_in(rlibs, &rustlib) {
        Ok(()) => {
            say(&format!("installed in {}", rustlib.join(TARGET).display()));
            Ok(None)
        }
        Err(Error::File { source, .. }) if not_writable(&source) => {
            let sysroot = private_sysroot(toolchain, scratch);
            say(&format!(
                "{} is not writable, so this project uses a private sysroot: {}",
                rustlib.display(),
                sysroot.display()
            ));
            place_in(rlibs, &sysroot.join("lib").join("rustlib"))?;
            Ok(Some(sysroot))
        }
        Err(error) => Err(error),
    }
}

fn not_writable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

fn place_in(rlibs: &[PathBuf], rustlib: &Path) -> Result<()> {
    let partial = rustlib.join(format!(".{TARGET}.partial-{}", std::process::id()));
    let lib = partial.join("lib");
    fs::create_dir_all(&lib).map_err(Error::file("create", &lib))?;
    for rlib in rlibs {
        let copy = lib.join(rlib.file_name().unwrap_or_default());
        fs::copy(rlib, &copy).map_err(Error::file("write", &copy))?;
    }
    let place = rustlib.join(TARGET);
    if place.exists() {
        // It failed the probe, or the caller asked for this road by name.
        fs::remove_dir_all(&place).map_err(Error::file("remove", &place))?;
    }
    fs::rename(&partial, &place).map_err(Error::file("create", &place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_std_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let rlib = dir.path().join("libstd-1.rlib");
        fs::write(&rlib, "new").unwrap();
        let rustlib = dir.path().join("rustlib");
        let old = rustlib.join(TARGET).join("lib/libstd-0.rlib");
        fs::create_dir_all(old.parent().unwrap()).unwrap();
        fs::write(&old, "old").unwrap();

        place_in(&[rlib], &rustlib).unwrap();

        assert!(!old.exists());
        assert_eq!(fs::read_to_string(rustlib.join(TARGET).join("lib/libstd-1.rlib")).unwrap(), "new");
        assert_eq!(fs::read_dir(&rustlib).unwrap().count(), 1, "nothing partial is left");
    }

    #[test]
    fn only_a_refused_write_leads_to_the_private_sysroot() {
        for (kind, want) in [
            (io::ErrorKind::PermissionDenied, true),
            (io::ErrorKind::ReadOnlyFilesystem, true),
            (io::ErrorKind::StorageFull, false),
        ] {
            assert_eq!(not_writable(&kind.into()), want, "{kind}");
        }
    }
}
