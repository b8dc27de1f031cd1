//! Faults of the machine under load: a full disk, a folder that cannot be written, a clock that jumps, no descriptors left, a
//! second node. Each is told by name, nothing acknowledged is lost, and where the fault can end, the node goes on by itself.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::{Address, U256};
use caldera_node::rpc::{Rpc, RpcError, RpcReceipt, Sender};
use caldera_testkit::account;
use jsonrpsee_core::rpc_params;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::{JoinSet, block_in_place};

use crate::{
    machine::{Clock, Disk, limit_files},
    promises::Promises,
    rig::{LOADER, Rig, USER, WITHIN},
};

const CHAIN: &str = "faults";
/// Who is paid.
const SINK: Address = Address::repeat_byte(0x52);
/// A day, in seconds.
const DAY: u64 = 86_400;
/// Blocks that show that the chain goes on.
const SOME: u64 = 20;

/// What came of one fault.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What was done to the machine.
    pub fault: String,
    /// What the node said of it.
    pub said: String,
    /// Whether blocks went on meanwhile.
    pub blocks: &'static str,
    /// What was acknowledged, all of it in blocks in the end.
    pub accepted: usize,
    /// Requests that were refused, with an error.
    pub refused: u32,
    /// How it went on.
    pub after: String,
}

/// All faults on one store.
pub async fn all(store: &'static str) -> Vec<Row> {
    let mut rows = vec![grown(store).await];
    rows.extend(full(store).await);
    rows.extend(read_only(store).await);
    rows.push(clock(store, true).await);
    rows.push(clock(store, false).await);
    rows.push(descriptors(store).await);
    rows.push(second(store).await);
    rows
}

/// A node under load, and what it promised.
struct Loaded {
    rig: Rig,
    rpc: Rpc,
    promises: Arc<Mutex<Promises>>,
    refused: Arc<Mutex<BTreeMap<String, u32>>>,
    stop: Arc<AtomicBool>,
    load: JoinSet<()>,
}

impl Loaded {
    async fn start(mut rig: Rig) -> Self {
        block_in_place(|| rig.start());
        let rpc = rig.rpc(CHAIN);
        let (promises, refused, stop) = <(Arc<Mutex<Promises>>, Arc<Mutex<_>>, Arc<AtomicBool>)>::default();
        let mut load = JoinSet::new();
        for (from, waits) in [(USER, false), (LOADER, true)] {
            load.spawn(send(rpc.clone(), promises.clone(), refused.clone(), stop.clone(), (from, waits)));
        }
        let loaded = Self { rig, rpc, promises, refused, stop, load };
        loaded.goes_on().await;
        loaded
    }

    async fn status(&self) -> Value {
        self.rpc.request("caldera_status", rpc_params![]).await.expect("reading goes on")
    }

    /// Waits until the chain has halted; gives the reason.
    async fn halts(&self) -> String {
        let began = Instant::now();
        loop {
            if let Some(why) = self.status().await["halted"].as_str() {
                return why.to_owned();
            }
            assert!(began.elapsed() < WITHIN, "it does not halt");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits for more blocks with transactions in them; gives how long that took.
    async fn goes_on(&self) -> Duration {
        let began = Instant::now();
        let accepted = || self.promises.lock().accepted;
        let (height, before) = (self.height(), accepted());
        while self.height() < height + SOME || accepted() < before + 2 {
            assert!(began.elapsed() < WITHIN, "no blocks come: {}", self.rig.last_words());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        began.elapsed()
    }

    /// By the log: the node may have no descriptor for an answer.
    fn height(&self) -> u64 {
        block_in_place(|| self.rig.log(CHAIN).last().map_or(0, |block| block.header.number))
    }

    /// The chain is halted by a fault of the disk that may pass: everybody is told, nothing moves, reading goes on.
    async fn stands_still(&self) -> String {
        let why = self.halts().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let height = self.height();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(self.height(), height, "blocks were made");
        assert_eq!(self.rpc.block_number().await.expect("reading goes on"), height);
        let (code, body) = self.get("/health");
        assert_eq!((code, body["status"].as_str(), body["halted"][0].as_str()), (503, Some("halted"), Some(CHAIN)));
        assert!(self.metrics().contains("\ncaldera_chain_halted{chain=\"faults\"} 1"), "{}", self.metrics());
        let tx = Sender::ask(&self.rpc, account(USER)).await.expect("reading goes on").pay(SINK, U256::ONE);
        let error = self.rpc.send_raw(&tx.expect("it signs").raw).await.expect_err("nothing is taken in");
        let RpcError::Refused { code: -32_000, message, .. } = &error else { panic!("{error}") };
        assert!(message.starts_with("the chain is halted: "), "{message}");
        why
    }

    /// The load ends, everything that was accepted is in a block, and executing the log again gives the same.
    async fn end(mut self, fault: &str, said: String, blocks: &'static str, after: String) -> Row {
        self.goes_on().await;
        let (code, body) = self.get("/health");
        assert_eq!((code, body["status"].as_str()), (200, Some("live")), "{body}");
        self.stop.store(true, Ordering::Relaxed);
        while let Some(sent) = self.load.join_next().await {
            sent.expect("it ends");
        }
        let began = Instant::now();
        loop {
            let blocks = block_in_place(|| self.rig.log(CHAIN));
            self.promises.lock().check(&blocks, None);
            if self.promises.lock().open.is_empty() {
                break;
            }
            assert!(began.elapsed() < WITHIN, "{:?} are in no block", self.promises.lock().open);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        block_in_place(|| {
            self.rig.stop();
            self.rig.replay(CHAIN);
        });
        let refused = self.refused.lock().values().sum();
        let accepted = self.promises.lock().accepted;
        Row { fault: fault.to_owned(), said, blocks, accepted, refused, after }
    }

    fn metrics(&self) -> String {
        let token = fs::read_to_string(self.rig.folder().join("data/admin-token")).expect("the node made it");
        request(self.rig.admin(), "/metrics", token.trim()).1
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let (code, body) = request(self.rig.admin(), path, "");
        (code, serde_json::from_str(&body).expect("it is JSON"))
    }
}

/// One GET, without a client that keeps connections.
fn request(admin: &str, path: &str, token: &str) -> (u16, String) {
    let addr = admin.strip_prefix("http://").expect("it is a URL");
    let mut socket = TcpStream::connect(addr).expect("it listens");
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    socket.write_all(head.as_bytes()).expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    (head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a code"), body.to_owned())
}

/// Sends until it is told to stop, and asks for its nonce again after an error.
async fn send(
    rpc: Rpc,
    promises: Arc<Mutex<Promises>>,
    refused: Arc<Mutex<BTreeMap<String, u32>>>,
    stop: Arc<AtomicBool>,
    (from, waits): (u8, bool),
) {
    let mut sender = None;
    while !stop.load(Ordering::Relaxed) {
        let sent = async {
            let sender = match &mut sender {
                Some(sender) => sender,
                none => none.insert(Sender::ask(&rpc, account(from)).await?),
            };
            let tx = sender.pay(SINK, U256::ONE)?;
            if waits {
                let receipt: RpcReceipt = rpc.request("eth_sendRawTransactionSync", rpc_params![&tx.raw]).await?;
                promises.lock().receive(&receipt);
            } else {
                let hash = rpc.send_raw(&tx.raw).await?;
                promises.lock().accept(hash);
            }
            Ok::<_, RpcError>(())
        };
        if let Err(error) = sent.await {
            *refused.lock().entry(error.to_string()).or_default() += 1;
            sender = None;
            tokio::time::sleep(Duration::from_millis(20)).await;
        } else {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn rig(store: &'static str) -> Rig {
    let rig = Rig::new(&[(CHAIN, "probe-v1")]);
    rig.store(store);
    rig
}

/// Files may not grow: what a full disk is to a process that may mount nothing.
async fn grown(store: &'static str) -> Row {
    let mut rig = rig(store);
    // Whoever runs into the limit is to get an error, not a signal.
    rig.prepare("trap '' XFSZ", &[]);
    let loaded = Loaded::start(rig).await;
    let log = loaded.rig.data(CHAIN).join("blocks.log");
    limit_files(loaded.rig.pid(), Some(fs::metadata(log).expect("it is there").len() + 10_000));
    let why = loaded.stands_still().await;
    assert!(why.contains("File too large"), "{why}");
    limit_files(loaded.rig.pid(), None);
    let after = after(loaded.goes_on().await);
    loaded.end("files may not grow (RLIMIT_FSIZE)", "halted: File too large".into(), "stop", after).await
}

/// A disk of its own is full to the last byte.
async fn full(store: &'static str) -> Option<Row> {
    let rig = rig(store);
    let disk = Disk::mount(&rig.folder().join("data"), 96)?;
    let loaded = Loaded::start(rig).await;
    let ballast = disk.fill();
    let why = loaded.stands_still().await;
    assert!(why.contains("No space left on device"), "{why}");
    fs::remove_file(ballast).expect("it is ours");
    let after = after(loaded.goes_on().await);
    let row = loaded.end("disk full (tmpfs)", "halted: No space left on device".into(), "stop", after).await;
    drop(disk);
    Some(row)
}

fn after(time: Duration) -> String {
    format!("by itself, {:.1} s", time.as_secs_f64())
}

/// A disk that cannot be written refuses the node by name, and holds what it held.
async fn read_only(store: &'static str) -> Option<Row> {
    let mut rig = rig(store);
    let disk = Disk::mount(&rig.folder().join("data"), 96)?;
    block_in_place(|| {
        rig.start();
        rig.stop();
        disk.read_only(true);
        let (code, said) = rig.refused();
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("Read-only file system") && said.contains("data"), "{said}");
        disk.read_only(false);
    });
    let loaded = Loaded::start(rig).await;
    let row = loaded.end(
        "folder cannot be written",
        "refused: Read-only file system".into(),
        "no start",
        "at the next start".into(),
    );
    let row = row.await;
    drop(disk);
    Some(row)
}

/// The wall clock jumps by a day and back.
async fn clock(store: &'static str, ahead: bool) -> Row {
    let mut rig = rig(store);
    let clock = Clock::new(rig.folder());
    rig.prepare("", &clock.variables());
    let loaded = Loaded::start(rig).await;
    let jumped = loaded.height();
    clock.set(if ahead { DAY as i64 } else { -(DAY as i64) });
    loaded.goes_on().await;
    let back = loaded.height();
    clock.set(0);
    loaded.goes_on().await;
    let times: Vec<_> = loaded.rig.log(CHAIN).iter().map(|block| block.header.timestamp).collect();
    assert!(times[1..].is_sorted(), "a timestamp went back");
    let (before, meanwhile, after) = (times[jumped as usize], times[back as usize], times[times.len() - 1]);
    let (fault, stood) = match ahead {
        true => {
            ("clock a day ahead, then right", after == meanwhile && (DAY..DAY + 120).contains(&(meanwhile - before)))
        }
        false => ("clock a day back, then right", meanwhile <= before + 1 && after < before + 120),
    };
    assert!(stood, "{before} {meanwhile} {after}");
    for said in ["the machine's clock jumped", "the machine's clock is behind the chain"] {
        assert!(loaded.rig.has_said(said), "{said}: not said");
    }
    loaded.end(fault, "warned: the clock jumped".into(), "go on", "by itself, timestamps stand".into()).await
}

/// Clients take all descriptors that the node has.
async fn descriptors(store: &'static str) -> Row {
    let mut rig = rig(store);
    rig.prepare("ulimit -n 100", &[]);
    let loaded = Loaded::start(rig).await;
    let addr = loaded.rig.url().strip_prefix("http://").and_then(|addr| addr.parse().ok()).expect("it is a URL");
    // Those that the node takes, and those that the system queues for it.
    let taken: Vec<_> =
        (0..400).map_while(|_| TcpStream::connect_timeout(&addr, Duration::from_secs(1)).ok()).collect();
    let began = Instant::now();
    while !loaded.rig.has_said("Too many open files") {
        assert!(began.elapsed() < WITHIN, "descriptors do not run out");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let height = loaded.height();
    while loaded.height() < height + SOME {
        assert!(began.elapsed() < WITHIN, "no blocks come: {}", loaded.rig.last_words());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(taken);
    let began = Instant::now();
    let fresh = loaded.rig.rpc(CHAIN);
    while fresh.block_number().await.is_err() {
        assert!(began.elapsed() < WITHIN, "nobody is answered");
    }
    let after = after(began.elapsed());
    loaded.end("no descriptors left", "warned: Too many open files".into(), "go on", after).await
}

/// A second node on the same folder, while the first works.
async fn second(store: &'static str) -> Row {
    let loaded = Loaded::start(rig(store)).await;
    let (code, said) = block_in_place(|| loaded.rig.refused());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("in use by another process"), "{said}");
    loaded
        .end(
            "a second node on the folder",
            "refused: in use by another process".into(),
            "go on",
            "the first never stops".into(),
        )
        .await
}
