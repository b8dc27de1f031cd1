//! `caldera dev` on a folder and ports of its own.

use std::{
    env,
    io::{self, BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A running node. Killed when dropped.
pub struct Node {
    child: Child,
    url: String,
    /// Removed after the node has ended.
    _folder: TempDir,
}

impl Node {
    /// Starts it, and waits until its chains know each other.
    pub fn start(interval_ms: u64) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let plugins = env::var_os("CALDERA_PLUGINS").map_or_else(caldera_node::paths::plugins_folder, PathBuf::from);
        let mut child = Command::new(env!("CARGO_BIN_EXE_caldera"))
            .args(["dev", "--json", "--port", "0", "--block-interval-ms", &interval_ms.to_string(), "--plugins"])
            .arg(plugins)
            .arg("--data")
            .arg(folder.path().join("data"))
            .env("RUST_LOG", env::var("RUST_LOG").unwrap_or_else(|_| "warn".into()))
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("stdout is piped"))?;
        let mut node = Self { child, url: String::new(), _folder: folder };
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let ready: Value = serde_json::from_str(&line)?;
        node.url = ready["http"].as_str().ok_or_else(|| io::Error::other(line.clone()))?.to_owned();
        Ok(node)
    }

    /// `http://host:port`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
