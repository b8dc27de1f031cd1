//! The real binary, started and stopped as an operator does.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// The binary under test.
pub fn caldera() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_caldera"));
    command.env_remove("CALDERA_KEY").env_remove("CALDERA_ADMIN_TOKEN_FILE").stdin(Stdio::null());
    // Nodes leave notes for the commands of the same test run, and nothing in the user's own folders.
    command.env("XDG_RUNTIME_DIR", runtime_folder());
    command
}

/// A runtime folder that only tests use.
fn runtime_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("run");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Folder of the components: `CALDERA_PLUGINS`, else `plugins` in the target folder.
pub fn plugins() -> PathBuf {
    let folder = std::env::var_os("CALDERA_PLUGINS").map_or_else(caldera_node::paths::plugins_folder, PathBuf::from);
    for name in ["clearing-v1.wasm", "clearing-v2.wasm", "hello-engine.wasm"] {
        assert!(
            folder.join(name).is_file(),
            "{} is missing: run `cargo xtask plugins`, or say where the plugins are by CALDERA_PLUGINS",
            folder.join(name).display()
        );
    }
    folder
}

/// A node that was started by `caldera dev` or `caldera node`. Killed when dropped.
pub struct Dev {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// What it said when it was ready.
    pub ready: Value,
}

impl Dev {
    /// Starts one on a free port, and waits until it is ready.
    pub fn start(data: Option<&Path>) -> Self {
        let mut command = caldera();
        command.args(["dev", "--port", "0", "--json", "--block-interval-ms", "100", "--plugins"]).arg(plugins());
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        Self::spawn(command)
    }

    /// Starts a node by any command, and waits until it is ready.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line comes");
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the first line is JSON: '{line}'"));
        Self { child, lines, ready }
    }

    /// `http://host:port`.
    pub fn url(&self) -> &str {
        self.ready["http"].as_str().expect("http is a string")
    }

    /// `http://host:port` of the admin API.
    pub fn admin(&self) -> &str {
        self.ready["admin"].as_str().expect("admin is a string")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// JSON-RPC of a chain.
    pub fn chain_url(&self, name: &str) -> String {
        format!("{}/chains/{name}", self.url())
    }

    /// Ends it at once, as a power cut would; nothing in it hears of that.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("the process can be waited for");
    }

    /// Sends a signal, and waits for the end; gives the exit status and what was printed since.
    pub fn signal(mut self, name: &str) -> (ExitStatus, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs").success());
        let status = wait(&mut self.child);
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).expect("the rest is text");
        (status, rest)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the process can be waited for") {
            return status;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the process does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a command to its end: exit code, standard output, standard error.
pub fn run(args: &[&str]) -> (i32, String, String) {
    let output = caldera().args(args).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// What the admin API answers to a GET, head and body.
pub fn get(admin: &str, path: &str, token: Option<&str>) -> String {
    let host = admin.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).expect("it listens");
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{token}Connection: close\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).expect("it takes a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers with text");
    answer
}
