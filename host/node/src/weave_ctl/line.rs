//! One unit as a row of a table.

use alloy_primitives::{Address, B256, U256};
use serde::Serialize;
use weave_rules::{StateUnit, abi::Weave as abi};

use super::kind_name;
use crate::output::{self, Align, Table};

/// One unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitLine {
    /// What identifies it; none of an amount of an asset.
    pub id: Option<B256>,
    /// `asset`, `permission` or `behaviour`.
    pub kind: String,
    /// Chain id of where it was issued; none of an amount of an asset.
    pub origin: Option<u64>,
    /// The one chain where it counts; 0: everywhere.
    pub destination: u64,
    /// Whose it is.
    pub owner: Address,
    /// Which right, or which asset.
    pub key: B256,
    /// How much.
    pub value: U256,
    /// Which word on it this is.
    pub nonce: u64,
    /// Unix time from which it is void; 0: never.
    pub expiry: u64,
    /// What has become of it.
    pub state: String,
}

impl UnitLine {
    /// One that was issued here.
    pub(super) fn issued(id: B256, unit: &StateUnit, state: String) -> Self {
        Self {
            id: Some(id),
            kind: kind_name(unit.kind),
            origin: Some(unit.origin),
            destination: unit.destination,
            owner: unit.owner,
            key: unit.key,
            value: unit.value,
            nonce: unit.nonce,
            expiry: unit.expiry,
            state,
        }
    }

    /// One that was accepted here, with the expiry that holds here.
    pub(super) fn held(
        id: B256,
        name: (u64, u8, Address, B256),
        right: &abi::Right,
        expiry: u64,
        state: String,
    ) -> Self {
        let (origin, kind, owner, key) = name;
        let (kind, origin, destination) = (kind_name(kind), Some(origin), right.destination);
        let (value, nonce) = (right.value, right.nonce);
        Self { id: Some(id), kind, origin, destination, owner, key, value, nonce, expiry, state }
    }

    /// An amount of an asset.
    pub(super) fn balance(owner: Address, asset: B256, value: U256) -> Self {
        let (kind, state) = ("asset".to_owned(), "held".to_owned());
        Self { id: None, kind, origin: None, destination: 0, owner, key: asset, value, nonce: 0, expiry: 0, state }
    }
}

/// Rows under a heading; `other_end` names the column of the other chain.
pub(super) fn table(lines: &[UnitLine], other_end: &'static str, end: impl Fn(&UnitLine) -> Option<u64>) -> Table<9> {
    let (left, right) = (|name| (name, Align::Left), |name| (name, Align::Right));
    let mut table = Table::new([
        left("id"),
        left("kind"),
        left("owner"),
        left("key"),
        right("value"),
        right("nonce"),
        right(other_end),
        right("expiry"),
        left("state"),
    ]);
    for line in lines {
        table.row([
            line.id.map(|id| id.to_string()).unwrap_or_default(),
            line.kind.clone(),
            line.owner.to_string(),
            short(line.key),
            output::count(line.value),
            if line.nonce == 0 { String::new() } else { line.nonce.to_string() },
            match end(line) {
                Some(0) => "any".to_owned(),
                Some(chain_id) => chain_id.to_string(),
                None => String::new(),
            },
            if line.expiry == 0 { "never".to_owned() } else { line.expiry.to_string() },
            line.state.clone(),
        ]);
    }
    table
}

/// Both ends of 32 bytes: keys that people choose differ in either.
pub(super) fn short(word: B256) -> String {
    let digits = word.to_string();
    format!("{}…{}", &digits[..10], &digits[58..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_shown_by_both_ends() {
        assert_eq!(short(B256::with_last_byte(0x2a)), "0x00000000…0000002a");
    }
}
