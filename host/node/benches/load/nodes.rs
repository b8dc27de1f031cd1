//! The two nodes, as an operator starts them, on folders and ports of their own.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{self, BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use alloy_primitives::Address;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    cpu::Cpu,
    http::Connection,
    work::{CHAIN_ID, HELLO, TOKEN, token_code, token_slot},
};

/// Wei of every account: more than any fee.
const RICH: &str = "0x200000000000000000000000000000000000000000";
const NAME: &str = "bench";
/// Of both nodes.
const BLOCK_GAS: u64 = 300_000_000;

/// A running node. Killed when dropped.
pub struct Node {
    child: Child,
    url: String,
    folder: TempDir,
}

/// What Caldera is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub interval_ms: u64,
    pub store: String,
    /// Whether an answer waits for the disk.
    pub durable: bool,
    /// MiB of the database's pages in memory, and as many of trie nodes; none for what a node has that nobody told.
    pub cache_mib: Option<usize>,
}

/// Which store Caldera has.
#[derive(clap::Args)]
pub struct StoreArg {
    /// The database of Caldera.
    #[arg(long, value_parser = ["sled", "fjall"], default_value = "sled")]
    pub store: String,
}

impl Node {
    pub fn caldera(accounts: &[Address], settings: &Settings) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let plugins = env::var_os("CALDERA_PLUGINS").map_or_else(caldera_node::paths::plugins_folder, PathBuf::from);
        let cache =
            settings.cache_mib.map_or_else(String::new, |mib| format!("cache-mib = {mib}\nnode-cache-mib = {mib}\n"));
        let mut config = format!(
            "listen = \"127.0.0.1:0\"\ndata = \"data\"\n{cache}[limits]\nlog-blocks = 1000000\n[admin]\nlisten = \"127.0.0.1:0\"\n[pool]\ntransactions = 2000000\n\
             memory-mib = 4096\ndurable = {}\n[[chain]]\nname = \"{NAME}\"\nchain-id = {CHAIN_ID}\ngovernor = \"{}\"\n\
             block-interval-ms = {}\ngas-limit = {BLOCK_GAS}\nbase-fee-elasticity = 1\nstore = \"{}\"\n[[chain.mount]]\naddress = \"{HELLO}\"\ncomponent = \"{}\"\n\
             grants = [\"state\", \"evm\", \"crypto\", \"log\"]\n[[chain.account]]\naddress = \"{TOKEN}\"\ncode = \"0x{}\"\n[chain.account.storage]\n",
            settings.durable,
            Address::repeat_byte(1),
            settings.interval_ms,
            settings.store,
            plugins.join("hello-engine.wasm").display(),
            alloy_primitives::hex::encode(token_code()),
        );
        for account in accounts {
            let _ = writeln!(config, "{} = \"{:#066x}\"", token_slot(*account), 1_000_000_000);
        }
        for account in accounts {
            let _ = write!(config, "[[chain.account]]\naddress = \"{account}\"\nbalance = \"{RICH}\"\n");
        }
        let file = folder.path().join("caldera.toml");
        fs::write(&file, config)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_caldera"))
            .args(["node", "--json", "--config"])
            .arg(&file)
            .env("RUST_LOG", env::var("RUST_LOG").unwrap_or_else(|_| "warn".into()))
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or_else(|| io::Error::other("stdout is piped"))?;
        BufReader::new(out).read_line(&mut line)?;
        let ready: Value = serde_json::from_str(&line)?;
        let http = ready["http"].as_str().ok_or_else(|| io::Error::other(line.clone()))?;
        Ok(Self { url: format!("{http}/chains/{NAME}"), child, folder })
    }

    /// anvil, if `cargo xtask bench` fetched it.
    pub fn anvil(accounts: &[Address]) -> io::Result<Option<Self>> {
        let Some(binary) = env::var_os("CALDERA_PEER_ANVIL") else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let storage: serde_json::Map<_, _> = accounts
            .iter()
            .map(|account| (token_slot(*account).to_string(), json!(format!("{:#066x}", 1_000_000_000))))
            .collect();
        let mut alloc: serde_json::Map<_, _> =
            accounts.iter().map(|account| (account.to_string(), json!({ "balance": RICH }))).collect();
        let code = alloy_primitives::hex::encode_prefixed(token_code());
        alloc.insert(TOKEN.to_string(), json!({ "balance": "0x0", "code": code, "storage": storage }));
        let genesis = json!({
            "config": { "chainId": CHAIN_ID },
            "gasLimit": format!("{BLOCK_GAS:#x}"),
            "difficulty": "0x0",
            "timestamp": "0x0",
            "alloc": alloc,
        });
        let file = folder.path().join("genesis.json");
        fs::write(&file, serde_json::to_vec(&genesis)?)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(binary)
            .args(["--silent", "--block-time", "1", "--accounts", "1", "--gas-limit"])
            .arg(BLOCK_GAS.to_string())
            .arg("--port")
            .arg(port.to_string())
            .arg("--init")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let node = Self { child, url: format!("http://127.0.0.1:{port}"), folder };
        let began = Instant::now();
        while Connection::open(&node.url).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "anvil does not start");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(Some(node))
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has on disk, in bytes.
    pub fn disk(&self) -> u64 {
        caldera_bench::disk(&self.folder.path().join("data"))
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        caldera_bench::resident(Some(self.pid()))
    }

    /// Processor time that it has used.
    pub fn cpu(&self) -> Cpu {
        Cpu::of(&self.pid().to_string())
    }

    /// A call of JSON-RPC.
    pub fn call(&self, method: &str, params: &Value) -> io::Result<Value> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut connection = Connection::open(&self.url)?;
        let answer: Value = serde_json::from_slice(connection.post(&serde_json::to_vec(&body)?)?)?;
        match answer.get("error") {
            None => Ok(answer["result"].clone()),
            Some(error) => Err(io::Error::other(format!("{method}: {error}"))),
        }
    }

    /// A call whose answer is a quantity.
    pub fn number(&self, method: &str, params: &Value) -> io::Result<u64> {
        let answer = self.call(method, params)?;
        let digits = answer.as_str().and_then(|text| text.strip_prefix("0x"));
        let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        number.ok_or_else(|| io::Error::other(format!("{method}: {answer}")))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
