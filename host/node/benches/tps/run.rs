//! One node under one load.

use std::{
    env, fmt, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use caldera_bench::Samples;
use serde_json::json;

use crate::{
    flame::Looking,
    load::{
        cpu::Cpu,
        drive::{Drive, Driven},
        nodes::Node,
    },
    samples,
};

/// How transactions are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One a request, on sixty-four connections.
    Single,
    /// A hundred a request, on sixteen.
    Batch,
}

impl Mode {
    pub const ALL: [Self; 2] = [Self::Single, Self::Batch];

    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Batch => "batches of 100",
        }
    }

    /// How many in one request, and on how many connections.
    pub fn shape(self) -> (usize, u64) {
        match self {
            Self::Single => (1, 64),
            Self::Batch => (100, 16),
        }
    }
}

/// Seconds of `eth_sendRawTransactionSync`, after the load.
const SYNC_SECONDS: u64 = 8;
/// Connections of it, each with an account of its own.
pub const SYNC_CONNECTIONS: u64 = 16;
/// Transactions of each of them: more than it can send.
pub const SYNC_EACH: u64 = 4_000;

pub struct Run<'a> {
    pub file: &'a Path,
    pub sync_file: &'a Path,
    pub accounts: u64,
    pub mode: Mode,
    /// Not those of the mode, but so many.
    pub connections: Option<u64>,
    pub seconds: u64,
}

/// Beside the bench's JSON.
fn picture(mode: Mode) -> PathBuf {
    let name = if mode == Mode::Single { "tps-single.svg" } else { "tps-batch.svg" };
    env::var_os("CALDERA_BENCH_DIR").map_or_else(env::temp_dir, PathBuf::from).join(name)
}

/// What came of it.
pub struct Outcome {
    driven: Driven,
    synced: Driven,
    /// Transactions in blocks, second by second.
    per_second: Vec<f64>,
    /// Of the node, in bytes, after the load.
    memory: u64,
    disk: u64,
    /// Of the node, a transaction.
    cpu: Cpu,
}

impl Run<'_> {
    /// With the name of a flame graph, if one is to be drawn.
    pub fn of(&self, node: &Node, flame: Option<&String>) -> io::Result<Outcome> {
        let (batch, connections) = self.mode.shape();
        let drive = Drive {
            url: node.url().into(),
            file: self.file.into(),
            accounts: self.accounts,
            method: "eth_sendRawTransaction".into(),
            batch,
            connections: self.connections.unwrap_or(connections),
            seconds: self.seconds,
            pace: None,
        };
        let head = || node.number("eth_blockNumber", &json!([]));
        let first = head()?;
        let before = node.cpu();
        let child = drive.spawn()?;
        // Reading the load takes the client a moment.
        while head()? == first || self.count(node, head()?)? == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        let began = Instant::now();
        let looking = flame.map(|_| Looking::begin(node.pid(), &picture(self.mode))).transpose()?;
        let mut heads = vec![head()?];
        for second in 1..=self.seconds.saturating_sub(2) {
            thread::sleep((began + Duration::from_secs(second)).saturating_duration_since(Instant::now()));
            heads.push(head()?);
        }
        let driven = Drive::result(child)?;
        let (memory, disk) = (node.memory(), node.disk());
        let mut per_second = Vec::new();
        for pair in heads.windows(2) {
            let counts = (pair[0] + 1..=pair[1]).map(|number| self.count(node, number));
            per_second.push(counts.sum::<io::Result<u64>>()? as f64);
        }
        self.drained(node)?;
        // The pool is empty: what was taken in is in blocks.
        let cpu = node.cpu().since(&before, driven.sent.saturating_sub(driven.errors) as f64);
        let synced = Drive {
            file: self.sync_file.into(),
            accounts: SYNC_CONNECTIONS,
            method: "eth_sendRawTransactionSync".into(),
            batch: 1,
            connections: SYNC_CONNECTIONS,
            seconds: SYNC_SECONDS,
            ..drive
        };
        let synced = Drive::result(synced.spawn()?)?;
        if let (Some(looking), Some(title)) = (looking, flame) {
            looking.draw(title)?;
        }
        Ok(Outcome { driven, synced, per_second, memory, disk, cpu })
    }

    fn count(&self, node: &Node, number: u64) -> io::Result<u64> {
        node.number("eth_getBlockTransactionCountByNumber", &json!([format!("{number:#x}")]))
    }

    /// Waits until the pool is empty.
    fn drained(&self, node: &Node) -> io::Result<()> {
        let began = Instant::now();
        loop {
            let status = node.call("txpool_status", &json!([]))?;
            if status["pending"] == "0x0" || began.elapsed() > Duration::from_secs(60) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Outcome {
    pub fn rates(&self) -> Samples {
        samples(self.per_second.clone())
    }

    pub fn receipts(&self) -> Samples {
        samples(self.synced.latencies.clone())
    }

    fn included(&self) -> f64 {
        self.per_second.iter().sum::<f64>() / self.per_second.len() as f64
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = samples(self.driven.latencies.clone());
        let (median, p99) = (answers.median_ns() / 1e6, answers.p99_ns() / 1e6);
        write!(
            f,
            "{:.0} tx/s over {} s; {} sent, {} errors; answers {median:.2} ms median, {p99:.2} p99; {} MiB memory, {} MiB disk",
            self.included(),
            self.per_second.len(),
            self.driven.sent,
            self.driven.errors,
            self.memory >> 20,
            self.disk >> 20
        )?;
        write!(
            f,
            "\n    a transaction that was taken in: {}; one that was sent cost its sender {:.1} \u{b5}s",
            self.cpu,
            self.driven.cpu / self.driven.sent as f64
        )?;
        if self.driven.ran_dry {
            write!(f, "; the load was used up before its time")?;
        }
        if self.synced.errors > 0 {
            write!(f, "; {} of {} with a receipt failed", self.synced.errors, self.synced.sent)?;
        }
        let errors = [&self.driven.first_error, &self.synced.first_error];
        errors.into_iter().flatten().try_for_each(|error| write!(f, "\n    the first error: {error}"))
    }
}
