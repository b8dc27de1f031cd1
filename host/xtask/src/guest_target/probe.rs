//! The proof that a guest target works: a crate that allocates, formats and sorts is compiled and linked with LTO, as
//! plugins are. A std without embedded bitcode, of another compiler version or half copied fails here.

use super::TARGET;
use crate::{
    error::{Error, Result},
    process::Tool,
};
use std::{fs, path::Path};

const SOURCE: &str = r#"
use std::collections::BTreeMap;

#[unsafe(no_mangle)]
pub extern "C" fn probe(n: u32) -> u32 {
    let words: BTreeMap<u32, String> = (0..n).map(|i| (i, format!("{i}"))).collect();
    words.values().map(|word| word.len() as u32).sum()
}
"#;

/// Compiles the probe against the toolchain's own std, or the one in `sysroot`.
pub fn compile(sysroot: Option<&Path>, scratch: &Path) -> Result<()> {
    let (source, wasm) = (scratch.join("probe.rs"), scratch.join("probe.wasm"));
    fs::write(&source, SOURCE).map_err(Error::file("write", &source))?;
    let mut rustc = Tool::rustc().args(["--edition", "2024", "--crate-type", "cdylib", "--target", TARGET]).args([
        "-Copt-level=3",
        "-Clto=fat",
        "-Cpanic=abort",
    ]);
    if let Some(sysroot) = sysroot {
        rustc = rustc.arg("--sysroot").arg(sysroot);
    }
    rustc.arg(&source).arg("-o").arg(&wasm).output()?;
    let bytes = fs::read(&wasm).map_err(Error::file("read", &wasm))?;
    if bytes.starts_with(b"\0asm") {
        Ok(())
    } else {
        Err(Error::Answer { from: "rustc", problem: "the probe is not a WebAssembly module".into() })
    }
}
