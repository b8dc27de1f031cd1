//! A leader's blocks as it logged them.

use alloy_primitives::{B256, Bytes, U64};
use alloy_rlp::Decodable;
use caldera_types::{Block, SealedBlock};
use jsonrpsee_core::rpc_params;
use serde::Deserialize;

use crate::rpc::{Rpc, RpcError};

/// Most blocks that are asked for at a time.
const BLOCKS: u64 = 128;
/// How long the leader may wait for a block before it answers that there is none, in milliseconds.
const WAIT_MS: u64 = 5_000;

const METHOD: &str = "caldera_getLoggedBlocks";

/// What a leader answered.
pub(super) struct Answer {
    /// Height of its newest block.
    pub(super) head: u64,
    /// Hash of its chain's block 0, unless it is too old to say so.
    pub(super) genesis: Option<B256>,
    /// Its blocks from the one that was asked for.
    pub(super) blocks: Vec<SealedBlock>,
}

#[derive(Deserialize)]
struct Told {
    head: U64,
    genesis: Option<B256>,
    blocks: Vec<Bytes>,
}

/// Asks for the blocks from a height on, and waits a while for the first.
pub(super) async fn ask(rpc: &Rpc, from: u64) -> Result<Answer, RpcError> {
    let params = rpc_params![U64::from(from), U64::from(BLOCKS), U64::from(WAIT_MS)];
    let Told { head, genesis, blocks } = rpc.request(METHOD, params).await?;
    let bad = |error: alloy_rlp::Error| RpcError::BadAnswer { what: METHOD.into(), why: error.to_string() };
    let decode = |bytes: Bytes| Block::decode(&mut bytes.as_ref()).map(Block::seal).map_err(bad);
    let blocks = blocks.into_iter().map(decode).collect::<Result<_, _>>()?;
    Ok(Answer { head: head.to(), genesis, blocks })
}
