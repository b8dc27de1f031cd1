//! The real node with chains that mount the probe, on a folder of its own: started, killed, started again, replayed.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod client;
mod ledger;
mod load;
mod standing;
mod story;

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use caldera_node::rpc::{Endpoint, Rpc};
use caldera_state::BlockLog;
use caldera_types::{Component, Digest, SealedBlock};
use serde_json::Value;

pub use client::{Client, GOVERNOR, LOADER, USER, WITHIN};
pub use ledger::Ledger;
pub use load::{Load, Works};
pub use standing::Standing;
pub use story::{Story, name, story};

use crate::support::{Dev, caldera, run};

/// Time from one block to the next.
pub const INTERVAL_MS: u64 = 25;

/// One node and its folder.
pub struct Rig {
    folder: tempfile::TempDir,
    node: Option<Dev>,
    /// Lines of a shell that prepare the process, and variables of its environment.
    prepared: (String, Vec<(String, PathBuf)>),
}

impl Rig {
    /// A node that is not started yet, of chains that mount a component from block 0 on.
    pub fn new(chains: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut config = "listen = \"127.0.0.1:0\"\ndata = \"data\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [compile]\n"
            .to_owned();
        for (place, (name, mounted)) in chains.iter().enumerate() {
            let file = folder.path().join(format!("{mounted}.wasm"));
            fs::write(&file, caldera_testkit::component(mounted).bytes()).expect("the folder takes files");
            let _ = write!(
                config,
                "[[chain]]\nname = \"{name}\"\nchain-id = {}\ngovernor = \"{}\"\nblock-interval-ms = {INTERVAL_MS}\n\
                 [[chain.mount]]\naddress = \"{}\"\ncomponent = \"{mounted}.wasm\"\n\
                 grants = [\"state\", \"evm\", \"crypto\", \"log\"]\n",
                caldera_testkit::CHAIN_ID + place as u64,
                caldera_testkit::account(GOVERNOR).address(),
                caldera_testkit::PROBE,
            );
            for account in [GOVERNOR, USER, LOADER] {
                let address = caldera_testkit::account(account).address();
                let _ =
                    write!(config, "[[chain.account]]\naddress = \"{address}\"\nbalance = \"{}\"\n", 10u128.pow(24));
            }
        }
        fs::write(folder.path().join("caldera.toml"), config).expect("the folder takes files");
        Self { folder, node: None, prepared: Default::default() }
    }

    /// Sets what `[compile]` holds from the next start on.
    pub fn compile(&self, keys: &str) {
        let config = fs::read_to_string(self.config()).expect("it is there");
        let (before, rest) = config.split_once("[compile]\n").expect("it was written so");
        let (_, chains) = rest.split_once("[[chain]]\n").expect("there is one");
        let config = format!("{before}[compile]\n{keys}\n[[chain]]\n{chains}");
        fs::write(self.config(), config).expect("the folder takes files");
    }

    /// Sets the time from one block to the next from the next start on.
    pub fn interval(&self, ms: u64) {
        let config = fs::read_to_string(self.config()).expect("it is there");
        let lines = config.lines().map(|line| match line.starts_with("block-interval-ms") {
            true => format!("block-interval-ms = {ms}\n"),
            false => format!("{line}\n"),
        });
        fs::write(self.config(), lines.collect::<String>()).expect("the folder takes files");
    }

    /// Sets the database of all chains from the next start on.
    pub fn store(&self, name: &str) {
        self.set("store", &format!("\"{name}\""));
    }

    /// Adds a key to all chains from the next start on.
    pub fn set(&self, key: &str, value: &str) {
        let config = fs::read_to_string(self.config()).expect("it is there");
        let config = config.replace("\nblock-interval-ms", &format!("\n{key} = {value}\nblock-interval-ms"));
        fs::write(self.config(), config).expect("the folder takes files");
    }

    /// Prepares the node's process from the next start on: what a shell does before it becomes the node, and variables.
    pub fn prepare(&mut self, shell: &str, variables: &[(&str, PathBuf)]) {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.prepared = (shell.to_owned(), variables.collect());
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.node.as_ref().expect("it runs").pid()
    }

    /// `http://host:port` of its admin API.
    pub fn admin(&self) -> &str {
        self.node.as_ref().expect("it runs").admin()
    }

    /// What it was started with.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Starts it where it must not come up: its exit code, and what it said.
    pub fn refused(&self) -> (Option<i32>, String) {
        let output = self.command().stderr(Stdio::piped()).output().expect("the binary starts");
        (output.status.code(), String::from_utf8(output.stderr).expect("it is text"))
    }

    /// Whether it said something since it was made.
    pub fn has_said(&self, what: &str) -> bool {
        fs::read_to_string(self.said()).is_ok_and(|said| said.contains(what))
    }

    /// What the node has said last.
    pub fn last_words(&self) -> String {
        let said = fs::read_to_string(self.said()).unwrap_or_default();
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("caldera.toml")
    }

    /// Where a chain's data lies.
    pub fn data(&self, chain: &str) -> PathBuf {
        self.folder.path().join("data").join(chain)
    }

    /// Starts the node and waits until it is ready.
    pub fn start(&mut self) {
        assert!(self.node.is_none(), "it runs");
        self.node = Some(Dev::spawn(self.command()));
    }

    /// Starts it and kills it so much later, whether it is ready by then or not.
    pub fn start_and_kill(&self, later: Duration) {
        let mut child = self.command().stdout(Stdio::null()).spawn().expect("the binary starts");
        std::thread::sleep(later);
        child.kill().expect("it can be killed");
        child.wait().expect("the process can be waited for");
    }

    fn command(&self) -> Command {
        let said = OpenOptions::new().create(true).append(true).open(self.said()).expect("the folder takes files");
        let mut command = caldera();
        let (shell, variables) = &self.prepared;
        if !shell.is_empty() {
            let node = std::mem::replace(&mut command, Command::new("sh"));
            command.args(["-c", &format!("{shell}\nexec \"$0\" \"$@\"")]).arg(node.get_program()).stdin(Stdio::null());
            for (name, value) in node.get_envs() {
                match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
            }
        }
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.args(["node", "--json", "--config"]).arg(self.config()).stderr(said);
        command
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.node.take().expect("it runs").kill();
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        let (status, _) = self.node.take().expect("it runs").signal("TERM");
        assert_eq!(status.code(), Some(0));
    }

    /// A client of one of its chains.
    pub fn rpc(&self, chain: &str) -> Rpc {
        let node = self.node.as_ref().expect("it runs");
        Rpc::new(Endpoint::of(node.url(), chain)).expect("the URL is one")
    }

    /// The blocks in a chain's log, whole ones only. The node may be dead or alive.
    pub fn log(&self, chain: &str) -> Vec<SealedBlock> {
        let blocks = BlockLog::read(&self.data(chain)).expect("there is a log");
        blocks.map(|block| block.expect("the log reads back")).collect()
    }

    /// `caldera replay` of a chain's log on a fresh folder: what it says. The log must not grow meanwhile.
    pub fn replay(&self, chain: &str) -> Value {
        let (config, log) = (self.config(), self.data(chain));
        let (config, log) = (config.to_str().expect("text"), log.to_str().expect("text"));
        let (code, out, err) = run(&["--json", "replay", "--config", config, "--chain", chain, "--log", log]);
        assert_eq!(code, 0, "{err}");
        let replayed: Value = serde_json::from_str(&out).expect("one line of JSON");
        let last = self.log(chain).pop().expect("there is block 0");
        assert_eq!(replayed["head"], last.header.number);
        assert_eq!(replayed["hash"], last.hash().to_string());
        assert_eq!(replayed["stateRoot"], last.header.state_root.to_string());
        replayed
    }

    /// `http://host:port` of its JSON-RPC.
    pub fn url(&self) -> &str {
        self.node.as_ref().expect("it runs").url()
    }

    /// The native code of a component in the node's cache.
    pub fn native_code(&self, digest: &Digest) -> Option<PathBuf> {
        let begins = digest.to_string();
        self.native_files().find(|path| file_name(path).starts_with(&begins[2..]))
    }

    /// Whether native code is being written, or was when the node died.
    pub fn writes_code(&self) -> bool {
        self.native_files().any(|path| file_name(&path).starts_with("unfinished-"))
    }

    /// Whether a process of the node's compiles.
    pub fn compiles(&self) -> bool {
        let node = self.node.as_ref().expect("it runs").pid();
        let stats = fs::read_dir("/proc").expect("this is Linux").flatten();
        stats.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok()).any(|stat| {
            // `pid (name) state ppid …`, and a name may hold anything.
            let after = stat.rsplit(") ").next().unwrap_or_default();
            after.split(' ').nth(1).and_then(|parent| parent.parse().ok()) == Some(node)
        })
    }

    /// Looks without a rest until something is so.
    pub fn watch(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < WITHIN, "{what}: not seen");
        }
    }

    fn native_files(&self) -> impl Iterator<Item = PathBuf> {
        let files = fs::read_dir(self.data("native_code")).expect("the node made it");
        // What was renamed meanwhile is not there any more.
        files.flatten().map(|file| file.path())
    }

    /// Where what the node says goes.
    fn said(&self) -> PathBuf {
        self.folder.path().join("said.log")
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the node's last words:\n{}", self.last_words());
        }
    }
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The same engine under another digest: a custom section changes the bytes and nothing else.
pub fn variant(of: &str, mark: &str) -> Component {
    let mut bytes = caldera_testkit::component(of).bytes().to_vec();
    let content = [&[4], b"mark".as_slice(), mark.as_bytes()].concat();
    let length = u8::try_from(content.len()).ok().filter(|length| *length < 128).expect("a short mark");
    bytes.extend_from_slice(&[0, length]);
    bytes.extend(content);
    Component::new(bytes).expect("it is no longer than it may be")
}

/// The folder that the build writes to.
pub fn target() -> PathBuf {
    caldera_node::paths::plugins_folder().parent().expect("it lies in the target folder").to_owned()
}

/// Writes a file of the target folder.
pub fn write_report(name: &str, text: &str) {
    let path = target().join(name);
    File::create(&path).and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes())).expect("it is ours");
}
