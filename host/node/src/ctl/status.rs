//! `caldera engine status`: who governs, what is armed, and how the last activations ended.

use alloy_primitives::Address;
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEventInterface;
use caldera_execution::registry::{
    self,
    abi::IEngineRegistry::{self as abi, IEngineRegistryEvents as Events},
};
use caldera_types::Digest;
use serde::Serialize;

use super::CtlError;
use crate::{
    output::{Align, Report, Table},
    rpc::{Rpc, RpcLog},
};

/// How far back the registry's events are read: what a node answers in one question.
const EVENT_BLOCKS: u64 = 5_000;

/// What the registry says, and what it did lately.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineStatus {
    event: &'static str,
    /// Height of the chain.
    pub head: u64,
    /// Who may stage and arm.
    pub governor: Address,
    /// What waits for its height.
    pub armed: Vec<ArmedLine>,
    /// The registry's events of the last blocks, oldest first.
    pub events: Vec<EventLine>,
}

/// One component that waits.
#[derive(Debug, Serialize)]
pub struct ArmedLine {
    /// Where.
    pub mount: Address,
    /// What.
    pub digest: Digest,
    /// When.
    pub height: u64,
}

/// One event of the registry.
#[derive(Debug, Serialize)]
pub struct EventLine {
    /// When.
    pub block: u64,
    /// What happened.
    pub name: &'static str,
    /// To whom, and how.
    pub text: String,
}

/// Asks the registry.
pub async fn status(rpc: &Rpc) -> Result<EngineStatus, CtlError> {
    let head = rpc.block_number().await?;
    let governor = rpc.call(registry::ADDRESS, abi::governorCall {}).await?;
    let armed = rpc.call(registry::ADDRESS, abi::armedCall {}).await?;
    let armed = armed.into_iter().map(|armed| ArmedLine {
        mount: armed.mount,
        digest: Digest(armed.digest),
        height: armed.height,
    });
    let filter = Filter::new().address(registry::ADDRESS).from_block(head.saturating_sub(EVENT_BLOCKS - 1));
    let events = rpc.logs(&filter.to_block(head)).await?;
    let events = events.iter().filter_map(event).collect();
    Ok(EngineStatus { event: "status", head, governor, armed: armed.collect(), events })
}

/// A log in words, if it is the registry's.
fn event(log: &RpcLog) -> Option<EventLine> {
    let (name, text) = match Events::decode_log(&log.inner).ok()?.data {
        Events::Staged(e) => ("staged", format!("{} {} as {}", e.name, e.version, Digest(e.digest).short())),
        Events::Armed(e) => ("armed", format!("{} at {} for block {}", Digest(e.digest).short(), e.mount, e.height)),
        Events::Disarmed(e) => ("disarmed", format!("{} at {}", Digest(e.digest).short(), e.mount)),
        Events::Activated(e) => (
            "activated",
            format!(
                "{} at {}, generation {}, state version {} to {}, {} gas",
                Digest(e.digest).short(),
                e.mount,
                e.generation,
                e.fromStateVersion,
                e.toStateVersion,
                e.gasUsed
            ),
        ),
        Events::MigrationProgress(e) => (
            "migrating",
            format!("{} to {}, step {}, {} of {}", e.mount, Digest(e.digest).short(), e.step, e.done, e.total),
        ),
        Events::RolledBack(e) => ("rolled back", format!("{} from {}", e.mount, Digest(e.digest).short())),
        Events::Finalized(e) => {
            ("final", format!("{} at {}, generation {}", Digest(e.digest).short(), e.mount, e.generation))
        }
        Events::Reverted(e) => (
            "reverted",
            format!(
                "{} from {} to {}, generation {}: {}",
                e.mount,
                Digest(e.from).short(),
                Digest(e.to).short(),
                e.generation,
                e.reason
            ),
        ),
        Events::Frozen(e) => ("frozen", format!("{} at {}: {}", Digest(e.digest).short(), e.mount, e.reason)),
        Events::ActivationFailed(e) => {
            ("activation failed", format!("{} at {}: {}", Digest(e.digest).short(), e.mount, e.reason))
        }
        Events::HookFailed(e) => ("hook failed", format!("{} of {}: {}", e.hook, e.mount, e.reason)),
        Events::GovernanceTransferred(e) => ("governance transferred", format!("{} to {}", e.from, e.to)),
    };
    Some(EventLine { block: log.block_number.unwrap_or_default(), name, text })
}

impl Report for EngineStatus {
    fn text(&self) -> String {
        let mut text = format!("Block {}, governed by {}\n", self.head, self.governor);
        let mut armed = Table::new([("height", Align::Right), ("mount", Align::Left), ("digest", Align::Left)]);
        for line in &self.armed {
            armed.row([line.height.to_string(), line.mount.to_string(), line.digest.to_string()]);
        }
        text += &if armed.is_empty() { "Nothing is armed\n".to_owned() } else { format!("Armed\n{armed}") };
        let mut events = Table::new([("block", Align::Right), ("event", Align::Left), ("", Align::Left)]);
        for line in &self.events {
            events.row([line.block.to_string(), line.name.to_owned(), line.text.clone()]);
        }
        if !events.is_empty() {
            text += &format!("Events\n{events}");
        }
        text
    }
}
