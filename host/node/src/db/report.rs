//! What `caldera db` says.

use std::{path::PathBuf, time::Duration};

use alloy_primitives::B256;
use caldera_chain::ExecutedBlock;
use caldera_state::maintain;
use serde::Serialize;

use super::Place;
use crate::output::{self, Align, Report, Table};

/// `caldera db stats`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    event: &'static str,
    folder: PathBuf,
    store: &'static str,
    head: Option<u64>,
    first_state: u64,
    blocks: u64,
    transactions: u64,
    log_bytes: u64,
    torn_bytes: u64,
    store_bytes: u64,
    other_bytes: u64,
    entries: Vec<Kind>,
}

/// Entries of one kind.
#[derive(Clone, Debug, Serialize)]
struct Kind {
    kind: &'static str,
    entries: u64,
    bytes: u64,
}

impl Stats {
    pub(super) fn of(place: &Place, stats: maintain::Stats) -> Self {
        let kinds = stats.entries.iter().filter(|kind| kind.entries > 0);
        Self {
            event: "stats",
            folder: place.folder.clone(),
            store: stats.backend.name(),
            head: stats.head.map(|head| head.number),
            first_state: stats.first_state,
            blocks: stats.log.blocks,
            transactions: stats.log.transactions,
            log_bytes: stats.log.bytes,
            torn_bytes: stats.log.torn_bytes,
            store_bytes: stats.store_bytes,
            other_bytes: stats.other_bytes,
            entries: kinds.map(|k| Kind { kind: k.kind, entries: k.entries, bytes: k.bytes }).collect(),
        }
    }

    /// Bytes on disk for a million transactions, log and store together.
    fn per_million(&self) -> Option<u64> {
        let bytes = u128::from(self.log_bytes + self.store_bytes) * 1_000_000;
        bytes.checked_div(self.transactions.into()).and_then(|bytes| u64::try_from(bytes).ok())
    }
}

/// Names with values, for people.
pub(super) fn lines<const N: usize>(lines: [(&'static str, String); N]) -> String {
    let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
    lines
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .for_each(|(name, value)| table.row([name.to_owned(), value]));
    table.to_string()
}

impl Report for Stats {
    fn text(&self) -> String {
        let head = self.head.map_or("empty: the log is executed at the next start".to_owned(), output::count);
        let torn = if self.torn_bytes > 0 { output::bytes(self.torn_bytes) } else { String::new() };
        let text = lines([
            ("store", self.store.to_owned()),
            ("head of the store", head),
            ("states kept from block", output::count(self.first_state)),
            ("blocks in the log", output::count(self.blocks)),
            ("transactions", output::count(self.transactions)),
            ("block log", output::bytes(self.log_bytes)),
            ("torn at its end", torn),
            ("store on disk", output::bytes(self.store_bytes)),
            ("other files", output::bytes(self.other_bytes)),
            ("log and store for a million transactions", self.per_million().map(output::bytes).unwrap_or_default()),
        ]);
        let mut kinds =
            Table::new([("in the store", Align::Left), ("entries", Align::Right), ("keys and values", Align::Right)]);
        for kind in &self.entries {
            kinds.row([kind.kind.to_owned(), output::count(kind.entries), output::bytes(kind.bytes)]);
        }
        format!("{}\n{text}\n{kinds}", self.folder.display())
    }
}

/// `caldera db verify`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    event: &'static str,
    folder: PathBuf,
    head: Option<u64>,
    log_blocks: u64,
    torn_bytes: u64,
    first_state: u64,
    blocks: u64,
    transactions: u64,
    states: u64,
    nodes: u64,
    codes: u64,
    stray_nodes: u64,
    seconds: f64,
    /// What is wrong, the first hundred.
    pub findings: Vec<String>,
}

impl Verified {
    pub(super) fn of(place: &Place, verified: maintain::Verified, took: Duration) -> Self {
        let audit = verified.audit;
        Self {
            event: "verified",
            folder: place.folder.clone(),
            head: verified.head.map(|head| head.number),
            log_blocks: verified.log.blocks,
            torn_bytes: verified.log.torn_bytes,
            first_state: verified.first_state,
            blocks: audit.blocks,
            transactions: audit.transactions,
            states: audit.roots,
            nodes: audit.nodes,
            codes: audit.codes,
            stray_nodes: audit.stray_nodes,
            seconds: took.as_secs_f64(),
            findings: audit.findings.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Report for Verified {
    fn text(&self) -> String {
        let above = self.log_blocks.saturating_sub(self.head.map_or(0, |head| head + 1));
        let some = |count: u64, text: String| if count > 0 { text } else { String::new() };
        let text = lines([
            ("blocks in the log", output::count(self.log_blocks)),
            (
                "torn at its end",
                some(self.torn_bytes, format!("{}: cut off at the next start", output::bytes(self.torn_bytes))),
            ),
            ("not in the store yet", some(above, format!("{}: executed at the next start", output::count(above)))),
            ("blocks with receipts and indexes", output::count(self.blocks)),
            ("transactions", output::count(self.transactions)),
            ("states", format!("{} from block {} on", output::count(self.states), output::count(self.first_state))),
            ("trie nodes", output::count(self.nodes)),
            ("codes", output::count(self.codes)),
            ("nodes of no kept state", some(self.stray_nodes, output::count(self.stray_nodes))),
            ("time", output::duration(Duration::from_secs_f64(self.seconds))),
        ]);
        let mut found = String::new();
        self.findings.iter().for_each(|finding| found += &format!("\n  {finding}"));
        match self.findings.is_empty() {
            true => format!("{}: everything is as it should be\n{text}", self.folder.display()),
            false => format!("{}: DAMAGED{found}\n\nRead:\n{text}", self.folder.display()),
        }
    }
}

/// `caldera db compact`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compacted {
    event: &'static str,
    folder: PathBuf,
    entries: u64,
    bytes_before: u64,
    bytes_after: u64,
    seconds: f64,
}

impl Compacted {
    pub(super) fn of(place: &Place, compacted: maintain::Compacted, took: Duration) -> Self {
        let maintain::Compacted { entries, before, after } = compacted;
        let (folder, seconds) = (place.folder.clone(), took.as_secs_f64());
        Self { event: "compacted", folder, entries, bytes_before: before, bytes_after: after, seconds }
    }
}

impl Report for Compacted {
    fn text(&self) -> String {
        let text = lines([
            ("entries", output::count(self.entries)),
            ("store before", output::bytes(self.bytes_before)),
            ("store after", output::bytes(self.bytes_after)),
            ("time", output::duration(Duration::from_secs_f64(self.seconds))),
        ]);
        format!("{}: the store is written anew\n{text}", self.folder.display())
    }
}

/// `caldera db repair`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repaired {
    event: &'static str,
    folder: PathBuf,
    blocks: u64,
    head: u64,
    hash: B256,
    state_root: B256,
    old_store: Option<PathBuf>,
    seconds: f64,
}

impl Repaired {
    pub(super) fn of(
        place: &Place,
        head: &ExecutedBlock,
        old_store: Option<PathBuf>,
        blocks: u64,
        took: Duration,
    ) -> Self {
        Self {
            event: "repaired",
            folder: place.folder.clone(),
            blocks,
            head: head.number(),
            hash: head.block.hash(),
            state_root: head.block.header.state_root,
            old_store,
            seconds: took.as_secs_f64(),
        }
    }
}

impl Report for Repaired {
    fn text(&self) -> String {
        let old = self.old_store.as_ref().map(|old| old.display().to_string()).unwrap_or_default();
        let text = lines([
            ("blocks executed", output::count(self.blocks)),
            ("head", output::count(self.head)),
            ("hash", self.hash.to_string()),
            ("state root", self.state_root.to_string()),
            ("the old store", old),
            ("time", output::duration(Duration::from_secs_f64(self.seconds))),
        ]);
        format!("{}: the store is rebuilt from the block log, every root is the same\n{text}", self.folder.display())
    }
}
