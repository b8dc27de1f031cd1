//! Native code on disk, so that a restart does not compile again.
//!
//! A folder of this user alone with a key of 32 random bytes and one file for each component and engine. Native code runs
//! with all of the node's rights, so nothing is loaded that the key does not prove ([`super::entry`]); what is damaged,
//! foreign or open to others counts as absent and is replaced. The cache can be deleted at any time.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::SystemTime,
};

use parking_lot::Mutex;

use super::{
    MAX_ARTIFACT_BYTES,
    entry::{self, HEAD, Key, Name},
    private::{self, Distrust},
};
use crate::error::EngineError;

/// The key's file.
const KEY_FILE: &str = "key";
/// How the name of a file begins that is being written.
const UNFINISHED: &str = "unfinished-";
/// How the name of an entry ends.
const ENTRY: &str = ".aot";

/// Where native code is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder; made if it is not there.
    pub dir: PathBuf,
    /// Most bytes of all entries; the oldest go first.
    pub bytes: u64,
}

impl CacheOptions {
    /// Room for a few hundred engines.
    pub const fn recommended_bytes() -> u64 {
        512 << 20
    }
}

/// The cache of one node.
#[derive(Debug)]
pub(super) struct Cache {
    options: CacheOptions,
    key: Key,
    next: AtomicU64,
    /// Held while entries are counted and dropped.
    writer: Mutex<()>,
}

/// What lies under a name.
pub(super) enum Found {
    /// An entry that is proven to be this node's; its artifact begins after [`HEAD`].
    Entry(Vec<u8>),
    /// Nothing.
    Absent,
    /// Something that is not used, and why.
    Rejected(String),
}

impl Cache {
    /// Opens or makes the folder and its key, and clears away what a crash left half written.
    pub(super) fn open(options: CacheOptions) -> Result<Self, EngineError> {
        let dir = options.dir.clone();
        let failed = |error: io::Error| {
            EngineError::Node(format!(
                "cache of compiled engines {}: {error}; it can be deleted, and is made again",
                dir.display()
            ))
        };
        private::folder(&dir).map_err(failed)?;
        for file in fs::read_dir(&dir).map_err(failed)? {
            let path = file.map_err(failed)?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED)) {
                fs::remove_file(path).map_err(failed)?;
            }
        }
        let key = key(&dir).map_err(failed)?;
        Ok(Self { options, key, next: AtomicU64::new(0), writer: Mutex::new(()) })
    }

    /// What lies under a name.
    pub(super) fn get(&self, name: &Name) -> Found {
        let most = (HEAD + MAX_ARTIFACT_BYTES) as u64;
        match private::read(&self.options.dir.join(name.file()), most) {
            Ok((file, bytes)) => match entry::open(&self.key, name, &bytes) {
                Ok(_) => {
                    // What is used counts as new when the oldest are dropped. If it cannot be said, it counts as old.
                    let _ = file.set_modified(SystemTime::now());
                    Found::Entry(bytes)
                }
                Err(why) => Found::Rejected(why.to_owned()),
            },
            Err(Distrust::Absent) => Found::Absent,
            Err(Distrust::NotPrivate(why)) => Found::Rejected(why),
            Err(Distrust::Io(error)) => Found::Rejected(format!("it cannot be read: {error}")),
        }
    }

    /// Whether something lies under a name; it is not looked into.
    pub(super) fn holds(&self, name: &Name) -> bool {
        private::open(&self.options.dir.join(name.file()), u64::MAX).is_ok()
    }

    /// Keeps an artifact. All of it shows under its name or nothing; it is not fsynced, for what a crash of the machine
    /// leaves torn is found when it is read.
    pub(super) fn put(&self, name: &Name, artifact: &[u8]) -> io::Result<()> {
        let dir = &self.options.dir;
        let size = (HEAD + artifact.len()) as u64;
        if size > self.options.bytes {
            return Err(io::Error::other(format!("{size} bytes do not fit in a cache of {}", self.options.bytes)));
        }
        let unfinished = dir.join(format!("{UNFINISHED}{}-{}", std::process::id(), self.next.fetch_add(1, Relaxed)));
        let written = private::create(&unfinished).and_then(|mut file| {
            file.write_all(&entry::head(&self.key, name, artifact))?;
            file.write_all(artifact)?;
            replace(&unfinished, &dir.join(name.file()))
        });
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written?;
        self.evict()
    }

    /// Drops the oldest entries until the rest fits.
    fn evict(&self) -> io::Result<()> {
        let _writer = self.writer.lock();
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.options.dir)? {
            let file = file?;
            if file.file_name().to_string_lossy().ends_with(ENTRY) {
                let about = file.metadata()?;
                entries.push((about.modified()?, about.len(), file.path()));
            }
        }
        entries.sort();
        let mut bytes: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in entries {
            if bytes <= self.options.bytes {
                break;
            }
            fs::remove_file(path)?;
            bytes -= size;
        }
        Ok(())
    }
}

/// Moves a file over whatever lies at its place, a folder too.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            fs::remove_dir_all(to)?;
            fs::rename(from, to)
        }
        done => done,
    }
}

/// The node's key; a new one if there is none, or if somebody else may know or have made the one that is there. With a new
/// key every entry is foreign.
fn key(dir: &Path) -> io::Result<Key> {
    let path = dir.join(KEY_FILE);
    match private::read(&path, size_of::<Key>() as u64) {
        Ok((_, bytes)) => match Key::try_from(bytes) {
            Ok(key) => return Ok(key),
            Err(bytes) => distrust(&path, &format!("it has {} bytes, not {}", bytes.len(), size_of::<Key>())),
        },
        Err(Distrust::Absent) => {}
        Err(Distrust::NotPrivate(why)) => distrust(&path, &why),
        Err(Distrust::Io(error)) => return Err(error),
    }
    let mut key = Key::default();
    getrandom::fill(&mut key).map_err(|error| io::Error::other(format!("no random bytes: {error}")))?;
    let unfinished = dir.join(format!("{UNFINISHED}{}-key", std::process::id()));
    let mut file = private::create(&unfinished)?;
    file.write_all(&key)?;
    file.sync_all()?;
    replace(&unfinished, &path)?;
    Ok(key)
}

fn distrust(path: &Path, why: &str) {
    tracing::warn!(key = %path.display(), why, "the cache's key is not trusted: a new one is made, all engines compile again");
}

#[cfg(test)]
mod tests;
