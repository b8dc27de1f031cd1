//! `caldera engine watch`: follows the road of a swap block by block, until it has ended.

use std::time::Duration;

use alloy_primitives::Address;
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use serde::Serialize;

use super::{
    CtlError,
    events::{EventLine, events},
    status::swap_text,
};
use crate::{
    output::{Output, Report},
    rpc::Rpc,
};

/// How long between two looks at the chain.
const POLL: Duration = Duration::from_millis(200);
/// Looks between two lines about how far something is.
const LOOKS_PER_LINE: u32 = 5;

/// What to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchRequest {
    /// Where; everything if not said.
    pub mount: Option<Address>,
    /// The first block whose events are told; the head's next if not said.
    pub from: Option<u64>,
    /// Go on when nothing is under way any more.
    pub follow: bool,
}

/// How far something is.
#[derive(Debug, Serialize)]
struct Progress {
    event: &'static str,
    block: u64,
    mount: Address,
    phase: String,
    text: String,
}

/// One event.
#[derive(Debug, Serialize)]
struct Told {
    event: &'static str,
    #[serde(flatten)]
    line: EventLine,
}

/// Nothing is under way any more.
#[derive(Debug, Serialize)]
struct Settled {
    event: &'static str,
    block: u64,
}

/// Follows, and prints what happens. The error is that of a swap that did not end in a new generation.
pub async fn watch(rpc: &Rpc, request: WatchRequest, output: Output) -> Result<(), CtlError> {
    let concerns = |mount: Address| request.mount.is_none_or(|wanted| wanted == mount);
    let mut next = match request.from {
        Some(from) => from,
        None => rpc.block_number().await? + 1,
    };
    let (mut last_end, mut said, mut looks) = (None, None, 0u32);
    loop {
        // What is under way first: an event that ends it is then in the blocks that are read after it.
        let armed = rpc.call(registry::ADDRESS, abi::armedCall {}).await?;
        let swaps = rpc.call(registry::ADDRESS, abi::swapsCall {}).await?;
        let head = rpc.block_number().await?;
        if head >= next {
            for line in events(rpc, next, head).await? {
                if line.mount.is_some_and(concerns) {
                    if let Some(well) = line.ends_well() {
                        last_end = Some((well, line.clone()));
                    }
                    output.report(&Told { event: "engine-event", line });
                }
            }
            next = head + 1;
        }
        let lasting = || swaps.iter().filter(|swap| concerns(swap.mount) && swap.phase != "frozen");
        if looks.is_multiple_of(LOOKS_PER_LINE) {
            let text: Vec<_> = lasting().map(|swap| (swap.mount, swap.phase.clone(), swap_text(swap))).collect();
            if said.as_ref() != Some(&text) {
                for (mount, phase, text) in &text {
                    let (mount, phase, text) = (*mount, phase.clone(), text.clone());
                    output.report(&Progress { event: "progress", block: head, mount, phase, text });
                }
                said = Some(text);
            }
        }
        looks = looks.wrapping_add(1);
        let under_way = lasting().next().is_some() || armed.iter().any(|armed| concerns(armed.mount));
        if !under_way && !request.follow {
            output.report(&Settled { event: "settled", block: head });
            return match last_end {
                Some((false, line)) => {
                    Err(CtlError::SwapFailed { block: line.block, name: line.name, text: line.text })
                }
                _ => Ok(()),
            };
        }
        tokio::time::sleep(POLL).await;
    }
}

impl Report for Told {
    fn text(&self) -> String {
        format!("{:>8}  {:<18}  {}", self.line.block, self.line.name, self.line.text)
    }
}

impl Report for Progress {
    fn text(&self) -> String {
        format!("{:>8}  {:<18}  {}: {}", self.block, self.phase, self.mount, self.text)
    }
}

impl Report for Settled {
    fn text(&self) -> String {
        format!("{:>8}  nothing is under way", self.block)
    }
}
