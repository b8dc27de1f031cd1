//! `caldera weave accept`: takes a proof to the chain where it counts, as anybody may.

use std::{path::Path, time::Duration};

use alloy_primitives::{Address, B256, TxHash};
use serde::Serialize;
use weave_rules::{abi::Weave as abi, unit::Kind};

use super::{WeaveCtlError, payer, proof::UnitProof, sign};
use crate::{
    output::{self, Report},
    rpc::{Rpc, Watch},
};

const WITHIN: Duration = Duration::from_secs(60);

/// A unit took effect, or stopped to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    event: &'static str,
    /// The function of the engine that did it: `accept`, `end`, `mint` or `unlock`.
    pub call: &'static str,
    /// The unit.
    pub id: B256,
    /// Chain id of its origin.
    pub origin: u64,
    /// Whose it is.
    pub owner: Address,
    /// Which right or asset.
    pub key: B256,
    /// Chain id of where it took effect.
    pub chain_id: u64,
    /// In this block.
    pub block: u64,
    /// By this transaction.
    pub transaction: TxHash,
    /// Its gas.
    pub gas_used: u64,
    /// Who paid.
    pub payer: Address,
}

/// Sends what the proof asks for: a right begins or ends, an asset is minted or, at home, unlocked.
pub async fn accept(
    rpc: &Rpc,
    file: &Path,
    engine: Option<Address>,
    key_file: Option<&Path>,
) -> Result<Accepted, WeaveCtlError> {
    let malformed = |why: String| WeaveCtlError::Malformed { path: file.to_owned(), why };
    let read = UnitProof::read(file)?;
    let engine = super::engine(rpc, engine).await?;
    let mut sender = payer(rpc, key_file).await?;
    let payer = sender.address();
    let (id, origin) = (read.answer.id, read.origin.to::<u64>());
    let proof = read.answer.proof.proof();
    let certificate = read.answer.certificate.clone().unwrap_or_default();
    let mut watch = Watch::from_head(rpc).await?;
    let (call, owner, key, tx) = match (&read.answer.unit, read.right) {
        (Some(shown), _) => {
            let unit = shown.unit().map_err(malformed)?;
            let (owner, key) = (unit.owner, unit.key);
            if unit.kind != Kind::Asset.code() {
                let tx = sign(rpc, &mut sender, engine, &abi::acceptCall { unit, proof, certificate }).await?;
                ("accept", owner, key, tx)
            } else if rpc.call(engine, abi::lockedForCall { destination: origin, asset: key }).await?.is_zero() {
                let tx = sign(rpc, &mut sender, engine, &abi::mintCall { unit, proof, certificate }).await?;
                ("mint", owner, key, tx)
            } else {
                // What is locked here for the origin has its home here.
                let tx = sign(rpc, &mut sender, engine, &abi::unlockCall { unit, proof, certificate }).await?;
                ("unlock", owner, key, tx)
            }
        }
        (None, Some(right)) => {
            let (kind, owner, key) = (right.kind().map_err(malformed)?, right.owner, right.key);
            let call = abi::endCall { origin, kind, owner, key, proof, certificate };
            ("end", owner, key, sign(rpc, &mut sender, engine, &call).await?)
        }
        (None, None) => return Err(WeaveCtlError::Nameless(id)),
    };
    let transaction = tx.hash;
    let receipts = watch.settle(&[tx], WITHIN).await?;
    Ok(Accepted {
        event: "accepted",
        call,
        id,
        origin,
        owner,
        key,
        chain_id: rpc.chain_id().await?,
        block: receipts.iter().filter_map(|receipt| receipt.block_number).max().unwrap_or_default(),
        transaction,
        gas_used: receipts.iter().map(|receipt| receipt.gas_used).sum(),
        payer,
    })
}

impl Report for Accepted {
    fn text(&self) -> String {
        let what = match self.call {
            "end" => "ended",
            "mint" => "minted",
            "unlock" => "unlocked",
            _ => "accepted",
        };
        format!(
            "Unit of chain {} {what} on chain {} in block {}\n  id           {}\n  owner        {}\n  key          {}\n  transaction  {}\n  \
             gas          {}, paid by {}",
            self.origin,
            self.chain_id,
            self.block,
            self.id,
            self.owner,
            self.key,
            self.transaction,
            output::count(self.gas_used),
            self.payer
        )
    }
}
