//! Builds std for the guest target from source, with cargo's own build-std.
//!
//! Two switches make the result equal to a prebuilt std: bitcode is embedded, so that plugins can be linked with LTO, and source
//! paths are mapped to the compiler's commit, so that a plugin's bytes do not depend on where its std was built.

use super::{
    TARGET, say,
    toolchain::{Toolchain, registry_sources},
};
use crate::{
    error::{Error, Result},
    process::Tool,
    report::seconds,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// The throw-away crate that std is built for.
const CRATE: &str = "caldera_std_for_guests";

/// Builds std from `library` in `work`; returns the rlibs.
pub fn build(library: &Path, toolchain: &Toolchain, work: &Path) -> Result<Vec<PathBuf>> {
    let began = Instant::now();
    let project = work.join("project");
    write_project(&project)?;
    let flags = [
        "-Cembed-bitcode=yes".to_owned(),
        format!("--remap-path-prefix={}=/rust/deps", registry_sources().display()),
        format!("--remap-path-prefix={}=/rustc/{}/library", library.display(), toolchain.commit),
    ];
    say(&format!("building std {} from {}", toolchain.release, library.display()));
    Tool::cargo()
        .args(["build", "--quiet", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort"])
        .dir(&project)
        .env("CARGO_TARGET_DIR", work.join("target"))
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        // The stable compiler builds its own std the same way.
        .env("RUSTC_BOOTSTRAP", "1")
        // Builds from this folder instead of a copy inside the toolchain, which may not be writable.
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", library)
        .without_env("RUSTC_WORKSPACE_WRAPPER")
        .output()?;
    let rlibs = collect(&work.join("target").join(TARGET).join("release").join("deps"))?;
    say(&format!("built {} libraries in {}", rlibs.len(), seconds(began.elapsed())));
    Ok(rlibs)
}

fn write_project(project: &Path) -> Result<()> {
    let source = project.join("src");
    fs::create_dir_all(&source).map_err(Error::file("create", &source))?;
    // The empty `[workspace]` keeps cargo from looking for one above. One codegen unit, as the prebuilt std has.
    let manifest = format!(
        "[package]\nname = \"{CRATE}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [profile.release]\ncodegen-units = 1\n"
    );
    for (path, text) in [(project.join("Cargo.toml"), manifest.as_str()), (source.join("lib.rs"), "")] {
        fs::write(&path, text).map_err(Error::file("write", &path))?;
    }
    Ok(())
}

fn collect(deps: &Path) -> Result<Vec<PathBuf>> {
    let mut rlibs = Vec::new();
    for entry in fs::read_dir(deps).map_err(Error::file("read", deps))? {
        let path = entry.map_err(Error::file("read", deps))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".rlib") && !name.starts_with(&format!("lib{CRATE}-")) {
            rlibs.push(path);
        }
    }
    rlibs.sort();
    let has = |krate: &str| rlibs.iter().any(|path| path.to_string_lossy().contains(&format!("/lib{krate}-")));
    match ["core", "alloc", "std", "panic_abort"].into_iter().find(|krate| !has(krate)) {
        Some(missing) => {
            Err(Error::Answer { from: "cargo -Zbuild-std", problem: format!("no lib{missing} in {}", deps.display()) })
        }
        None => Ok(rlibs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rlibs_are_taken_without_the_throw_away_crate() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["core", "alloc", "std", "panic_abort", CRATE] {
            fs::write(dir.path().join(format!("lib{name}-0123.rlib")), "").unwrap();
            fs::write(dir.path().join(format!("lib{name}-0123.rmeta")), "").unwrap();
        }
        let rlibs = collect(dir.path()).unwrap();
        assert_eq!(rlibs.len(), 4);
        fs::remove_file(dir.path().join("libstd-0123.rlib")).unwrap();
        assert!(collect(dir.path()).unwrap_err().to_string().contains("libstd"));
    }
}
