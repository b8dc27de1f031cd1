//! `caldera replay`: executes a block log on a fresh folder. Who has a chain's blocks has everything: engines travel in
//! them, and every root that is computed again is compared with the one in its header.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEventInterface as _;
use caldera_chain::{Chain, ChainError, ChainSpec, Progress};
use caldera_engine::Engines;
use caldera_execution::registry::{self, abi::IEngineRegistry::IEngineRegistryEvents as Events};
use caldera_state::StateOptions;
use caldera_types::Digest;
use serde::Serialize;

use crate::output::{self, Align, Report, Table};

/// Why a replay failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log does not give the same chain again.
    #[error("replay of {}: {source}", log.display())]
    Chain {
        /// Which log.
        log: PathBuf,
        /// Where and why.
        source: Box<ChainError>,
    },
    /// The folder is not fresh.
    #[error("{} exists: a replay needs a fresh folder; choose another one by --out", .0.display())]
    NotFresh(PathBuf),
    /// No folder can be made.
    #[error("cannot make a temporary folder: {0}")]
    Folder(std::io::Error),
}

/// What to replay.
#[derive(Clone, Debug)]
pub struct ReplayRequest {
    /// The chain that the log is of.
    pub chain: ChainSpec,
    /// Its block log: a chain's folder, or the file in it. A live node may be writing it.
    pub log: PathBuf,
    /// Where the state goes; a temporary folder if nowhere.
    pub out: Option<PathBuf>,
    /// How the state is kept.
    pub options: StateOptions,
}

/// A log gave the same chain again.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    event: &'static str,
    /// Name of the chain.
    pub chain: String,
    /// Height of its last block.
    pub head: u64,
    /// Hash of its last block.
    pub hash: B256,
    /// State root of its last block, computed here.
    pub state_root: B256,
    /// Blocks that were executed.
    pub blocks: u64,
    /// Transactions in them, the system's own included.
    pub transactions: u64,
    /// Which swaps took place, failed or went back, and when.
    pub swaps: Vec<SwapLine>,
    /// How long it took.
    pub seconds: f64,
    /// Blocks for each second of it.
    pub blocks_per_second: f64,
}

/// A step of a swap, as the registry told it in a block that was executed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SwapLine {
    /// Height.
    pub block: u64,
    /// `activated`, `activation failed`, `reverted` or `frozen`.
    pub name: &'static str,
    /// Where.
    pub mount: Address,
    /// What runs there then.
    pub digest: Option<Digest>,
}

/// Replays. Blocks, for as long as it takes; needs a thread with a deep stack.
pub fn replay(request: ReplayRequest, engines: Engines) -> Result<Replayed, ReplayError> {
    let ReplayRequest { chain, log, out, options } = request;
    // Declared before the chain, so removed after its files are closed.
    let (dir, _folder) = fresh_folder(out)?;
    let mut executed = 0u64;
    let mut count = |progress| executed += u64::from(matches!(progress, Progress::Replayed(_)));
    let failed = |source| ReplayError::Chain { log: log.clone(), source: Box::new(source) };
    let name = chain.name.clone();
    let began = Instant::now();
    let chain = caldera_chain::replay(chain, &log, &dir, options, engines, &mut count).map_err(failed)?;
    let took = began.elapsed().max(Duration::from_millis(1)).as_secs_f64();
    let head = chain.head();
    let (number, hash, state_root) = (head.block.header.number, head.block.hash(), head.block.header.state_root);
    let (transactions, swaps) = told(&chain, number).map_err(failed)?;
    Ok(Replayed {
        event: "replayed",
        chain: name,
        head: number,
        hash,
        state_root,
        blocks: executed,
        transactions,
        swaps,
        seconds: took,
        blocks_per_second: executed as f64 / took,
    })
}

fn fresh_folder(out: Option<PathBuf>) -> Result<(PathBuf, Option<tempfile::TempDir>), ReplayError> {
    match out {
        Some(path) if path.exists() => Err(ReplayError::NotFresh(path)),
        Some(path) => Ok((path, None)),
        None => {
            let folder = tempfile::Builder::new().prefix("caldera-replay-").tempdir().map_err(ReplayError::Folder)?;
            Ok((Path::to_owned(folder.path()), Some(folder)))
        }
    }
}

/// How many transactions there were, and what the registry told of swaps.
fn told(chain: &Chain, head: u64) -> Result<(u64, Vec<SwapLine>), ChainError> {
    let (mut transactions, mut swaps) = (0, Vec::new());
    for number in 1..=head {
        let Some(block) = chain.block(number)? else { continue };
        transactions += block.block.transactions.len() as u64;
        let logs = block.receipts.iter().flat_map(|receipt| receipt.logs());
        swaps.extend(logs.filter(|log| log.address == registry::ADDRESS).filter_map(|log| {
            let (name, mount, digest) = match Events::decode_log(log).ok()?.data {
                Events::Activated(e) => ("activated", e.mount, Some(Digest(e.digest))),
                Events::ActivationFailed(e) => ("activation failed", e.mount, None),
                Events::Reverted(e) => ("reverted", e.mount, Some(Digest(e.to))),
                Events::Frozen(e) => ("frozen", e.mount, None),
                _ => return None,
            };
            Some(SwapLine { block: number, name, mount, digest })
        }));
    }
    Ok((transactions, swaps))
}

impl Report for Replayed {
    fn text(&self) -> String {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        for (name, value) in [
            ("chain", self.chain.clone()),
            ("head", output::count(self.head)),
            ("hash", self.hash.to_string()),
            ("state root", self.state_root.to_string()),
            ("transactions", output::count(self.transactions)),
            ("time", output::duration(Duration::from_secs_f64(self.seconds))),
            ("speed", format!("{:.0} blocks/s", self.blocks_per_second)),
        ] {
            table.row([name.to_owned(), value]);
        }
        let mut text = format!("Executed {} blocks again; every root is the same\n{table}", output::count(self.blocks));
        let mut swaps = Table::new([
            ("block", Align::Right),
            ("swap", Align::Left),
            ("mount", Align::Left),
            ("digest", Align::Left),
        ]);
        for swap in &self.swaps {
            let digest = swap.digest.map(|digest| digest.to_string()).unwrap_or_default();
            swaps.row([swap.block.to_string(), swap.name.to_owned(), swap.mount.to_string(), digest]);
        }
        if !swaps.is_empty() {
            text += &swaps.to_string();
        }
        text
    }
}
