//! `caldera_getLoggedBlocks`: blocks as they stand in the log, for who follows this node.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{B256, Bytes, U64};
use jsonrpsee_core::RegisterMethodError;
use jsonrpsee_types::Params;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    methods::Param,
    module::Module,
};

const FROM: Param = Param::new("from height", "Quantity");
const COUNT: Param = Param::optional("most blocks", "Quantity");
const WAIT: Param = Param::optional("wait in milliseconds", "Quantity");

/// Most blocks in one answer.
const MOST_BLOCKS: u64 = 256;
/// No further block is added to an answer of so many bytes. With hexadecimal digits that is an eighth of the usual limit.
const ENOUGH_BYTES: usize = 2 << 20;
/// How long an answer waits for a block at most.
const MOST_WAIT: Duration = Duration::from_secs(10);

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Blocks from a height on as they are logged (RLP, components compressed), the newest height and the hash of block 0; waits for the first.";
    module.waiting("caldera_getLoggedBlocks", about, &[FROM, COUNT, WAIT], "LoggedBlocks", blocks)
}

#[derive(Clone, Debug, Serialize)]
struct LoggedBlocks {
    head: U64,
    genesis: B256,
    blocks: Vec<Bytes>,
}

async fn blocks(api: Arc<ChainApi>, params: Params<'static>, table: &'static [Param]) -> Reply<LoggedBlocks> {
    let (from, most, wait) = {
        let mut args = Args::new(&params, table)?;
        let from: U64 = args.next()?;
        let (most, wait): (Option<U64>, Option<U64>) = (args.next()?, args.next()?);
        (from.to::<u64>(), most.map_or(MOST_BLOCKS, |most| most.to()), wait.map_or(0, |wait| wait.to()))
    };
    let wait = Duration::from_millis(wait).min(MOST_WAIT);
    if api.head_number() < from && !wait.is_zero() {
        // Time that is over without a block is an answer too.
        let _ = tokio::time::timeout(wait, reached(&api, from)).await;
    }
    let read = tokio::task::spawn_blocking(move || read(&api, from, most.min(MOST_BLOCKS))).await;
    read.map_err(|error| RpcError::Node(format!("reading blocks: {error}")))?
}

/// Waits until the chain is at a height.
async fn reached(api: &ChainApi, height: u64) {
    let mut events = api.chain.events();
    while api.head_number() < height {
        match events.recv().await {
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

fn read(api: &ChainApi, from: u64, most: u64) -> Reply<LoggedBlocks> {
    let head = api.head_number();
    let (mut blocks, mut bytes) = (Vec::new(), 0);
    for number in (from..=head).take(usize::try_from(most).unwrap_or(usize::MAX)) {
        let Some(block) = api.chain.logged_block(number)? else { break };
        let block = alloy_rlp::encode(&*block);
        if !blocks.is_empty() && bytes + block.len() > ENOUGH_BYTES {
            break;
        }
        bytes += block.len();
        blocks.push(block.into());
    }
    Ok(LoggedBlocks { head: U64::from(head), genesis: api.chain.genesis_hash()?, blocks })
}
