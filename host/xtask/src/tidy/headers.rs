//! Every Rust file begins with a module header: what it is for, and what always holds in it.

use super::{Finding, source::Source};

const FOLDERS: [&str; 4] = ["host", "plugins", "sdk-guest", "examples"];

/// Files without one.
pub fn findings(sources: &[Source]) -> Vec<Finding> {
    let ours = sources.iter().filter(|source| source.is_rust() && FOLDERS.iter().any(|folder| source.is_under(folder)));
    ours.filter(|source| !has_header(&source.text))
        .map(|source| Finding::new(&source.path, "begin the file with `//!` and a sentence: what it is for"))
        .collect()
}

fn has_header(text: &str) -> bool {
    text.lines().next().and_then(|line| line.strip_prefix("//!")).is_some_and(|words| words.trim().len() > 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_must_say_something() {
        for (text, want) in [
            ("//! Words everyone shares.\n", true),
            ("//!\n//! Late.\n", false),
            ("use std::fs;\n//! Late.\n", false),
            ("", false),
        ] {
            assert_eq!(has_header(text), want, "{text:?}");
        }
    }

    #[test]
    fn only_rust_in_our_folders_is_asked() {
        let sources = ["host/a.rs", "wit/a.wit", "hosted/a.rs"].map(|path| Source::new(path, ""));
        assert_eq!(findings(&sources).len(), 1);
    }
}
