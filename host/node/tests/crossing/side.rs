//! Nodes whose chains have weave engines and validators: of one chain, or for development.

use std::{ffi::OsString, fs, path::PathBuf, sync::Arc};

use alloy_primitives::{Address, Bytes};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolValue;
use caldera_bls::SecretKey;
use caldera_node::{
    dev,
    rpc::{Endpoint, Rpc},
};
use caldera_testkit::account;
use weave_rules::abi::Weave::{self as abi, Config};

use crate::{
    chain::Chain,
    rig::{GOVERNOR, LOADER, USER},
    support::{Dev, caldera, plugins},
};

/// Where the engine is mounted, unless the node says where.
const WEAVE: Address = Address::repeat_byte(0xea);
/// Time from one block to the next.
const INTERVAL_MS: u64 = 50;
const NAME: &str = "crossing";
/// Chain ids: of the wei's home, and of where it goes.
const IDS: [u64; 2] = [4_401, 4_402];
const VALIDATORS: u8 = 4;
/// Accounts of a development node that play governor, user and carrier.
const PLAYERS: [usize; 3] = [0, 5, 6];

/// A node and its folder.
pub struct Side {
    /// 0: a development node, whose chains have ids of their own.
    id: u64,
    folder: tempfile::TempDir,
    node: Option<Dev>,
}

impl Side {
    /// Home and abroad, not started yet.
    pub fn pair() -> [Self; 2] {
        IDS.map(|id| {
            let side = Self::new(id);
            let component = caldera_testkit::component("weave-v1");
            fs::write(side.path("weave-v1.wasm"), component.bytes()).expect("the folder takes files");
            fs::write(side.path("caldera.toml"), side.config()).expect("the folder takes files");
            side
        })
    }

    /// A development node, whose chains are linked, and which carries between them by itself.
    pub fn development() -> Self {
        Self::new(0)
    }

    fn new(id: u64) -> Self {
        Self { id, folder: tempfile::tempdir().expect("a folder can be made"), node: None }
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
        command.args(self.arguments()).stderr(said.expect("the folder takes files"));
        self.node = Some(Dev::spawn(command));
    }

    fn arguments(&self) -> Vec<OsString> {
        let texts = |texts: &[&str]| texts.iter().map(OsString::from).collect::<Vec<_>>();
        let mut arguments = match self.id {
            0 => texts(&["dev", "--port", "0", "--json", "--block-interval-ms", "100", "--plugins"]),
            _ => texts(&["node", "--json", "--config"]),
        };
        match self.id {
            0 => arguments.extend([plugins().into(), "--data".into(), self.path("data").into()]),
            _ => arguments.push(self.path("caldera.toml").into()),
        }
        arguments
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
        let players = [GOVERNOR, USER, LOADER].map(account);
        self.client((NAME, self.id), WEAVE, &Arc::new(players))
    }

    /// Clients of two chains of a development node: home and abroad.
    pub fn chains(&self) -> [Chain; 2] {
        let accounts = &self.node.as_ref().expect("it runs").ready["accounts"];
        let key = |n: usize| accounts[n]["privateKey"].as_str().expect("development accounts are published");
        let players = Arc::new(PLAYERS.map(|n| key(n).parse().expect("a key")));
        [dev::FINANCE, dev::ARENA].map(|chain| self.client(chain, dev::WEAVE, &players))
    }

    fn client(&self, (name, id): (&str, u64), weave: Address, players: &Arc<[PrivateKeySigner; 3]>) -> Chain {
        let url = self.node.as_ref().expect("it runs").url();
        let rpc = Rpc::new(Endpoint::of(url, name)).expect("the URL is one");
        Chain { id, rpc, weave, players: players.clone() }
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
