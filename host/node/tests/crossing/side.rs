//! One chain with a weave engine and its validators, in a process of its own.

use std::{fs, path::PathBuf};

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_sol_types::SolValue;
use caldera_bls::SecretKey;
use caldera_node::rpc::{Endpoint, Rpc, RpcError, RpcReceipt, Sender};
use caldera_testkit::account;
use jsonrpsee_core::rpc_params;
use serde_json::Value;
use weave_rules::{
    StateUnit,
    abi::Weave::{self as abi, Config, Proof},
    place, unit,
};

use crate::{
    rig::{GOVERNOR, LOADER, USER},
    support::{Dev, caldera},
};

/// Where the engine is mounted.
pub const WEAVE: Address = Address::repeat_byte(0xea);
/// Gas of what is sent here.
const GAS: u64 = 3_000_000;
/// Time from one block to the next.
const INTERVAL_MS: u64 = 50;
const NAME: &str = "crossing";
/// Chain ids: of the wei's home, and of where it goes.
const IDS: [u64; 2] = [4_401, 4_402];
const VALIDATORS: u8 = 4;

/// A node and its folder.
pub struct Side {
    id: u64,
    folder: tempfile::TempDir,
    node: Option<Dev>,
}

impl Side {
    /// Home and abroad, not started yet.
    pub fn pair() -> [Self; 2] {
        IDS.map(|id| {
            let side = Self { id, folder: tempfile::tempdir().expect("a folder can be made"), node: None };
            let component = caldera_testkit::component("weave-v1");
            fs::write(side.path("weave-v1.wasm"), component.bytes()).expect("the folder takes files");
            fs::write(side.path("caldera.toml"), side.config()).expect("the folder takes files");
            side
        })
    }

    fn config(&self) -> String {
        let address = |n: u8| account(n).address();
        let owners: Vec<_> = (0..VALIDATORS).map(|n| format!("\"{}\"", address(n))).collect();
        let config = Config {
            governor: address(GOVERNOR),
            unbondSeconds: 100,
            rewardBps: 1_000,
            origins: Vec::new(),
            epoch: 0,
            committee: Vec::new(),
        };
        let accounts: String = [GOVERNOR, USER, LOADER]
            .map(|n| format!("[[chain.account]]\naddress = \"{}\"\nbalance = \"{}\"\n", address(n), 10u128.pow(24)))
            .concat();
        format!(
            "listen = \"127.0.0.1:0\"\ndata = \"data\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [limits]\nlog-blocks = 1000000\nlog-results = 1000000\n[validation]\nowners = [{}]\n\
             [[chain]]\nname = \"{NAME}\"\nchain-id = {}\ngovernor = \"{}\"\nblock-interval-ms = {INTERVAL_MS}\n\
             [[chain.mount]]\naddress = \"{WEAVE}\"\ncomponent = \"weave-v1.wasm\"\n\
             grants = [\"state\", \"evm\", \"crypto\", \"log\", \"bls\", \"mpt\"]\nconfig = \"{}\"\n{accounts}",
            owners.join(", "),
            self.id,
            address(GOVERNOR),
            Bytes::from(config.abi_encode()),
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it and waits until it is ready.
    pub fn start(&mut self) {
        assert!(self.node.is_none(), "it runs");
        let said = fs::OpenOptions::new().create(true).append(true).open(self.path("said.log"));
        let mut command = caldera();
        command.args(["node", "--json", "--config"]).arg(self.path("caldera.toml"));
        self.node = Some(Dev::spawn({
            command.stderr(said.expect("the folder takes files"));
            command
        }));
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.node.take().expect("it runs").kill();
    }

    /// Stops it in order.
    pub fn stop(mut self) {
        let (status, _) = self.node.take().expect("it runs").signal("TERM");
        assert_eq!(status.code(), Some(0));
    }

    /// A client of its chain, as long as this life of the node lasts.
    pub fn chain(&self) -> Chain {
        let url = self.node.as_ref().expect("it runs").url();
        Chain { id: self.id, rpc: Rpc::new(Endpoint::of(url, NAME)).expect("the URL is one") }
    }

    /// Its validators, with the proofs that they have their keys. The keys are in the operator's folder.
    pub fn members(&self) -> Vec<abi::Member> {
        let member = |n: u8| {
            let file = self.path("data").join("validator_keys").join(format!("{n}.key"));
            let text = fs::read_to_string(file).expect("the node made it");
            let bytes: Bytes = text.trim().parse().expect("hexadecimal digits");
            let secret = SecretKey::from_bytes(&bytes).expect("a key");
            abi::Member {
                key: secret.public_key().to_bytes().into(),
                weight: 1,
                owner: account(n).address(),
                possession: secret.prove_possession().to_bytes().into(),
            }
        };
        (0..VALIDATORS).map(member).collect()
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = fs::read_to_string(self.path("said.log")).unwrap_or_default();
            let lines: Vec<_> = said.lines().collect();
            eprintln!("last words of chain {}:\n{}", self.id, lines[lines.len().saturating_sub(30)..].join("\n"));
        }
    }
}

/// A chain of a node that may die.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Chain id.
    pub id: u64,
    /// Its JSON-RPC.
    pub rpc: Rpc,
}

impl Chain {
    /// Sends calls of one account, each with its wei, and waits for their receipts. Refused ones are no error.
    pub async fn send(&self, from: u8, calls: &[(Bytes, U256)]) -> Result<Vec<RpcReceipt>, RpcError> {
        let mut sender = Sender::ask(&self.rpc, account(from)).await?;
        let mut hashes = Vec::new();
        for (input, wei) in calls {
            let tx = sender.sign(WEAVE, *wei, input.clone(), GAS)?;
            hashes.push(self.rpc.send_raw(&tx.raw).await?);
        }
        loop {
            let receipts = self.rpc.receipts(&hashes).await?;
            if let Some(receipts) = receipts.into_iter().collect() {
                return Ok(receipts);
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
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
        let found: Value = self.rpc.request("eth_getProof", rpc_params![WEAVE, slots, U64::from(height)]).await?;
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
