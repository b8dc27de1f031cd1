//! A chain behind an admin server, whose compiler and shadow runs say what they are told to.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy_primitives::Address;
use alloy_sol_types::SolCall as _;
use caldera_api::{
    admin::{
        self, AdminChain, AdminHandle, AdminLimits, AdminOptions, AdminServer,
        port::{CompileCounters, CompileState, Compiler, ShadowError, ShadowPlan, ShadowReport, Shadows},
        view::CheckedView,
    },
    metrics::Metrics,
};
use caldera_chain::Chain;
use caldera_engine::{EngineOptions, Engines, StageError, compile::CompileTimes};
use caldera_execution::registry::{self, abi::IEngineRegistry};
use caldera_types::{Component, Digest, EngineLimits, Grants};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{self, CHAIN_ID, call, key};
/// A compiler that says what it is told to say.
pub struct FakeCompiler {
    pub engines: Engines,
    pub ready: Mutex<Vec<Digest>>,
    pub slow: Duration,
}

impl Compiler for FakeCompiler {
    fn check(&self, component: &Component, grants: Grants, limits: &EngineLimits) -> Result<CheckedView, StageError> {
        std::thread::sleep(self.slow);
        admin::check(component, grants, limits)
    }

    fn prepare(&self, component: &Component, grants: Grants, limits: &EngineLimits) -> Result<(), StageError> {
        self.engines.stage(component, grants, limits)?;
        self.ready.lock().unwrap().push(component.digest());
        Ok(())
    }

    fn is_ready(&self, digest: Digest, _: Grants) -> bool {
        self.ready.lock().unwrap().contains(&digest)
    }

    fn state(&self, digest: Digest) -> CompileState {
        match self.is_ready(digest, Grants::ALL) {
            true => CompileState::Ready { millis: 7, from_cache: true, bytes: 9 },
            false => CompileState::Absent,
        }
    }

    fn counters(&self) -> CompileCounters {
        let compile_times = CompileTimes { sum: Duration::from_millis(250), counts: [1, 2, 1, 0, 0, 0, 0, 0, 0] };
        CompileCounters { compiled: 3, refused: 1, compile_times, cache_rejected: 1, ..CompileCounters::default() }
    }
}

/// Shadow runs that find what they are told to find.
#[derive(Default)]
struct FakeShadows(Mutex<BTreeMap<Address, ShadowReport>>);

impl Shadows for FakeShadows {
    fn start(&self, plan: ShadowPlan) -> Result<(), ShadowError> {
        let mut runs = self.0.lock().unwrap();
        if let Some(run) = runs.get(&plan.mount).filter(|run| run.state == "running") {
            return Err(ShadowError::Running { mount: plan.mount, candidate: run.candidate });
        }
        let counts = |pairs: [(&str, u64); 2]| pairs.map(|(name, count)| (name.to_owned(), count)).into();
        let report = ShadowReport {
            mount: plan.mount,
            candidate: plan.component.digest(),
            state: "running".into(),
            compared: 10,
            skipped: counts([("budget", 4), ("sampling", 0)]),
            divergences: counts([("result", 1), ("fuel", 2)]),
            detail: json!({ "share": plan.share_percent }),
        };
        runs.insert(plan.mount, report);
        Ok(())
    }

    fn stop(&self, mount: Address) -> Result<(), ShadowError> {
        let mut runs = self.0.lock().unwrap();
        let run = runs.get_mut(&mount).filter(|run| run.state == "running");
        run.ok_or(ShadowError::NotRunning(mount))?.state = "stopped".into();
        Ok(())
    }

    fn reports(&self) -> Vec<ShadowReport> {
        self.0.lock().unwrap().values().cloned().collect()
    }
}

/// A chain behind an admin server.
pub struct Rig {
    pub chain: Arc<Chain>,
    // Kept alive for the metrics, which do not hold them.
    _shadows: Arc<dyn Shadows>,
    pub server: AdminHandle,
    pub token: String,
    _dir: TempDir,
}

pub fn options(folder: &Path, limits: AdminLimits) -> AdminOptions {
    AdminOptions { listen: ([127, 0, 0, 1], 0).into(), allow_remote: false, folder: folder.to_owned(), limits }
}

impl Rig {
    pub fn new() -> Self {
        Self::with(AdminLimits::recommended(), Duration::ZERO)
    }

    pub fn with(limits: AdminLimits, slow: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let metrics = Arc::new(Metrics::default());
        let counts = metrics.chain("finance");
        let link = Arc::new(caldera_weave::Counts::default());
        link.refuse("NoRule");
        metrics.link("finance", "arena", &link);
        let engines = Engines::new(EngineOptions { instances: 32 }).unwrap().observed(counts.calls());
        let chain = support::chain_on("finance", CHAIN_ID, &dir, &[key(1).address()], engines.clone());
        let shadows: Arc<dyn Shadows> = Arc::new(FakeShadows::default());
        counts.watch(&chain, &shadows);
        let compiler = Arc::new(FakeCompiler { engines, ready: Mutex::default(), slow });
        let chains = vec![AdminChain { chain: chain.clone(), shadows: shadows.clone() }];
        let server = AdminServer::serve(options(dir.path(), limits), chains, compiler, metrics).unwrap();
        let token = std::fs::read_to_string(server.token_file()).unwrap().trim().to_owned();
        Self { chain, _shadows: shadows, server, token, _dir: dir }
    }

    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
        let (status, _, body) = exchange(self.server.addr(), method, path, &[&self.bearer()], body);
        (status, serde_json::from_slice(body.as_bytes()).unwrap_or(Value::String(body)))
    }

    pub fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.token)
    }

    /// The request must succeed.
    pub fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, b"");
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// The request must be refused with this status and code.
    pub fn refused(&self, method: &str, path: &str, body: &[u8], status: u16, code: &str) -> String {
        let (got, answer) = self.ask(method, path, body);
        assert_eq!((got, answer["error"]["code"].as_str()), (status, Some(code)), "{method} {path}: {answer}");
        assert!(!answer["error"]["hint"].as_str().unwrap().is_empty());
        answer["error"]["message"].as_str().unwrap().to_owned()
    }

    pub fn mine(&self) {
        let next = self.chain.head().block.header.timestamp + 1;
        self.chain.produce_block(next, Duration::from_secs(5)).unwrap();
    }

    /// Stages a component by a transaction of the governor.
    pub fn stage(&self, component: Component, nonce: u64) {
        let EngineLimits { memory_pages, fuel_per_call, value_bytes, subcall_depth } = EngineLimits::recommended();
        let input = IEngineRegistry::stageCall {
            digest: component.digest().0,
            size: component.bytes().len() as u32,
            grants: Grants::ALL.bits(),
            limits: IEngineRegistry::Limits {
                memoryPages: memory_pages,
                fuelPerCall: fuel_per_call,
                valueBytes: value_bytes,
                subcallDepth: subcall_depth,
            },
        };
        let tx =
            alloy_consensus::TxEip1559 { gas_limit: 5_000_000, ..call(nonce, registry::ADDRESS, input.abi_encode()) };
        self.chain.submit(support::sign(tx, &key(1)), vec![component]).unwrap();
        self.mine();
    }
}

/// One request over a connection of its own: status, head and body.
pub fn exchange(addr: SocketAddr, method: &str, path: &str, headers: &[&str], body: &[u8]) -> (u16, String, String) {
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    // A server that refuses a long body may close before it has read it.
    let _ = socket.write_all(body);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) =
        answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {method} {path}: '{answer}'"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}
