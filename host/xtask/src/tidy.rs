//! Tidy: what the house asks of every file and crate and no compiler checks. Each rule is a module that returns findings;
//! nothing is changed.

mod consensus;
mod floors;
mod headers;
mod machine_paths;
mod names;
mod reach;
mod source;
mod wit;

use crate::{
    error::{Error, Result},
    process::Tool,
    workspace::Workspace,
};
use source::Source;
use std::fmt;

/// Something that a rule does not allow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// `path`, `path:line` or a crate's name.
    place: String,
    /// What is wrong and what to do.
    problem: String,
}

impl Finding {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// Runs every rule. Returns a remark: how much was looked at.
pub fn check(workspace: &Workspace) -> Result<String> {
    let sources = sources(workspace)?;
    let rules: [(&str, Vec<Finding>); 7] = [
        ("module headers", headers::findings(&sources)),
        ("floors", floors::findings(&workspace.packages)),
        ("reach", reach::findings(workspace)?),
        ("names", names::findings(&sources)),
        ("consensus", consensus::findings(&sources)),
        ("WIT", wit::findings(&workspace.root)?),
        ("machine paths", machine_paths::findings(&sources)),
    ];
    for (rule, findings) in &rules {
        eprintln!("tidy: {rule}: {}", if findings.is_empty() { "ok" } else { "NOT ok" });
        findings.iter().for_each(|finding| eprintln!("  {finding}"));
    }
    match rules.iter().map(|(_, findings)| findings.len()).sum() {
        0 => Ok(format!("{} files, {} crates", sources.len(), workspace.packages.len())),
        count => Err(Error::Findings { check: "tidy", count }),
    }
}

/// Every text file that is tracked, or would be: what `.gitignore` hides is nobody's business.
fn sources(workspace: &Workspace) -> Result<Vec<Source>> {
    let listed = Tool::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .dir(&workspace.root)
        .output()?;
    let paths = listed.split('\0').filter(|path| !path.is_empty());
    // A file that is deleted but still listed, or is not text, is no source.
    let read = |path: &str| Some(Source::new(path, std::fs::read_to_string(workspace.root.join(path)).ok()?));
    Ok(paths.filter_map(read).collect())
}
