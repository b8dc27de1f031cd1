//! The registry's events in words.

use alloy_primitives::Address;
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEventInterface;
use caldera_execution::registry::{self, abi::IEngineRegistry::IEngineRegistryEvents as Events};
use caldera_types::Digest;
use serde::Serialize;

use crate::rpc::{Rpc, RpcError, RpcLog};

/// One event of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventLine {
    /// When.
    pub block: u64,
    /// What happened.
    pub name: &'static str,
    /// At which mount, if at one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount: Option<Address>,
    /// To whom, and how.
    pub text: String,
}

impl EventLine {
    /// Whether a swap has ended with it, and if so, whether as its governor wished.
    pub fn ends_well(&self) -> Option<bool> {
        match self.name {
            "activated" | "final" => Some(true),
            "activation failed" | "rolled back" | "reverted" | "frozen" | "disarmed" => Some(false),
            _ => None,
        }
    }
}

/// The registry's events of these blocks, oldest first.
pub async fn events(rpc: &Rpc, from: u64, to: u64) -> Result<Vec<EventLine>, RpcError> {
    let filter = Filter::new().address(registry::ADDRESS).from_block(from).to_block(to);
    Ok(rpc.logs(&filter).await?.iter().filter_map(event).collect())
}

/// A log in words, if it is the registry's.
fn event(log: &RpcLog) -> Option<EventLine> {
    let short = |digest| Digest(digest).short();
    let (name, mount, text) = match Events::decode_log(&log.inner).ok()?.data {
        Events::Staged(e) => ("staged", None, format!("{} {} as {}", e.name, e.version, short(e.digest))),
        Events::Armed(e) => {
            ("armed", Some(e.mount), format!("{} at {} for block {}", short(e.digest), e.mount, e.height))
        }
        Events::Disarmed(e) => ("disarmed", Some(e.mount), format!("{} at {}", short(e.digest), e.mount)),
        Events::MigrationProgress(e) => (
            "migrating",
            Some(e.mount),
            format!("{} to {}, step {}, {} of {}", e.mount, short(e.digest), e.step, e.done, e.total),
        ),
        Events::Activated(e) => (
            "activated",
            Some(e.mount),
            format!(
                "{} at {}, generation {}, state version {} to {}, {} gas",
                short(e.digest),
                e.mount,
                e.generation,
                e.fromStateVersion,
                e.toStateVersion,
                e.gasUsed
            ),
        ),
        Events::ActivationFailed(e) => {
            ("activation failed", Some(e.mount), format!("{} at {}: {}", short(e.digest), e.mount, e.reason))
        }
        Events::RolledBack(e) => ("rolled back", Some(e.mount), format!("{} from {}", e.mount, short(e.digest))),
        Events::Finalized(e) => (
            "final",
            Some(e.mount),
            format!("{} at {}, generation {}", short(e.digest), e.mount, e.generation),
        ),
        Events::Reverted(e) => (
            "reverted",
            Some(e.mount),
            format!(
                "{} from {} to {}, generation {}: {}",
                e.mount,
                short(e.from),
                short(e.to),
                e.generation,
                e.reason
            ),
        ),
        Events::Frozen(e) => ("frozen", Some(e.mount), format!("{} at {}: {}", short(e.digest), e.mount, e.reason)),
        Events::HookFailed(e) => ("hook failed", Some(e.mount), format!("{} of {}: {}", e.hook, e.mount, e.reason)),
        Events::GovernanceTransferred(e) => ("governance transferred", None, format!("{} to {}", e.from, e.to)),
    };
    Some(EventLine { block: log.block_number.unwrap_or_default(), name, mount, text })
}
