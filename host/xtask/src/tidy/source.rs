//! A source file as the rules see it: lines of code with their comments taken off.

/// A text file of the repository.
pub struct Source {
    /// Relative to the root, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A file with this text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it lies under `folder`.
    pub fn is_under(&self, folder: &str) -> bool {
        self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Code without its line comments, with line numbers from 1. A `//` inside a string cuts that line short, which can only
    /// hide what follows it.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, line)| (i + 1, line.split("//").next().unwrap_or_default()))
    }

    /// The place of a line, as compilers write it.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

/// Whether `word` stands in `line` as a whole word: `sled` in `sled::Db`, not in `bobsled`. A word that ends in punctuation
/// (`Instant::`) needs no boundary after it.
pub fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let ends_open = word.chars().next_back().is_some_and(part);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !(before.is_some_and(part) || ends_open && after.is_some_and(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole() {
        for (line, word, want) in [
            ("use sled::Db;", "sled", true),
            ("bobsled", "sled", false),
            ("sledge", "sled", false),
            ("let x = sled_dir;", "sled", false),
            ("Instant::now()", "Instant::", true),
            ("MyInstant::now()", "Instant::", false),
            ("sledge sled", "sled", true),
        ] {
            assert_eq!(has_word(line, word), want, "`{word}` in `{line}`");
        }
    }

    #[test]
    fn comments_are_not_code() {
        let source = Source::new("a.rs", "//! sled\nuse x; // sled\n");
        assert_eq!(source.code().collect::<Vec<_>>(), [(1, ""), (2, "use x; ")]);
    }

    #[test]
    fn a_folder_is_not_a_prefix() {
        assert!(Source::new("host/state/src/lib.rs", "").is_under("host/state"));
        assert!(!Source::new("host/statement.rs", "").is_under("host/state"));
    }
}
