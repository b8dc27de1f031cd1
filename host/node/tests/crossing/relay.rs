//! Whoever carries: nobody trusted, and nothing to lose but time, since the destination says what arrived.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{Bytes, U256};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::{SolCall, SolEvent};
use caldera_node::rpc::RpcError;
use weave_rules::{StateUnit, abi::Weave as abi, unit};

use crate::{chain::Chain, link::ASSET, rig::LOADER};

/// Most units in one go.
const BATCH: usize = 20;
/// Between two looks at what is certified.
const POLL: Duration = Duration::from_millis(15);

/// What goes from one chain to the other.
pub struct Relay {
    from: Chain,
    to: Chain,
    progress: Progress,
}

/// Below this height everything that left a chain arrived. It outlives the nodes: what arrived stays.
pub type Progress = Arc<AtomicU64>;

impl Relay {
    /// One that goes on from there.
    pub fn new(from: Chain, to: Chain, progress: &Progress) -> Self {
        Self { from, to, progress: progress.clone() }
    }

    /// Carries until a node dies.
    pub async fn carry_on(self) -> Result<(), RpcError> {
        loop {
            self.carry().await?;
            tokio::time::sleep(POLL).await;
            // With nothing to carry, the destination was not asked.
            self.to.rpc.block_number().await?;
        }
    }

    /// Carries what is certified and did not arrive.
    pub async fn carry(&self) -> Result<(), RpcError> {
        let certified = self.from.certified().await?;
        let next = self.progress.load(Ordering::Relaxed);
        if next > certified {
            return Ok(());
        }
        let units = issued(&self.from, next, certified).await?;
        let consumed: Vec<_> = units.iter().map(|unit| abi::isConsumedCall { id: unit::id(unit) }).collect();
        let consumed = self.to.rpc.call_many(self.to.weave, &consumed).await?;
        let mut left = units.into_iter().zip(consumed).filter(|(_, consumed)| !consumed).map(|(unit, _)| unit);
        let batch: Vec<_> = left.by_ref().take(BATCH).collect();
        let Some(first) = batch.first() else {
            self.progress.store(certified + 1, Ordering::Relaxed);
            return Ok(());
        };
        self.progress.store(first.issued, Ordering::Relaxed);
        let certificate = self.from.certificate(certified).await?;
        let mut calls = Vec::new();
        for unit in batch {
            let proof = self.from.prove(&unit, certified).await?;
            calls.push((arrive(&self.to, unit, proof, certificate.clone()), U256::ZERO));
        }
        // Sent and in no block when the node died, it comes into one later: then this one is refused, which is as well.
        self.to.send(LOADER, &calls).await?;
        Ok(())
    }
}

/// Wei that comes home is unlocked, any other asset is minted.
fn arrive(to: &Chain, unit: StateUnit, proof: abi::Proof, certificate: Bytes) -> Bytes {
    match unit.key == crate::link::asset(to) {
        true => abi::unlockCall { unit, proof, certificate }.abi_encode().into(),
        false => abi::mintCall { unit, proof, certificate }.abi_encode().into(),
    }
}

/// Assets that left a chain in these blocks, in order.
pub async fn issued(chain: &Chain, from: u64, to: u64) -> Result<Vec<StateUnit>, RpcError> {
    let filter = Filter::new().address(chain.weave).event_signature(abi::UnitIssued::SIGNATURE_HASH);
    let logs = chain.rpc.logs(&filter.from_block(from).to_block(to)).await?;
    let unit = |log: &caldera_node::rpc::RpcLog| {
        abi::UnitIssued::decode_log(&log.inner).expect("the engine's own event").data.unit
    };
    Ok(logs.iter().map(unit).filter(|unit| unit.kind == ASSET).collect())
}
