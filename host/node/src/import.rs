//! `caldera import`: a chain that another client made moves here, block by block.

use std::{
    cell::OnceCell,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use caldera_chain::{BlockFile, ChainSpec, ImportError, Importing};
use caldera_engine::Engines;
use caldera_state::StateOptions;
use flate2::bufread::MultiGzDecoder;
use serde::Serialize;

use crate::{
    genesis_file,
    output::{self, Align, Output, Report, Table},
};

/// How often long work says how far it is.
pub(crate) const TELL_EVERY: Duration = Duration::from_secs(2);
/// How gzip's files begin (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why an import ended early. What came in before the error stays, and the same command goes on after it.
#[derive(Debug, thiserror::Error)]
pub enum ImportCommandError {
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The folder was brought in with another genesis file.
    #[error("{} holds another chain than that of the genesis file: choose another --data or --chain, or remove that folder", .0.display())]
    OtherGenesis(PathBuf),
    /// A block, the file of blocks or the folder.
    #[error("{}: {source}{}", blocks.display(), stays(*.head))]
    Blocks {
        /// The file of blocks.
        blocks: PathBuf,
        /// What is wrong.
        source: Box<ImportError>,
        /// The last block that is in the folder, if there is any.
        head: Option<u64>,
    },
}

fn stays(head: Option<u64>) -> String {
    match head {
        Some(head) => format!("; blocks up to {head} are in the folder, and another import goes on after them"),
        None => String::new(),
    }
}

/// What to bring in.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The chain.
    pub chain: ChainSpec,
    /// Its genesis file.
    pub genesis: PathBuf,
    /// The blocks, packed by gzip or not.
    pub blocks: PathBuf,
    /// The chain's folder.
    pub folder: PathBuf,
    /// How its state is kept.
    pub options: StateOptions,
}

/// A chain was brought in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    event: &'static str,
    /// Name of the chain.
    pub chain: String,
    /// Its id.
    pub chain_id: u64,
    /// Height of the last block.
    pub head: u64,
    /// Its hash.
    pub hash: B256,
    /// Its state root, computed here.
    pub state_root: B256,
    /// Blocks that were executed.
    pub blocks: u64,
    /// Blocks that were there already.
    pub known: u64,
    /// Transactions that were executed.
    pub transactions: u64,
    /// Gas that they used.
    pub gas: u64,
    /// How long it took.
    pub seconds: f64,
    /// Where the chain lies.
    pub folder: String,
    /// The genesis file that a configuration must name.
    pub genesis: String,
}

/// Brings a chain in. Blocks, for as long as it takes; needs a thread with a deep stack.
pub fn import(request: ImportRequest, engines: &Engines, output: Output) -> Result<Imported, ImportCommandError> {
    let ImportRequest { chain, genesis, blocks, folder, options } = request;
    check_genesis(&chain, &folder)?;
    let io = |source| ImportCommandError::Io { action: "read", path: blocks.clone(), source };
    let (file, read) = (File::open(&blocks).map_err(io)?, Arc::new(AtomicU64::new(0)));
    let bytes = file.metadata().map_err(io)?.len();
    let file = unpacked(BufReader::new(Counted { file, read: read.clone() })).map_err(io)?;
    let (mut head, mut said) = (None, Instant::now());
    // The folder is ours, and of this chain, once the first word comes. Nothing comes in whose genesis cannot be kept.
    let kept = OnceCell::new();
    let mut tell = |done: &Importing| {
        kept.get_or_init(|| keep_genesis(&genesis, &folder));
        head = Some(done.head);
        if said.elapsed() >= TELL_EVERY {
            said = Instant::now();
            output.progress(&how_far(done, read.load(Ordering::Relaxed), bytes));
        }
    };
    let file = BlockFile::new(file).take_while(|_| !matches!(kept.get(), Some(Err(_))));
    let result = caldera_chain::import(&chain, &folder, options, engines, file, &mut tell);
    let failed = |source| ImportCommandError::Blocks { blocks: blocks.clone(), source: Box::new(source), head };
    let imported = result.map_err(failed)?;
    kept.into_inner().unwrap_or(Ok(()))?;
    let done = imported.done;
    Ok(Imported {
        event: "imported",
        chain_id: chain.chain_id(),
        chain: chain.name,
        head: done.head,
        hash: imported.hash,
        state_root: imported.state_root,
        blocks: done.blocks,
        known: done.known,
        transactions: done.transactions,
        gas: done.gas,
        seconds: done.took.as_secs_f64(),
        folder: folder.display().to_string(),
        genesis: folder.join(genesis_file::NAME).display().to_string(),
    })
}

/// Makes sure that a folder which has a genesis file has that of the chain.
fn check_genesis(chain: &ChainSpec, folder: &Path) -> Result<(), ImportCommandError> {
    let kept = folder.join(genesis_file::NAME);
    let same = !kept.exists() || genesis_file::read(&kept).ok() == chain.genesis.imported;
    if same { Ok(()) } else { Err(ImportCommandError::OtherGenesis(folder.to_owned())) }
}

/// Puts a copy of the genesis file beside the blocks, so that the folder alone says what chain it holds: whole or not at all.
fn keep_genesis(given: &Path, folder: &Path) -> Result<(), ImportCommandError> {
    let (kept, new) = (folder.join(genesis_file::NAME), folder.join(genesis_file::UNFINISHED));
    if kept.exists() {
        return Ok(());
    }
    let copied = fs::copy(given, &new).and_then(|_| File::open(&new)?.sync_all());
    let placed = copied.and_then(|()| fs::rename(&new, &kept)).and_then(|()| File::open(folder)?.sync_all());
    placed.map_err(|source| ImportCommandError::Io { action: "write", path: kept, source })
}

/// What the file holds, whether gzip packed it or not.
fn unpacked(mut file: impl BufRead + 'static) -> io::Result<Box<dyn BufRead>> {
    let is_packed = file.fill_buf()?.starts_with(&GZIP);
    Ok(if is_packed { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
}

/// Counts what was read.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn how_far(done: &Importing, read: u64, bytes: u64) -> String {
    let percent = read.saturating_mul(100) / bytes.max(1);
    let seconds = done.took.as_secs_f64().max(0.001);
    let (blocks, gas) = (done.blocks as f64 / seconds, done.gas as f64 / 1e6 / seconds);
    format!("block {}, {percent} % of the file, {blocks:.0} blocks/s, {gas:.0} Mgas/s", output::count(done.head))
}

impl Imported {
    /// The same in one line.
    pub fn line(&self) -> String {
        format!(
            "Brought in {} blocks of chain {}; its head is {}, every root as it should be",
            output::count(self.blocks),
            self.chain_id,
            output::count(self.head)
        )
    }
}

impl Report for Imported {
    fn text(&self) -> String {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        for (name, value) in [
            ("chain", format!("{}, id {}", self.chain, self.chain_id)),
            ("head", output::count(self.head)),
            ("hash", self.hash.to_string()),
            ("state root", self.state_root.to_string()),
            ("blocks executed", output::count(self.blocks)),
            ("blocks known before", output::count(self.known)),
            ("transactions", output::count(self.transactions)),
            ("time", output::duration(Duration::from_secs_f64(self.seconds))),
            ("folder", self.folder.clone()),
        ] {
            table.row([name.to_owned(), value]);
        }
        format!(
            "Every block and every root is as it should be\n{table}\n\
             To serve it, and let blocks of this node follow, add to caldera.toml (`data` is {}):\n\n\
             [[chain]]\nname = \"{}\"\nchain-id = {}\ngenesis = \"{}\"\ngovernor = \"0x…\" # who may stage and arm engines\n",
            Path::new(&self.folder).parent().unwrap_or(Path::new(".")).display(),
            self.chain,
            self.chain_id,
            self.genesis
        )
    }
}
