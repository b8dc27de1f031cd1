//! What clients ask about the node itself: `web3_`, `net_` and the few `eth_` methods of that kind.

use alloy_primitives::{B256, Bytes, U64, keccak256};
use caldera_state::History;
use jsonrpsee_core::RegisterMethodError;
use serde_json::{Value, json};

use crate::{context::ChainApi, methods::Param, module::Module};

/// Name and version in the form that Ethereum clients give.
pub(crate) const CLIENT_VERSION: &str = concat!("caldera/v", env!("CARGO_PKG_VERSION"));

/// The same on development chains. Test tools ask for it before they tell a node anything, and go on if it begins with the name
/// of one that they know: Hardhat's network helpers with `hardhatnetwork` or `anvil`.
const DEVELOPMENT_VERSION: &str = concat!("anvil-compatible/caldera/v", env!("CARGO_PKG_VERSION"));

const DATA: Param = Param::new("data", "Bytes");

/// Adds the methods.
pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.quick("web3_clientVersion", "Name and version of this node.", &[], "Text", |api, _| {
        Ok(if api.chain.is_development() { DEVELOPMENT_VERSION } else { CLIENT_VERSION })
    })?;
    module.blocking("web3_sha3", "Keccak-256 of the data.", &[DATA], "Hash", |_, args| {
        Ok::<B256, _>(keccak256(args.next::<Bytes>()?))
    })?;
    module.quick("net_version", "The chain id in decimal digits.", &[], "Text", |api, _| {
        Ok(api.chain.chain_id().to_string())
    })?;
    module.quick("net_listening", "Whether the node can be reached.", &[], "Flag", |_, _| Ok(true))?;
    let about = "Peers of the node: none, since a chain has one builder and its followers read by JSON-RPC.";
    module.quick("net_peerCount", about, &[], "Quantity", |_, _| Ok(U64::ZERO))?;
    module.quick("eth_chainId", "EIP-155 chain id.", &[], "Quantity", |api, _| Ok(U64::from(api.chain.chain_id())))?;
    let about = "How far the node is behind the one that it follows; false if it builds the blocks itself.";
    module.quick("eth_syncing", about, &[], "Syncing", |api, _| Ok(syncing(api)))?;
    let about = "Which blocks and states can be asked for, for whoever chooses between nodes.";
    module.quick("eth_capabilities", about, &[], "Capabilities", |api, _| Ok(capabilities(api)))
}

fn capabilities(api: &ChainApi) -> Value {
    let (chain, head) = (&api.chain, api.chain.head());
    let since = |first| json!({ "disabled": false, "oldestBlock": U64::from(first) });
    let (blocks, mut states) = (since(chain.first_block()), since(chain.first_state()));
    if let History::Blocks(kept) = chain.history() {
        states["deleteStrategy"] = json!({ "type": "window", "retentionBlocks": U64::from(kept.get()) });
    }
    json!({
        "head": { "number": U64::from(head.number()), "hash": head.block.hash() },
        "state": states,
        "stateproofs": states,
        "blocks": blocks,
        "tx": blocks,
        "receipts": blocks,
        "logs": blocks,
    })
}

/// Whoever builds the blocks is never behind, and who follows is at the block that it executes just now.
fn syncing(api: &ChainApi) -> Value {
    let own = api.head_number();
    let leader = api.chain.follow_status().and_then(|status| status.leader_head);
    match leader.filter(|leader| *leader > own + 1) {
        None => Value::Bool(false),
        Some(leader) => {
            let [own, leader] = [own, leader].map(U64::from);
            json!({ "startingBlock": own, "currentBlock": own, "highestBlock": leader })
        }
    }
}
