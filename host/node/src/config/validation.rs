//! `[validation]` of the configuration: the validators that this node runs.

use alloy_primitives::Address;
use caldera_types::limits::MAX_COMMITTEE_MEMBERS;
use serde::Deserialize;

use crate::validation::ValidationSpec;

/// Validators of this node, one committee for all its chains: they verify every block, and `safe` is what a quorum of them signed.
/// Without any, `safe` is the newest block.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ValidationConfig {
    /// One validator for each of these accounts, whose bond answers for it. Keys are made in the data folder.
    pub owners: Vec<Address>,
}

impl ValidationConfig {
    /// What a node runs, if anything.
    pub fn spec(&self) -> Option<ValidationSpec> {
        (!self.owners.is_empty()).then(|| ValidationSpec { owners: self.owners.clone() })
    }

    /// What is wrong, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        let count = self.owners.len();
        if count > MAX_COMMITTEE_MEMBERS {
            return Err(format!(
                "owners of [validation] names {count} validators; a committee has at most {MAX_COMMITTEE_MEMBERS}"
            ));
        }
        Ok(())
    }
}
