//! `caldera engine replay`: a candidate in the shadow of a mounted engine, over blocks that a stopped node has in its folder.
//!
//! Every old state can be read, so nothing is built up first: each block is executed on its parent's state, and nothing is
//! written.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, Bytes};
use caldera_chain::shadow::{self, Candidate, CandidateCode, Replay, ShadowError};
use caldera_engine::Engines;
use caldera_execution::shadow::{DivergenceKind, Ending, Sample, ShadowLimits, ShadowReport, StateMode};
use caldera_state::{ChainState, StateError, StateOptions};
use caldera_types::Component;
use serde::Serialize;

use crate::output::{self, Align, Output, Report, Table};

/// How often progress is told.
const TELL: Duration = Duration::from_secs(2);

/// Why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineReplayError {
    /// No chain of that name.
    #[error("there is no chain '{chain}' in {}; there are: {there}", data.display())]
    NoChain {
        /// The name.
        chain: String,
        /// Where it was looked for.
        data: PathBuf,
        /// What is there.
        there: String,
    },
    /// A node runs on it.
    #[error(
        "{} is in use by a running node: stop that node, copy the folder and give the copy, or try the candidate in the \
         shadow of the live chain",
        .0.display()
    )]
    InUse(PathBuf),
    /// The folder cannot be read.
    #[error("chain folder {}: {source}", folder.display())]
    State {
        /// Which.
        folder: PathBuf,
        /// Why not.
        source: Box<StateError>,
    },
    /// The comparison.
    #[error(transparent)]
    Shadow(#[from] ShadowError),
    /// The report cannot be written.
    #[error("cannot write the report {}: {source}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Which blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// The newest so many.
    Last(u64),
    /// From a height to another, both included; none is the end of the chain.
    Range(Option<u64>, Option<u64>),
}

impl Blocks {
    fn of(self, head: u64) -> (u64, u64) {
        match self {
            Self::Last(count) => (head.saturating_sub(count.saturating_sub(1)).max(1), head),
            Self::Range(from, to) => (from.unwrap_or(1), to.unwrap_or(head)),
        }
    }
}

/// What to compare.
#[derive(Clone, Debug)]
pub struct EngineReplayRequest {
    /// Folder of the node's data.
    pub data: PathBuf,
    /// Name of the chain.
    pub chain: String,
    /// Where the engine is mounted.
    pub mount: Address,
    /// What is tried.
    pub candidate: Component,
    /// A new configuration, if not the mount's.
    pub config: Option<Bytes>,
    /// Over which blocks.
    pub blocks: Blocks,
    /// How calls are compared.
    pub limits: ShadowLimits,
    /// Where the whole report goes, too.
    pub report: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineReplay {
    event: &'static str,
    /// Name of the chain.
    pub chain: String,
    /// How long it took.
    pub seconds: f64,
    /// What was found.
    #[serde(flatten)]
    pub replayed: shadow::Replayed,
}

/// Compares. Blocks, for as long as it takes; needs a thread with a deep stack.
pub fn replay(
    request: &EngineReplayRequest,
    engines: &Engines,
    output: Output,
) -> Result<EngineReplay, EngineReplayError> {
    let folder = chain_folder(&request.data, &request.chain)?;
    let state = ChainState::open(&folder, StateOptions::found_in(&folder)).map_err(|error| match error {
        StateError::FolderInUse(folder) => EngineReplayError::InUse(folder),
        source => EngineReplayError::State { folder: folder.clone(), source: Box::new(source) },
    })?;
    let head = state.head().map_or(0, |head| head.number);
    if let Some(logged) = state.log_height().filter(|logged| *logged > head) {
        let blocks = logged - head;
        tracing::warn!(
            blocks,
            "the newest blocks are logged but not executed: start the node once to have them compared"
        );
    }
    let (first, last) = request.blocks.of(head);
    let candidate = Candidate {
        mount: request.mount,
        code: CandidateCode::Given(request.candidate.clone()),
        grants: None,
        limits: None,
        config: request.config.clone(),
    };
    let (began, mut told) = (Instant::now(), Instant::now());
    let mut progress = |number: u64| {
        if told.elapsed() >= TELL {
            told = Instant::now();
            output.progress(&format!(
                "block {} of {} to {}",
                output::count(number),
                output::count(first),
                output::count(last)
            ));
        }
    };
    let range = Replay { first, last, limits: request.limits };
    let replayed = shadow::replay(&state, engines, &candidate, range, &mut progress)?;
    let seconds = began.elapsed().as_secs_f64();
    let replay = EngineReplay { event: "engineReplay", chain: request.chain.clone(), seconds, replayed };
    if let Some(path) = &request.report {
        write(path, &replay).map_err(|source| EngineReplayError::Write { path: path.clone(), source })?;
    }
    Ok(replay)
}

/// A chain's folder, which must be there: opening would make it.
fn chain_folder(data: &Path, chain: &str) -> Result<PathBuf, EngineReplayError> {
    let folder = data.join(chain);
    if !chain.is_empty() && folder.join("blocks.log").is_file() {
        return Ok(folder);
    }
    let entries = fs::read_dir(data).into_iter().flatten().flatten();
    let chains = entries.filter(|entry| entry.path().join("blocks.log").is_file());
    let mut names: Vec<_> = chains.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(EngineReplayError::NoChain { chain: chain.to_owned(), data: data.to_owned(), there })
}

fn write(path: &Path, replay: &EngineReplay) -> io::Result<()> {
    fs::write(path, serde_json::to_vec_pretty(replay)?)
}

impl EngineReplay {
    /// What the command ends with: nothing if the candidate agreed.
    pub fn disagreement(&self) -> Option<String> {
        let report = &self.replayed.report;
        if let Some(why) = &report.state.failure {
            return Some(format!("the candidate could not take over the state: {why}"));
        }
        (!report.agrees()).then(|| {
            let (diverging, compared) = (output::count(report.diverging), output::count(report.compared));
            format!("the candidate diverged in {diverging} of {compared} calls")
        })
    }
}

impl Report for EngineReplay {
    fn text(&self) -> String {
        let report = &self.replayed.report;
        let mut text = String::new();
        let mut facts = Table::new([("", Align::Left), ("", Align::Left)]);
        for (name, value) in facts_of(report, self.seconds) {
            facts.row([name.to_owned(), value]);
        }
        text += &format!(
            "Chain {}, {} in the shadow of {}\n{facts}",
            self.chain,
            report.candidate.short(),
            report.active.short()
        );
        let mut kinds = Table::new([
            ("divergence", Align::Left),
            ("calls", Align::Right),
            ("first at block", Align::Right),
            ("how", Align::Left),
        ]);
        for kind in DivergenceKind::ALL {
            let first = report.samples.iter().find(|sample| sample.kind == kind);
            let cells =
                first.map_or_else(|| ["-".to_owned(), String::new()], |s| [output::count(s.block), s.detail.clone()]);
            let [block, how] = cells;
            let calls = report.divergences.get(&kind).copied().unwrap_or_default();
            kinds.row([kind.name().to_owned(), output::count(calls), block, how]);
        }
        text += &format!("{kinds}");
        for kind in DivergenceKind::ALL {
            if let Some(first) = report.samples.iter().find(|sample| sample.kind == kind) {
                text += &sample_text(first);
            }
        }
        if let Some((block, digest)) = self.replayed.replaced {
            text +=
                &format!("Block {} mounted {}: later blocks were not compared\n", output::count(block), digest.short());
        }
        text + &self
            .disagreement()
            .map_or_else(|| "The candidate agrees\n".to_owned(), |why| format!("{}\n", capital(&why)))
    }
}

fn facts_of(report: &ShadowReport, seconds: f64) -> Vec<(&'static str, String)> {
    let range = report
        .range
        .map_or_else(String::new, |(first, last)| format!(", {} to {}", output::count(first), output::count(last)));
    let state = match report.state.mode {
        StateMode::Live => "that of the active engine, at each call".to_owned(),
        StateMode::Copy => format!("its own copy, taken over {} times", output::count(report.state.copies)),
    };
    let mut facts = vec![
        ("mount", report.mount.to_string()),
        ("blocks", format!("{}{range}", output::count(report.blocks))),
        ("calls compared", output::count(report.compared)),
        ("state", state),
        ("time", output::duration(Duration::from_secs_f64(seconds))),
    ];
    let skipped: Vec<_> =
        report.skipped.iter().map(|(why, calls)| format!("{} {}", output::count(calls), why.name())).collect();
    if !skipped.is_empty() {
        facts.push(("calls skipped", skipped.join(", ")));
    }
    let percentiles: BTreeMap<_, _> =
        [50, 90, 99].into_iter().filter_map(|p| Some((p, report.fuel.percentile(p)?))).collect();
    let percentiles: Vec<_> =
        percentiles.iter().map(|(p, ratio)| format!("p{p} {}.{} %", ratio / 10, ratio % 10)).collect();
    if !percentiles.is_empty() {
        facts.push(("fuel against the active engine's", percentiles.join(", ")));
    }
    facts
}

fn sample_text(sample: &Sample) -> String {
    let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
    let transaction = sample.transaction.map_or_else(|| "the chain's own".to_owned(), |hash| hash.to_string());
    let caller = sample.caller.map_or_else(|| "the chain".to_owned(), |caller| caller.to_string());
    let cut = |data: &Bytes, bytes: usize| {
        let more = if bytes > data.len() { format!("… ({} bytes)", output::count(bytes)) } else { String::new() };
        format!("{data}{more}")
    };
    let ending = |ending: &Ending| match ending.fault {
        Some(fault) => format!("fault {fault}, {} fuel", output::count(ending.fuel)),
        None => {
            format!("{} {}, {} fuel", ending.result, cut(&ending.data, ending.data_bytes), output::count(ending.fuel))
        }
    };
    for (name, value) in [
        ("transaction", transaction),
        ("caller", format!("{caller}, depth {}", sample.depth)),
        ("input", cut(&sample.input, sample.input_bytes)),
        ("active", ending(&sample.active)),
        ("candidate", ending(&sample.candidate)),
    ] {
        table.row([name.to_owned(), value]);
    }
    format!(
        "First {} divergence, {} in block {}\n{table}",
        sample.kind.name(),
        sample.export,
        output::count(sample.block)
    )
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_within_the_chain() {
        for (blocks, head, range) in [
            (Blocks::Last(3), 10, (8, 10)),
            (Blocks::Last(0), 10, (10, 10)),
            (Blocks::Last(99), 10, (1, 10)),
            (Blocks::Range(None, None), 10, (1, 10)),
            (Blocks::Range(Some(4), Some(6)), 10, (4, 6)),
        ] {
            assert_eq!(blocks.of(head), range);
        }
    }

    #[test]
    fn a_folder_without_chains_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let error = chain_folder(dir.path(), "finance").unwrap_err().to_string();
        assert!(error.contains("no chain 'finance'") && error.ends_with("there are: none"), "{error}");
        assert!(!dir.path().join("finance").exists());
    }
}
