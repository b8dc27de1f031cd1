//! `caldera weave roots`: which other chains a chain believes, by whose word, and what it knows of them.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::SolEvent as _;
use serde::Serialize;
use weave_rules::abi::Weave as abi;

use super::{
    WeaveCtlError,
    events::{events, newest},
    line::short,
};
use crate::{
    output::{Align, Report, Table},
    rpc::{Rpc, RpcError},
};

/// What a chain knows of others.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Roots {
    event: &'static str,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Where its weave engine is.
    pub engine: Address,
    /// The chains that it believes, by id.
    pub origins: Vec<OriginLine>,
}

/// One of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OriginLine {
    /// Its chain id.
    pub chain_id: u64,
    /// Where its weave engine is.
    pub engine: Address,
    /// Blocks that a root may lie behind the newest one.
    pub max_lag: u64,
    /// Epoch of the committee that is believed.
    pub epoch: u64,
    /// That committee's root; zero: none is set.
    pub committee_root: B256,
    /// Newest height whose root is known.
    pub latest_height: u64,
    /// Whether its committee certified two blocks of one height.
    pub frozen: bool,
    /// The newest roots, newest first.
    pub roots: Vec<RootLine>,
}

/// One certified root.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RootLine {
    /// Height at the origin.
    pub height: u64,
    /// Hash of that block.
    pub block_hash: B256,
    /// Its state root.
    pub state_root: B256,
    /// Unix time at which it was certified here.
    pub certified_at: u64,
    /// How long ago that was at the head, in seconds.
    pub age_s: u64,
}

/// Reads the origins that the engine logged, and one that is named, with `last` roots of each.
pub async fn roots(
    rpc: &Rpc,
    engine: Option<Address>,
    origin: Option<u64>,
    last: usize,
) -> Result<Roots, WeaveCtlError> {
    let engine = super::engine(rpc, engine).await?;
    let head = rpc.head().await?.header;
    let (height, now) = (head.inner.number, head.inner.timestamp);
    let ids = match origin {
        Some(origin) => BTreeSet::from([origin]),
        None => known(rpc, engine, height).await?,
    };
    let mut origins = Vec::new();
    for chain_id in ids {
        let found = rpc.call(engine, abi::originOfCall { chainId: chain_id }).await?;
        origins.push(OriginLine {
            chain_id,
            engine: found.engine,
            max_lag: found.maxLag,
            epoch: found.epoch,
            committee_root: found.committeeRoot,
            latest_height: found.latestHeight,
            frozen: found.frozen,
            roots: roots_of(rpc, engine, chain_id, (height, now), last).await?,
        });
    }
    Ok(Roots { event: "roots", chain_id: rpc.chain_id().await?, engine, origins })
}

/// Origins that some event names. One that a genesis brought and nobody has proven anything of yet is in none.
async fn known(rpc: &Rpc, engine: Address, head: u64) -> Result<BTreeSet<u64>, RpcError> {
    let named =
        vec![abi::OriginSet::SIGNATURE_HASH, abi::CommitteeSet::SIGNATURE_HASH, abi::RootCertified::SIGNATURE_HASH];
    let filter = Filter::new().address(engine).event_signature(named);
    let logs = events(rpc, &filter, 0, head).await?;
    // The chain id is the first topic of all three.
    let ids = logs.iter().filter_map(|log| log.topics().get(1)).map(|topic| u64::from_be_bytes(tail(topic)));
    Ok(ids.collect())
}

fn tail(word: &B256) -> [u8; 8] {
    let mut tail = [0; 8];
    tail.copy_from_slice(&word[24..]);
    tail
}

async fn roots_of(
    rpc: &Rpc,
    engine: Address,
    chain_id: u64,
    (head, now): (u64, u64),
    last: usize,
) -> Result<Vec<RootLine>, RpcError> {
    let topic = B256::left_padding_from(&chain_id.to_be_bytes());
    let filter = Filter::new().address(engine).event_signature(abi::RootCertified::SIGNATURE_HASH).topic1(topic);
    let logs = newest(rpc, &filter, head, last).await?;
    let found = logs.iter().filter_map(|log| abi::RootCertified::decode_log(&log.inner).ok());
    let found: Vec<_> = found.collect();
    let calls = found.iter().map(|event| abi::rootOfCall { chainId: chain_id, height: event.height });
    let known = rpc.call_many(engine, &calls.collect::<Vec<_>>()).await?;
    let line = |(event, root): (&alloy_primitives::Log<abi::RootCertified>, abi::rootOfReturn)| RootLine {
        height: event.height,
        block_hash: root.blockHash,
        state_root: root.stateRoot,
        certified_at: root.certifiedAt,
        age_s: now.saturating_sub(root.certifiedAt),
    };
    Ok(found.iter().zip(known).map(line).collect())
}

impl Report for Roots {
    fn text(&self) -> String {
        if self.origins.is_empty() {
            return format!("Chain {} believes no other chain: `caldera weave link` one", self.chain_id);
        }
        let (left, right) = (|name| (name, Align::Left), |name| (name, Align::Right));
        let mut origins = Table::new([
            right("origin"),
            left("engine"),
            right("epoch"),
            left("committee"),
            right("most behind"),
            right("newest"),
            left("state"),
        ]);
        let mut roots = Table::new([right("origin"), right("height"), left("block"), left("state root"), right("age")]);
        for origin in &self.origins {
            let committee =
                if origin.committee_root.is_zero() { "none".to_owned() } else { short(origin.committee_root) };
            origins.row([
                origin.chain_id.to_string(),
                origin.engine.to_string(),
                origin.epoch.to_string(),
                committee,
                origin.max_lag.to_string(),
                origin.latest_height.to_string(),
                if origin.frozen { "frozen" } else { "believed" }.to_owned(),
            ]);
            for root in &origin.roots {
                roots.row([
                    origin.chain_id.to_string(),
                    root.height.to_string(),
                    short(root.block_hash),
                    root.state_root.to_string(),
                    format!("{} s", root.age_s),
                ]);
            }
        }
        let roots = if roots.is_empty() { "No root yet\n".to_owned() } else { format!("Newest roots\n{roots}") };
        format!("Origins of chain {}\n{origins}{roots}", self.chain_id)
    }
}
