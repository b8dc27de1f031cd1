//! One chain of the rig, driven by JSON-RPC alone.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes, TxHash};
use alloy_rpc_types_eth::Filter;
use alloy_sol_types::{SolCall, SolEventInterface};
use caldera_execution::registry::{
    self,
    abi::IEngineRegistry::{self as abi, IEngineRegistryEvents},
};
use caldera_node::{
    ctl,
    rpc::{Rpc, RpcError, RpcReceipt, Sender, SignedTx},
};
use caldera_testkit::{PROBE, account};
use caldera_types::{Component, EngineLimits, Grants, ProbationRule, Swap};
use jsonrpsee_core::rpc_params;
use parking_lot::Mutex;
use probe_engine::IProbe;
use serde_json::Value;

use super::{Ledger, Standing, Story, name, standing::call_at};

/// Accounts of the test kit: who governs, who drives the probe, who makes the load.
pub const GOVERNOR: u8 = 0;
/// Drives the probe.
pub const USER: u8 = 1;
/// Makes the load.
pub const LOADER: u8 = 2;

/// More than any of this takes on a busy machine.
pub const WITHIN: Duration = Duration::from_secs(60);
/// Between two looks at a node.
const POLL: Duration = Duration::from_millis(4);
/// Gas of what is sent here.
const GAS: u64 = 5_000_000;

/// A chain and what it promised.
#[derive(Clone)]
pub struct Client {
    /// Its JSON-RPC.
    pub rpc: Rpc,
    /// Its promises.
    pub ledger: Arc<Mutex<Ledger>>,
}

impl Client {
    /// A client with the promises of an earlier one.
    pub fn new(rpc: Rpc, ledger: Arc<Mutex<Ledger>>) -> Self {
        Self { rpc, ledger }
    }

    /// Height of the head.
    pub async fn head(&self) -> u64 {
        // Taken before the question: the load may see a later block while the answer is on its way.
        let seen = self.ledger.lock().head;
        let head = self.rpc.block_number().await.expect("the node answers");
        assert!(head >= seen, "head {head} after {seen} was seen");
        let mut ledger = self.ledger.lock();
        ledger.head = ledger.head.max(head);
        head
    }

    /// Waits for a height.
    pub async fn reached(&self, height: u64) {
        let began = Instant::now();
        while self.head().await < height {
            if began.elapsed() > WITHIN {
                let status: Value = self.rpc.request("caldera_status", rpc_params![]).await.expect("the node answers");
                panic!("block {height} does not come: {status}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Where the mount stood at a height.
    pub async fn at(&self, number: u64) -> Standing {
        Standing::ask(&self.rpc, number).await.expect("the node answers")
    }

    /// Where the mount stands, once it stands as asked.
    pub async fn until(&self, what: &str, holds: impl Fn(&Standing) -> bool) -> Standing {
        let began = Instant::now();
        loop {
            let standing = self.at(self.head().await).await;
            if holds(&standing) {
                return standing;
            }
            assert!(began.elapsed() < WITHIN, "not {what} yet: {standing:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Signs an account's next transaction.
    pub async fn sign(&self, from: u8, to: Address, call: &impl SolCall) -> SignedTx {
        let mut sender = Sender::ask(&self.rpc, account(from)).await.expect("the node answers");
        sender.call(to, call, GAS).expect("it signs")
    }

    /// Sends a call and waits for its receipt.
    pub async fn send(&self, from: u8, to: Address, call: &impl SolCall) -> RpcReceipt {
        let tx = self.sign(from, to, call).await;
        self.rpc.send_raw(&tx.raw).await.expect("the node takes it");
        self.receipt(tx.hash).await
    }

    /// The receipt of a transaction, once it has one.
    pub async fn receipt(&self, hash: TxHash) -> RpcReceipt {
        let began = Instant::now();
        loop {
            let found = self.rpc.receipts(&[hash]).await.expect("the node answers").pop().flatten();
            if let Some(receipt) = found {
                self.ledger.lock().acknowledge(&receipt);
                return receipt;
            }
            if began.elapsed() > WITHIN {
                let status: Value = self.rpc.request("caldera_status", rpc_params![]).await.expect("the node answers");
                panic!("{hash} is in no block: {status}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Does what only the governor may; gives the height of its block.
    pub async fn govern(&self, call: &(impl SolCall + Clone)) -> u64 {
        let receipt = self.send(GOVERNOR, registry::ADDRESS, call).await;
        assert!(receipt.status(), "{:?}", self.refusal(call).await);
        receipt.block_number.expect("it is in a block")
    }

    /// What the registry would say to the governor now.
    pub async fn refusal<C: SolCall + Clone>(&self, call: &C) -> Option<Bytes> {
        let from = account(GOVERNOR).address();
        match self.rpc.call_from(from, registry::ADDRESS, call.clone()).await {
            Ok(_) => None,
            Err(RpcError::Reverted { data, .. }) => Some(data),
            Err(error) => panic!("{error}"),
        }
    }

    /// A transaction that stages a component.
    pub async fn stage_tx(&self, component: &Component) -> SignedTx {
        let mut sender = Sender::ask(&self.rpc, account(GOVERNOR)).await.expect("the node answers");
        let limits = EngineLimits::recommended();
        ctl::stage_tx(&mut sender, component, Grants::ALL, &limits).expect("it signs")
    }

    /// Stages a component; gives the height of its block.
    pub async fn stage(&self, component: &Component) -> u64 {
        let tx = self.stage_tx(component).await;
        self.rpc.send_with_sidecar(&tx.raw, &[component.bytes()]).await.expect("the node takes it");
        let receipt = self.receipt(tx.hash).await;
        assert!(receipt.status(), "staged");
        receipt.block_number.expect("it is in a block")
    }

    /// Arms for `ahead` blocks after the head; gives the height of the transaction's block and the activation's.
    pub async fn arm(&self, digest: B256, ahead: u64, config: &[u8], rule: ProbationRule) -> (u64, u64) {
        // A busy machine may make those blocks before it takes the transaction.
        for ahead in [ahead, 2 * ahead + 10, 4 * ahead + 40] {
            let call = self.arm_call(digest, ahead, config, rule).await;
            let receipt = self.send(GOVERNOR, registry::ADDRESS, &call).await;
            let block = receipt.block_number.expect("it is in a block");
            if receipt.status() {
                return (block, call.height);
            }
            assert!(block >= call.height, "arm was refused: {:?}", self.refusal(&call).await);
        }
        panic!("the chain outruns its governor");
    }

    /// What arms for `ahead` blocks after the head.
    pub async fn arm_call(&self, digest: B256, ahead: u64, config: &[u8], rule: ProbationRule) -> abi::armCall {
        let height = self.head().await + ahead;
        abi::armCall { mount: PROBE, digest, height, config: config.to_vec().into(), probation: rule.into() }
    }

    /// Writes entries of the probe.
    pub async fn set(&self, entries: &[(&str, &str)]) {
        let mut sender = Sender::ask(&self.rpc, account(USER)).await.expect("the node answers");
        let mut hashes = Vec::new();
        for (key, value) in entries {
            let call = IProbe::setCall { key: key.as_bytes().to_vec().into(), value: value.as_bytes().to_vec().into() };
            let tx = sender.call(PROBE, &call, GAS).expect("it signs");
            self.rpc.send_raw(&tx.raw).await.expect("the node takes it");
            hashes.push(tx.hash);
        }
        for hash in hashes {
            assert!(self.receipt(hash).await.status(), "the probe takes {entries:?}");
        }
    }

    /// Makes the engine trap; gives the height of the block.
    pub async fn trap(&self) -> u64 {
        let receipt = self.send(USER, PROBE, &IProbe::trapCall {}).await;
        assert!(!receipt.status(), "a trap is no success");
        receipt.block_number.expect("it is in a block")
    }

    /// An entry of the probe as it was after a block.
    pub async fn entry(&self, key: &str, number: u64) -> String {
        let call = IProbe::getCall { key: key.as_bytes().to_vec().into() };
        let value = call_at(&self.rpc, PROBE, call, number).await.expect("the node answers");
        String::from_utf8(value.to_vec()).expect("it is text")
    }

    /// An entry of the probe at the head.
    pub async fn get(&self, key: &str) -> String {
        self.entry(key, self.head().await).await
    }

    /// What the registry told after a height.
    pub async fn events(&self, after: u64) -> Vec<(u64, IEngineRegistryEvents)> {
        let filter = Filter::new().address(registry::ADDRESS).from_block(after + 1);
        let logs = self.rpc.logs(&filter).await.expect("the node answers");
        let decoded = |log: &caldera_node::rpc::RpcLog| {
            IEngineRegistryEvents::decode_log(&log.inner).expect("the registry's own event").data
        };
        logs.iter().map(|log| (log.block_number.expect("it is in a block"), decoded(log))).collect()
    }

    /// The same, as a story.
    pub async fn story(&self, after: u64) -> Story {
        self.events(after).await.iter().map(|(number, event)| (name(event), *number)).collect()
    }

    /// `caldera_engines` says what the registry says.
    pub async fn agrees(&self) {
        for _ in 0..100 {
            let before = self.head().await;
            let engines: Value = self.rpc.request("caldera_engines", rpc_params![]).await.expect("the node answers");
            if self.head().await != before {
                continue;
            }
            let standing = self.at(before).await;
            let swaps: Vec<Swap> = serde_json::from_value(engines["swaps"].clone()).expect("swaps are swaps");
            assert_eq!(swaps.first().map_or("active", |swap| swap.phase.name()), standing.phase());
            assert_eq!(engines["mounts"][0]["digest"], standing.mount.digest.to_string());
            assert_eq!(engines["mounts"][0]["generation"], standing.mount.generation);
            assert_eq!(engines["armed"].as_array().map(Vec::len), Some(standing.armed.len()));
            return;
        }
        panic!("the head never stood still for one question");
    }
}
