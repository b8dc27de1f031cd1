//! What can be wrong with a configuration. All of it is the operator's to mend, so each message says where and how.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{component::ReadError, genesis_file::GenesisFileError};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; caldera.example.toml shows what one holds", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A key that no table has.
    #[error("{}:{line}: unknown key '{key}'{}; the keys here are: {}", path.display(), did_you_mean(nearest), known.join(", "))]
    UnknownKey {
        /// Which file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// The key as written.
        key: String,
        /// The known key that is most like it.
        nearest: Option<String>,
        /// What the table may hold.
        known: Vec<String>,
    },
    /// Not TOML, or a value of the wrong kind.
    #[error("{}:{line}: {message}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Values that are right one by one but not together.
    #[error("{}: {why}", path.display())]
    Contradiction {
        /// Which file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// A command names a chain that the file does not have.
    #[error("the configuration has no chain '{name}'; it has: {}", known.join(", "))]
    NoSuchChain {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A genesis file cannot be used.
    #[error(transparent)]
    Genesis(#[from] GenesisFileError),
    /// The configuration and the genesis file are of different chains.
    #[error(
        "chain-id of chain '{name}' is {configured}, but {} is of chain {found}: one of the two is of another chain", path.display()
    )]
    OtherChainId {
        /// Which chain.
        name: String,
        /// The genesis file.
        path: PathBuf,
        /// Its chain id.
        found: u64,
        /// What the configuration says.
        configured: u64,
    },
    /// A component cannot be read.
    #[error(transparent)]
    Component(#[from] ReadError),
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|nearest| format!("; did you mean '{nearest}'?")).unwrap_or_default()
}

/// How alike two keys must be before one is suggested for the other (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.7;

impl ConfigError {
    /// Says what the parser found, in the operator's words.
    pub(super) fn from_toml(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
        let path = path.to_owned();
        match unknown_key(error.message()) {
            Some((key, known)) => Self::UnknownKey { path, line, nearest: nearest(&key, &known), key, known },
            None => Self::Malformed { path, line, message: error.message().to_owned() },
        }
    }
}

/// serde says "unknown field `a`, expected one of `b`, `c`" (or "expected `b`"): that list is the struct's own, so no second
/// one has to be kept. A test fails should these words change.
pub(super) fn unknown_key(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (key, expected) = rest.split_once("`, expected ")?;
    let known = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Some((key.to_owned(), known))
}

fn nearest(key: &str, known: &[String]) -> Option<String> {
    let alike = |other: &&String| strsim::jaro_winkler(key, other.as_str());
    let best = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    (alike(&best) >= ALIKE).then(|| best.clone())
}
