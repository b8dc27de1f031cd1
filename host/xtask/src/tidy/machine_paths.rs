//! Paths of one machine do not belong in the repository.

use super::{Finding, source::Source};

/// Folders that exist on the machine of whoever wrote the line. Joined here, so that this file does not find itself.
const FOLDERS: [&str; 3] = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/tmp/ba", "sh_jobs")];

/// Lines that name one.
pub fn findings(sources: &[Source]) -> Vec<Finding> {
    sources.iter().flat_map(in_source).collect()
}

fn in_source(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().enumerate();
    let named = lines.filter_map(|(i, line)| Some((i, FOLDERS.iter().find(|folder| starts_a_path(line, folder))?)));
    named
        .map(|(i, folder)| Finding::new(source.at(i + 1), format!("names {folder}, a folder of one machine")))
        .collect()
}

/// An absolute path follows a space, a quote, a bracket or `=`; a part of a longer path or address does not count.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.}>/".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_paths_are_found() {
        let root = FOLDERS[0];
        for (line, want) in [
            (format!("cp {root}x ."), 1),
            (format!("\"{root}x\""), 1),
            (format!("DIR={root}x"), 1),
            (format!("https://host.example{root}x"), 0),
            (format!("state{root}x"), 0),
            (format!("..{root}x"), 0),
        ] {
            assert_eq!(findings(&[Source::new("a.md", line.clone())]).len(), want, "{line}");
        }
    }
}
