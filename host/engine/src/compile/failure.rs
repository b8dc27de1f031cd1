//! What can stop the compiler on this node. None of it is a verdict on the component.

use std::time::Duration;

/// Why a component was not compiled here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileFailure {
    /// It took longer than it may; the child was killed.
    #[error("timed out: more than {} ms of {what}", limit.as_millis())]
    TimedOut {
        /// Which time: of the clock or of the processor.
        what: &'static str,
        /// What it may take.
        limit: Duration,
    },
    /// It needed more memory than it may have.
    #[error("out of memory: more than {} MiB", limit_bytes >> 20)]
    OutOfMemory {
        /// What it may have.
        limit_bytes: u64,
    },
    /// A signal ended it.
    #[error("the compiler crashed by signal {signal}{}", said(stderr))]
    Crashed {
        /// Which signal.
        signal: i32,
        /// What it said last.
        stderr: String,
    },
    /// It ended by itself without an answer.
    #[error("the compiler ended with code {code} and no answer{}", said(stderr))]
    NoAnswer {
        /// Its exit code.
        code: i32,
        /// What it said last.
        stderr: String,
    },
    /// Its answer cannot be used: another version of the program, or a component whose code is over the limit.
    #[error("the compiler's answer cannot be used: {0}")]
    BadAnswer(String),
    /// No process could be started or watched.
    #[error("the compiler does not run: {0}; is there memory and a process left, and may this user run the program?")]
    NotStarted(String),
    /// A part of the compiler that should not have failed did.
    #[error("the compiler failed: {0}")]
    Internal(String),
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}
