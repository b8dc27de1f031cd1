//! The standard library's source from the distribution: the package `rust-src` of exactly the compiler's version, first
//! from the machine's own apt sources, else from the distribution's newer suites ([`super::apt_private`]). Nothing is
//! installed and the machine's sources and lists stay as they are: the package is downloaded and unpacked.

use super::{
    apt_private, say,
    std_source::{is_library, packaged},
    toolchain::Toolchain,
};
use crate::{
    error::{Error, Result},
    process::{Tool, on_path},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Downloads the package into `work` and returns the source's folder `library`.
pub fn fetch(toolchain: &Toolchain, work: &Path) -> Result<PathBuf> {
    if let Some(missing) = ["apt-get", "dpkg-deb", "tar"].into_iter().find(|program| !on_path(program)) {
        return Err(Error::Usage(format!("`{missing}` is not on PATH: not a Debian system")));
    }
    let package = format!("rust-src={}*", toolchain.release);
    say(&format!("asking the machine's apt sources for {package}"));
    if let Err(here) = download(&package, &[], work) {
        say("not there; asking the distribution's other suites, with a private apt state");
        let private = apt_private::prepare(work);
        private.and_then(|options| download(&package, &options, work)).map_err(|there| {
            Error::Usage(format!("{package} is neither in the machine's apt sources ({here}) nor beyond ({there})"))
        })?;
    }
    unpack(&find_deb(work)?, &toolchain.release, work)
}

/// `apt-get download` checks signatures and needs no rights beyond writing to `work`.
fn download(package: &str, options: &[String], work: &Path) -> Result<()> {
    Tool::new("apt-get")
        .args(options)
        .args(["-qq", "download", package])
        .dir(work)
        .env("LC_ALL", "C")
        .output()
        .map(drop)
}

fn find_deb(work: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(work).map_err(Error::file("read", work))?;
    let mut paths = entries.flatten().map(|entry| entry.path());
    paths
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| Error::Answer { from: "apt-get download", problem: format!("no .deb in {}", work.display()) })
}

/// Unpacks only the library: the package also carries the compiler's own tree.
fn unpack(deb: &Path, release: &str, work: &Path) -> Result<PathBuf> {
    let name = deb.file_name().unwrap_or_default().to_string_lossy();
    say(&format!("unpacking {name}"));
    let tar = work.join("package.tar");
    let file = fs::File::create(&tar).map_err(Error::file("create", &tar))?;
    Tool::new("dpkg-deb").arg("--fsys-tarfile").arg(deb).run_into(file)?;
    let library = packaged(release);
    let inside = format!(".{}", library.display());
    Tool::new("tar").arg("-xf").arg(&tar).arg("-C").arg(work).arg(&inside).output()?;
    let library = work.join(&inside);
    if is_library(&library) {
        // The build maps this path away, so it must be spelt as the compiler spells it.
        fs::canonicalize(&library).map_err(Error::file("resolve", &library))
    } else {
        Err(Error::Answer { from: "the rust-src package", problem: format!("{name} holds no whole {inside}") })
    }
}
