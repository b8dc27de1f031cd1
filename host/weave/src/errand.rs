//! What is to be done for one unit, as the origin's logs ask for it.

use alloy_primitives::{Address, B256, LogData};
use alloy_sol_types::SolEvent as _;
use serde::{Deserialize, Serialize};
use weave_rules::{abi::Weave as abi, unit::Kind};

use crate::Origin;

/// One unit, and what may have to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Errand {
    /// The destination is to hold what the origin holds now: `accept` or `end`.
    Right {
        /// Kind, owner and key of the right.
        kind: u8,
        owner: Address,
        key: B256,
    },
    /// `mint`.
    Mint,
    /// `unlock`.
    Unlock,
}

/// What a block's logs ask for at a destination, by unit. A right is named by every event on it, wherever its unit is for: one that
/// is issued anew for another chain ends here.
pub(crate) fn errands(origin: &dyn Origin, destination: u64, logs: &[LogData]) -> Vec<(B256, Errand)> {
    logs.iter().filter_map(|log| errand(origin, destination, log)).collect()
}

fn errand(origin: &dyn Origin, destination: u64, log: &LogData) -> Option<(B256, Errand)> {
    match *log.topics().first()? {
        abi::UnitIssued::SIGNATURE_HASH => {
            let abi::UnitIssued { id, unit, .. } = abi::UnitIssued::decode_log_data(log).ok()?;
            let right = Errand::Right { kind: unit.kind, owner: unit.owner, key: unit.key };
            (Kind::of(unit.kind)? != Kind::Asset).then_some((id, right))
        }
        abi::UnitRevoked::SIGNATURE_HASH => {
            let abi::UnitRevoked { id, owner, key, .. } = abi::UnitRevoked::decode_log_data(log).ok()?;
            // The event does not say the kind; the id does.
            let kinds = [Kind::Permission, Kind::Behaviour].map(Kind::code);
            let kind = kinds.into_iter().find(|kind| origin.right_id(*kind, owner, key) == id)?;
            Some((id, Errand::Right { kind, owner, key }))
        }
        abi::Locked::SIGNATURE_HASH => {
            let event = abi::Locked::decode_log_data(log).ok()?;
            (event.destination == destination).then_some((event.id, Errand::Mint))
        }
        abi::Burnt::SIGNATURE_HASH => {
            let event = abi::Burnt::decode_log_data(log).ok()?;
            (event.destination == destination).then_some((event.id, Errand::Unlock))
        }
        _ => None,
    }
}
