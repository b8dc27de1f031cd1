//! Would a chain take this component? The same code judges it that every node runs when it is staged.

use std::collections::BTreeMap;

use caldera_engine::{EngineOptions, Engines, StageError};
use caldera_types::{Component, EngineLimits, Grants};

use super::view::CheckedView;

/// Checks, compiles, links and describes a component, in an engine runtime of its own that is gone afterwards.
pub fn check(component: &Component, grants: Grants, limits: &EngineLimits) -> Result<CheckedView, StageError> {
    let engines = Engines::new(EngineOptions { instances: 1 })?;
    let described = engines.stage(component, grants, limits)?;
    let digest = component.digest();
    let hooks = [("begin-block", described.hooks.begin_block), ("end-block", described.hooks.end_block)];
    Ok(CheckedView {
        digest,
        bytes: component.bytes().len(),
        name: described.name,
        version: described.version,
        state_version: described.state_version,
        hooks: hooks.iter().filter(|(_, asked)| *asked).map(|(name, _)| (*name).to_owned()).collect(),
        grants,
        instance_gas: [false, true].map(|warm| engines.instance_gas(digest, warm).unwrap_or_default()),
        abi: abi_kinds(&described.abi),
    })
}

/// Counts an ABI's entries by kind. One that is no ABI counts as nothing: it is a claim, and no node reads it.
fn abi_kinds(abi: &str) -> BTreeMap<String, usize> {
    let entries: Vec<serde_json::Value> = serde_json::from_str(abi).unwrap_or_default();
    let kinds = entries.iter().filter_map(|entry| entry.get("type")?.as_str());
    kinds.fold(BTreeMap::new(), |mut counts, kind| {
        *counts.entry(kind.to_owned()).or_default() += 1;
        counts
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abi_entries_are_counted() {
        let abi = r#"[{"type":"function"},{"type":"function"},{"type":"event"}]"#;
        assert_eq!(abi_kinds(abi), BTreeMap::from([("event".to_owned(), 1), ("function".to_owned(), 2)]));
        assert!(abi_kinds("not JSON").is_empty());
    }
}
