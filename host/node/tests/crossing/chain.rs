//! A chain with a weave engine, over its JSON-RPC.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use caldera_node::rpc::{Rpc, RpcError, RpcReceipt, Sender};
use jsonrpsee_core::rpc_params;
use serde_json::Value;
use weave_rules::{StateUnit, abi::Weave::Proof, place, unit};

/// Gas of what is sent here.
const GAS: u64 = 3_000_000;
/// Between two looks for a receipt.
const POLL: Duration = Duration::from_millis(10);

/// A chain of a node that may die.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Chain id.
    pub id: u64,
    /// Its JSON-RPC.
    pub rpc: Rpc,
    /// Where its weave engine is mounted.
    pub weave: Address,
    /// Governor, user, carrier.
    pub players: Arc<[PrivateKeySigner; 3]>,
}

impl Chain {
    /// Address of a player.
    pub fn player(&self, who: u8) -> Address {
        self.players[usize::from(who)].address()
    }

    /// What the engine answers.
    pub async fn ask<C: SolCall>(&self, call: C) -> Result<C::Return, RpcError> {
        self.rpc.call(self.weave, call).await
    }

    /// Sends calls of one account, each with its wei, and waits for their receipts. Refused ones are no error.
    pub async fn send(&self, from: u8, calls: &[(Bytes, U256)]) -> Result<Vec<RpcReceipt>, RpcError> {
        let mut sender = Sender::ask(&self.rpc, self.players[usize::from(from)].clone()).await?;
        let mut hashes = Vec::new();
        for (input, wei) in calls {
            let tx = sender.sign(self.weave, *wei, input.clone(), GAS)?;
            hashes.push(self.rpc.send_raw(&tx.raw).await?);
        }
        loop {
            let receipts = self.rpc.receipts(&hashes).await?;
            if let Some(receipts) = receipts.into_iter().collect() {
                return Ok(receipts);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Height of the newest certified block.
    pub async fn certified(&self) -> Result<u64, RpcError> {
        let block: Value = self.rpc.request("eth_getBlockByNumber", rpc_params!["safe", false]).await?;
        Ok(field::<U64>(&block, "number").to())
    }

    /// The certificate of a certified block.
    pub async fn certificate(&self, height: u64) -> Result<Bytes, RpcError> {
        let params = rpc_params![U64::from(height)];
        let found: Value = self.rpc.request("caldera_getCertificate", params).await?;
        Ok(field(&found, "encoded"))
    }

    /// That a unit is in the state after a block.
    pub async fn prove(&self, of: &StateUnit, height: u64) -> Result<Proof, RpcError> {
        let slots: [B256; 1] = [place::slot(unit::id(of))];
        let found: Value = self.rpc.request("eth_getProof", rpc_params![self.weave, slots, U64::from(height)]).await?;
        let join = |nodes: Vec<Bytes>| Bytes::from(nodes.concat());
        Ok(Proof {
            height,
            accountProof: join(field(&found, "accountProof")),
            storageProof: join(field(&found["storageProof"][0], "proof")),
        })
    }

    /// Wei of an account.
    pub async fn wei(&self, of: Address) -> U256 {
        self.rpc.request("eth_getBalance", rpc_params![of, "latest"]).await.expect("the node answers")
    }
}

fn field<T: serde::de::DeserializeOwned>(of: &Value, name: &str) -> T {
    serde_json::from_value(of[name].clone()).unwrap_or_else(|error| panic!("{name} of {of}: {error}"))
}
