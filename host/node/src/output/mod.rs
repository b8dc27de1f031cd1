//! What the command line prints: aligned text for people, one JSON object per line for programs.
//!
//! A command returns a [`Report`]; only this module decides which of its two forms is printed. Results go to standard
//! output, errors and logs to standard error, so that a pipe carries results alone.

mod figures;
mod table;

use std::io::Write as _;

use serde::Serialize;

pub use figures::{bytes, count, decimal, duration, ratio};
pub use table::{Align, Table};

/// What a command has to say.
pub trait Report: Serialize {
    /// For people: lines that fit a terminal.
    fn text(&self) -> String;
}

/// Which of a report's forms is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Aligned text.
    Text,
    /// One JSON object per line.
    Json,
}

impl Output {
    /// Prints a report.
    pub fn report(self, report: &impl Report) {
        match self {
            Self::Text => line(report.text().trim_end()),
            Self::Json => self.json(report),
        }
    }

    /// Prints a line that only people see.
    pub fn say(self, text: impl AsRef<str>) {
        if self == Self::Text {
            line(text.as_ref());
        }
    }

    /// Prints a line that only programs see.
    pub fn json(self, value: &impl Serialize) {
        if self == Self::Json {
            // Reports are structs of strings and numbers: what can fail to become JSON is a map with odd keys.
            match serde_json::to_string(value) {
                Ok(text) => line(&text),
                Err(error) => tracing::error!(%error, "a report does not become JSON"),
            }
        }
    }

    /// Says how far long work has come, to standard error, to people only.
    pub fn progress(self, text: &str) {
        if self == Self::Text {
            eprintln!("{text}");
        }
    }

    /// Prints why a command failed, to standard error.
    pub fn error(self, message: &str) {
        match self {
            Self::Text => eprintln!("error: {message}"),
            Self::Json => eprintln!("{}", serde_json::json!({ "event": "error", "message": message })),
        }
    }
}

/// A reader that went away (`caldera … | head`) is no reason to fail.
fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
