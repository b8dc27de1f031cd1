//! `caldera engine status`: who governs, what is armed or under way, and how the last swaps ended.

use alloy_primitives::Address;
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use caldera_types::Digest;
use serde::Serialize;

use super::{
    CtlError,
    events::{EventLine, events},
};
use crate::{
    output::{Align, Report, Table},
    rpc::Rpc,
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
    /// What is in the middle of a swap.
    pub swaps: Vec<SwapLine>,
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

/// One mount that is not simply active.
#[derive(Debug, Serialize)]
pub struct SwapLine {
    /// Where.
    pub mount: Address,
    /// `migrating`, `rolling-back`, `probation` or `frozen`.
    pub phase: String,
    /// How far it is.
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
    let swaps = rpc.call(registry::ADDRESS, abi::swapsCall {}).await?;
    let swaps = swaps.into_iter().map(|swap| {
        let text = swap_text(&swap);
        SwapLine { mount: swap.mount, phase: swap.phase, text }
    });
    let events = events(rpc, head.saturating_sub(EVENT_BLOCKS - 1), head).await?;
    Ok(EngineStatus { event: "status", head, governor, armed: armed.collect(), swaps: swaps.collect(), events })
}

/// What a swap is at, in a few words.
pub(super) fn swap_text(swap: &abi::SwapInfo) -> String {
    let short = Digest(swap.digest).short();
    match swap.phase.as_str() {
        "migrating" => format!("{} of {} to {short} since block {}", swap.done, swap.total, swap.since),
        "rolling-back" => format!("{} entries to restore, {short} did not go live", swap.total),
        "probation" => format!(
            "{} faults in {} calls, {short} comes back when the rule trips, final in block {}",
            swap.faults, swap.calls, swap.until
        ),
        _ => format!("since block {}: {}", swap.since, swap.reason),
    }
}

impl Report for EngineStatus {
    fn text(&self) -> String {
        let mut text = format!("Block {}, governed by {}\n", self.head, self.governor);
        let mut armed = Table::new([("height", Align::Right), ("mount", Align::Left), ("digest", Align::Left)]);
        for line in &self.armed {
            armed.row([line.height.to_string(), line.mount.to_string(), line.digest.to_string()]);
        }
        text += &if armed.is_empty() { "Nothing is armed\n".to_owned() } else { format!("Armed\n{armed}") };
        let mut swaps = Table::new([("mount", Align::Left), ("phase", Align::Left), ("", Align::Left)]);
        for line in &self.swaps {
            swaps.row([line.mount.to_string(), line.phase.clone(), line.text.clone()]);
        }
        if !swaps.is_empty() {
            text += &format!("Under way\n{swaps}");
        }
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
