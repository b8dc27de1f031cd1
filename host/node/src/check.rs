//! `caldera plugin check FILE`: would a chain take this component? The same code judges it that every node runs when it is
//! staged.

use std::collections::BTreeMap;

use caldera_api::admin::{self, view::CheckedView};
use caldera_engine::{EngineError, Rejection, StageError};
use caldera_types::{Component, Digest, EngineLimits, Grants};
use serde::Serialize;

use crate::output::{self, Align, Report, Table};

/// Why a component is not fit to be staged.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The component's fault.
    #[error("component {digest} is rejected: {rejection}")]
    Rejected {
        /// Which.
        digest: Digest,
        /// Why.
        rejection: Rejection,
    },
    /// This node's fault.
    #[error("cannot check: {0}")]
    Node(#[from] EngineError),
}

/// A component that passed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    event: &'static str,
    /// Its identity.
    pub digest: Digest,
    /// Its size.
    pub bytes: usize,
    /// The name it claims.
    pub name: String,
    /// The version it claims.
    pub version: String,
    /// Layout of its state.
    pub state_version: u32,
    /// Which block hooks it asks for.
    pub hooks: Vec<String>,
    /// What it was granted for the check.
    pub grants: String,
    /// Gas of its first instance in a block, and of each further one.
    pub instance_gas: [u64; 2],
    /// How many functions, errors and events its ABI names.
    pub abi: BTreeMap<String, usize>,
}

/// Checks, compiles, links and describes a component.
pub fn check(component: &Component, grants: Grants, limits: &EngineLimits) -> Result<Checked, CheckError> {
    let checked = admin::check(component, grants, limits).map_err(|error| match error {
        StageError::Rejected(rejection) => CheckError::Rejected { digest: component.digest(), rejection },
        StageError::Node(error) => CheckError::Node(error),
    })?;
    Ok(checked.into())
}

impl From<CheckedView> for Checked {
    fn from(checked: CheckedView) -> Self {
        Self {
            event: "checked",
            digest: checked.digest,
            bytes: checked.bytes,
            name: checked.name,
            version: checked.version,
            state_version: checked.state_version,
            hooks: checked.hooks,
            grants: checked.grants.to_string(),
            instance_gas: checked.instance_gas,
            abi: checked.abi,
        }
    }
}

impl Report for Checked {
    fn text(&self) -> String {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        let hooks = if self.hooks.is_empty() { "none".to_owned() } else { self.hooks.join(", ") };
        let abi: Vec<_> = self.abi.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let [cold, warm] = self.instance_gas.map(output::count);
        for (name, value) in [
            ("digest", self.digest.to_string()),
            ("size", output::bytes(self.bytes as u64)),
            ("engine", format!("{} {}", self.name, self.version)),
            ("state version", self.state_version.to_string()),
            ("block hooks", hooks),
            ("checked under", self.grants.clone()),
            ("instance gas", format!("{cold}, then {warm} in the same block")),
            ("ABI", abi.join(", ")),
        ] {
            table.row([name.to_owned(), value]);
        }
        format!("Fit to be staged\n{table}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_rejected_by_name() {
        let component = Component::new(b"\0asm\x01\0\0\0".to_vec()).unwrap();
        let error = check(&component, Grants::ALL, &EngineLimits::recommended()).unwrap_err();
        assert!(matches!(error, CheckError::Rejected { rejection: Rejection::NotAComponent(_), .. }), "{error}");
        assert!(error.to_string().contains("core module"), "{error}");
    }
}
