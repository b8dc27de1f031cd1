//! Local diagnostics: never part of consensus, never seen by other nodes.

use crate::host;

/// How urgent a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something is broken.
    Error,
    /// Something is odd.
    Warn,
    /// Something worth knowing.
    Info,
    /// Something for whoever debugs the engine.
    Debug,
}

/// Writes a message to this node's log. Over 1 KiB is cut.
pub fn write(level: Level, message: &str) {
    host::log(level, message);
}
