//! One minute of the load.

use std::{fmt, fs, io, path::PathBuf};

use alloy_primitives::Address;
use caldera_bench::Samples;
use serde_json::json;

use crate::{
    disk::Disk,
    load::{
        drive::{Drive, Driven},
        nodes::Node,
        reads::{Read, Reads},
        work::{self, Kind},
    },
};

/// Of each kind of transaction, and of those that wait for receipts.
pub const ACCOUNTS: u64 = 1_000;
/// Sending goes on for so long; the rest of the minute is signing.
const SECONDS: u64 = 58;
/// Connections of each client.
const CONNECTIONS: u64 = 4;
/// Waits for a receipt, a second and connection.
const RECEIPTS: u64 = 2;

pub const HEADING: &str = "minute  included  questions  errors  question p50      p99  receipt p50      p99  longest  longest fsync  memory    disk  files   node CPU";

/// How much comes in.
pub struct Load {
    /// Transactions a second of each kind.
    pub rate: u64,
    /// Questions a second.
    pub questions: u64,
}

/// What came of a minute. Times in nanoseconds.
pub struct Minute {
    number: u64,
    included: u64,
    questions: usize,
    pub errors: u64,
    pub first_error: Option<String>,
    question_p50: f64,
    pub question_p99: f64,
    receipt_p50: f64,
    pub receipt_p99: f64,
    pub receipt_longest: f64,
    /// Of the machine's disk, beside the node.
    pub fsync_longest: f64,
    pub memory: u64,
    disk: u64,
    files: usize,
    /// Share of one processor.
    cpu: f64,
}

impl Minute {
    pub fn run(node: &Node, load: &Load, accounts: &[Address], disk: &Disk, number: u64) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let head = || node.number("eth_blockNumber", &json!([]));
        let (first, before) = (head()?, node.cpu());
        let mut senders = Vec::new();
        let per_connection = (load.rate / CONNECTIONS).max(1);
        let plan = [
            (Some(Kind::Transfer), per_connection),
            (Some(Kind::Token), per_connection),
            (Some(Kind::Engine), per_connection),
            (None, RECEIPTS),
        ];
        for (group, (kind, pace)) in (0..).zip(plan) {
            let file: PathBuf = folder.path().join(group.to_string());
            // More than the pace lets through would leave a gap of nonces to the next minute.
            let each = pace * CONNECTIONS * SECONDS;
            let of = group * ACCOUNTS..(group + 1) * ACCOUNTS;
            work::write(&file, kind.unwrap_or(Kind::Transfer), accounts, of, number * each..(number + 1) * each)?;
            let method = if kind.is_some() { "eth_sendRawTransaction" } else { "eth_sendRawTransactionSync" };
            senders.push(Drive {
                url: node.url().into(),
                file,
                accounts: ACCOUNTS,
                method: method.into(),
                batch: 1,
                connections: CONNECTIONS,
                // The load ends it; this only if the node is too slow.
                seconds: 3 * SECONDS,
                pace: Some(pace),
            });
        }
        let reads = Reads {
            url: node.url().into(),
            reads: Read::ALL.to_vec(),
            accounts: ACCOUNTS,
            // A range that does not grow.
            blocks: (first.saturating_sub(1_000), first),
            connections: CONNECTIONS,
            seconds: SECONDS,
            pace: Some((load.questions / CONNECTIONS).max(1)),
        };
        let (asking, sending) = (reads.spawn()?, senders.iter().map(Drive::spawn).collect::<io::Result<Vec<_>>>()?);
        let answers = Reads::result(asking)?;
        let driven: Vec<Driven> = sending.into_iter().map(Drive::result).collect::<io::Result<_>>()?;
        let used = node.cpu().since(&before, SECONDS as f64 * 1e6);
        let last = head()?;
        let mut included = 0;
        for block in first + 1..=last {
            included += node.number("eth_getBlockTransactionCountByNumber", &json!([format!("{block:#x}")]))?;
        }
        let times = |times: &[f64]| Samples::new(times.to_vec()).expect("somebody was answered");
        let (questions, receipts) = (times(&answers.latencies), times(&driven[3].latencies));
        let files = fs::read_dir(format!("/proc/{}/fd", node.pid())).map_or(0, Iterator::count);
        let first_error = driven.iter().find_map(|one| one.first_error.clone()).or(answers.first_error);
        Ok(Self {
            number: number + 1,
            included,
            questions: answers.latencies.len(),
            errors: answers.errors + driven.iter().map(|one| one.errors).sum::<u64>(),
            first_error,
            question_p50: questions.median_ns(),
            question_p99: questions.p99_ns(),
            receipt_p50: receipts.median_ns(),
            receipt_p99: receipts.p99_ns(),
            receipt_longest: driven[3].latencies.iter().copied().fold(0.0, f64::max),
            fsync_longest: disk.longest()?,
            memory: node.memory(),
            disk: node.disk(),
            files,
            cpu: used.all,
        })
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ns: f64| format!("{:.1} ms", ns / 1e6);
        write!(
            f,
            "{:>6}  {:>8}  {:>9}  {:>6}  {:>12} {:>8}  {:>11} {:>8} {:>8}  {:>13}  {:>3} MiB {:>4} MiB  {:>5}  {:>7.0} %",
            self.number,
            self.included,
            self.questions,
            self.errors,
            ms(self.question_p50),
            ms(self.question_p99),
            ms(self.receipt_p50),
            ms(self.receipt_p99),
            ms(self.receipt_longest),
            ms(self.fsync_longest),
            self.memory >> 20,
            self.disk >> 20,
            self.files,
            100.0 * self.cpu
        )
    }
}
