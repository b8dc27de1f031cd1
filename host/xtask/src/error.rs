//! What can go wrong in a chore, and whose fault it is: the machine's (`Start`, `File`, `NoGuestTarget`), the code's
//! under work (`Command`, `Component`, `Findings`) or the caller's (`Usage`).

use std::{io, path::PathBuf};

/// The result of a chore.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a chore stopped. Every message says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is missing or may not be run.
    #[error("could not start `{program}`: {source}; install it or put it on PATH")]
    Start {
        /// The program as it was called.
        program: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A program ran and failed. What it printed stands above, or in `output` where it was captured.
    #[error("`{command}` {status}{}", indented(.output))]
    Command {
        /// The command line, shortened.
        command: String,
        /// How it ended: `exit status: 101`, or `was stopped after 60 s`.
        status: String,
        /// The end of what it printed, if it was captured.
        output: String,
    },
    /// A file or folder could not be read or written.
    #[error("could not {action} {}: {source}", .path.display())]
    File {
        /// What was being done: `read`, `write`, `create`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A program answered in a shape that this one does not know.
    #[error("unexpected answer from {from}: {problem}")]
    Answer {
        /// Who answered.
        from: &'static str,
        /// What was missing or malformed.
        problem: String,
    },
    /// No road led to a working guest target.
    #[error("there is no working guest target `wasm32-unknown-unknown`. Tried:\n{tried}\n{advice}")]
    NoGuestTarget {
        /// One line per road with its result.
        tried: String,
        /// What to install.
        advice: &'static str,
    },
    /// A guest module could not be made into a component that the host would accept.
    #[error("plugin `{name}`: {problem}")]
    Component {
        /// The component's name, from `[package.metadata.caldera]`.
        name: String,
        /// What was wrong and what to do.
        problem: String,
    },
    /// A check found something; the findings are printed above.
    #[error("{check}: {count} finding(s), listed above")]
    Findings {
        /// Which check.
        check: &'static str,
        /// How many findings.
        count: usize,
    },
    /// The caller asked for something that does not exist.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    /// For `map_err` on file operations: `fs::read(p).map_err(Error::file("read", p))`.
    pub fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

fn indented(output: &str) -> String {
    output.lines().map(|line| format!("\n    {line}")).collect()
}
