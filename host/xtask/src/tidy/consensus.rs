//! What decides consensus reads no clock, no random source and no hash map's order.
//!
//! Where a library's interface leaves no choice, the line or the one above it says why: `// tidy: HashMap: sorted below`.

use super::{
    Finding,
    source::{Source, has_word},
};

/// Code that every node must run to the same result.
const FOLDERS: [&str; 5] =
    ["host/types/src", "host/execution/src", "plugins", "sdk-guest/src", "examples/hello-engine/src"];

/// Names that make a result depend on the machine or the run.
const FORBIDDEN: [(&str, &str); 6] = [
    ("HashMap", "its order varies by run; use BTreeMap"),
    ("HashSet", "its order varies by run; use BTreeSet"),
    ("Instant::", "a clock; time comes with the block"),
    ("SystemTime::", "a clock; time comes with the block"),
    ("thread_rng", "random; nothing in consensus is"),
    ("getrandom", "random; nothing in consensus is"),
];

/// Lines that use them without a reason.
pub fn findings(sources: &[Source]) -> Vec<Finding> {
    let consensus = |source: &&Source| source.is_rust() && FOLDERS.iter().any(|folder| source.is_under(folder));
    sources.iter().filter(consensus).filter(|source| !is_test(source)).flat_map(in_source).collect()
}

fn is_test(source: &Source) -> bool {
    source.path.contains("/tests/") || source.path.ends_with("/tests.rs")
}

fn in_source(source: &Source) -> Vec<Finding> {
    let lines: Vec<_> = source.text.lines().collect();
    let mut findings = Vec::new();
    for (number, code) in source.code() {
        // By custom, a file's tests stand at its end.
        if code.trim() == "#[cfg(test)]" {
            break;
        }
        for (name, why) in FORBIDDEN.iter().filter(|(name, _)| has_word(code, name)) {
            let above = number.checked_sub(2).map_or("", |index| lines[index]);
            let stem = name.trim_end_matches(':');
            let reason = format!("tidy: {stem}:");
            if ![lines[number - 1], above].iter().any(|line| line.contains(&reason)) {
                findings.push(Finding::new(
                    source.at(number),
                    format!("uses {stem}: {why}, or say why in `// {reason} …`"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, want: usize) {
        let got = findings(&[Source::new(path, text)]);
        assert_eq!(got.len(), want, "{path}: {text}: {got:#?}");
    }

    #[test]
    fn clocks_randomness_and_hash_order_are_found() {
        check("host/execution/src/a.rs", "use std::collections::HashMap;", 1);
        check("host/execution/src/a.rs", "let t = Instant::now();", 1);
        check("plugins/clearing/v1/src/lib.rs", "HashSet::new(); SystemTime::now();", 2);
        check("host/chain/src/a.rs", "HashMap", 0);
    }

    #[test]
    fn reasons_comments_and_tests_are_let_pass() {
        check("host/execution/src/a.rs", "// tidy: HashMap: the trait asks for it\nfn f(m: HashMap<A, B>) {}", 0);
        check("host/execution/src/a.rs", "fn f(m: HashMap<A, B>) {} // tidy: HashMap: sorted below", 0);
        check("host/execution/src/a.rs", "// tidy: HashSet: another name\nfn f(m: HashMap<A, B>) {}", 1);
        check("host/execution/src/a.rs", "// no HashMap here", 0);
        check("host/execution/src/a.rs", "#[cfg(test)]\nmod tests { use std::collections::HashMap; }", 0);
        check("host/execution/src/a/tests.rs", "HashMap", 0);
    }
}
