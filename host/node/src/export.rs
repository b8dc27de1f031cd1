//! `caldera export`: a chain's blocks and genesis in the files of other clients.

use std::{
    fs::{self, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use caldera_chain::{ChainSpec, ExportError, ExportOptions, Exported as Done};
use caldera_engine::Engines;
use caldera_execution::GenesisError;
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;

use crate::{
    genesis_file,
    import::TELL_EVERY,
    output::{self, Align, Output, Report, Table},
};

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportCommandError {
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
    /// The file is there already.
    #[error("{} exists: name another file, or remove it", .0.display())]
    Exists(PathBuf),
    /// The chain, or what other clients would say to it.
    #[error("export of {}: {source}{}", folder.display(), advice(source))]
    Chain {
        /// The chain's folder.
        folder: PathBuf,
        /// What is wrong.
        source: Box<ExportError>,
    },
}

fn advice(error: &ExportError) -> String {
    let all = "--unverified writes all blocks, for readers that do not execute them";
    match error {
        ExportError::Unverifiable { number, .. } if *number > 1 => {
            format!("; --to {} writes what they take, {all}", number - 1)
        }
        ExportError::Unverifiable { .. } | ExportError::Genesis(GenesisError::Engines) => format!("; {all}"),
        _ => String::new(),
    }
}

/// What to export.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The chain.
    pub chain: ChainSpec,
    /// Its folder. A live node may be writing it.
    pub folder: PathBuf,
    /// Where the blocks go; packed by gzip if the name ends with .gz.
    pub blocks: PathBuf,
    /// Where the genesis file goes, if anywhere.
    pub genesis: Option<PathBuf>,
    /// Which blocks.
    pub options: ExportOptions,
}

/// A chain was exported.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    event: &'static str,
    /// Name of the chain.
    pub chain: String,
    /// Height of the last block.
    pub last: u64,
    /// Blocks in the file.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Blocks of this node's own that were executed under Ethereum's rules.
    pub verified: u64,
    /// Blocks of this node's own that other clients may refuse.
    pub unverified: u64,
    /// Whether the chain goes on after the last block.
    pub more: bool,
    /// Length of the file.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Exports. Blocks, for as long as it takes; needs a thread with a deep stack. Files are there whole or not at all.
pub fn export(request: ExportRequest, engines: &Engines, output: Output) -> Result<Exported, ExportCommandError> {
    let ExportRequest { chain, folder, blocks, genesis, options } = request;
    if let Some(taken) = [Some(&blocks), genesis.as_ref()].into_iter().flatten().find(|path| path.exists()) {
        return Err(ExportCommandError::Exists(taken.clone()));
    }
    let began = Instant::now();
    let failed = |source| ExportCommandError::Chain { folder: folder.clone(), source: Box::new(source) };
    let scratch = tempfile::Builder::new().prefix("caldera-export-").tempdir();
    let scratch = scratch.map_err(io("make a folder in", &std::env::temp_dir()))?;
    let mut said = Instant::now();
    let mut tell = |done: &Done| {
        if said.elapsed() >= TELL_EVERY {
            said = Instant::now();
            output.progress(&format!("block {}", output::count(done.last)));
        }
    };
    let mut write = |out: &mut dyn Write| {
        caldera_chain::export(&chain, &folder, scratch.path(), engines, options, out, &mut tell).map_err(failed)
    };
    let done = whole(&blocks, |file| {
        if blocks.extension().is_some_and(|extension| extension == "gz") {
            let mut packed = GzEncoder::new(file, Compression::default());
            let done = write(&mut packed)?;
            packed.finish().map_err(io("write", &blocks))?;
            return Ok(done);
        }
        write(file)
    })?;
    if let Some(path) = &genesis {
        let text = genesis_text(&chain, &folder, engines)?;
        whole(path, |file| file.write_all(&text).map_err(io("write", path)))?;
    }
    Ok(Exported {
        event: "exported",
        chain: chain.name,
        last: done.last,
        blocks: done.blocks,
        transactions: done.transactions,
        verified: done.verified,
        unverified: done.unverified,
        more: done.more,
        bytes: fs::metadata(&blocks).map_err(io("read", &blocks))?.len(),
        seconds: began.elapsed().as_secs_f64(),
    })
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExportCommandError + use<> {
    let path = path.to_owned();
    move |source| ExportCommandError::Io { action, path, source }
}

/// Writes a file under another name, and gives it its own once it is whole and on disk.
fn whole<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, ExportCommandError>,
) -> Result<T, ExportCommandError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Removed when dropped, unless it got its name. It is as open to others as any file that the user makes.
    let mut partial = tempfile::Builder::new();
    partial.prefix(".caldera-export-").permissions(Permissions::from_mode(0o666));
    let partial = partial.tempfile_in(folder).map_err(io("write into", folder))?;
    let mut file = BufWriter::new(partial.as_file());
    let done = write(&mut file)?;
    file.flush().map_err(io("write", path))?;
    drop(file);
    partial.as_file().sync_all().map_err(io("write", path))?;
    partial.persist_noclobber(path).map_err(|error| io("write", path)(error.error))?;
    Ok(done)
}

/// The file that the chain was brought in with, as it was; one of our own making for a chain of ours.
fn genesis_text(chain: &ChainSpec, folder: &Path, engines: &Engines) -> Result<Vec<u8>, ExportCommandError> {
    let kept = folder.join(genesis_file::NAME);
    if chain.genesis.imported.is_some() && kept.exists() {
        return fs::read(&kept).map_err(io("read", &kept));
    }
    let failed = |source| ExportCommandError::Chain { folder: folder.to_owned(), source: Box::new(source) };
    let genesis = caldera_chain::ethereum_genesis(chain, engines).map_err(failed)?;
    let text = genesis.to_json().map_err(|error| failed(error.into()))?;
    Ok((text + "\n").into_bytes())
}

impl Report for Exported {
    fn text(&self) -> String {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        for (name, value) in [
            ("chain", self.chain.clone()),
            ("last block", output::count(self.last)),
            ("blocks", output::count(self.blocks)),
            ("transactions", output::count(self.transactions)),
            ("size", output::bytes(self.bytes)),
            ("time", output::duration(Duration::from_secs_f64(self.seconds))),
        ] {
            table.row([name.to_owned(), value]);
        }
        let mut text = match self.unverified {
            0 => format!("Other clients take every block\n{table}"),
            _ => format!(
                "{} BLOCKS ARE OF THIS NODE'S OWN RULES: OTHER CLIENTS READ THEM, BUT REFUSE TO EXECUTE THEM\n{table}",
                output::count(self.unverified)
            ),
        };
        if self.more {
            text += "The chain goes on after the last block: what follows was left out\n";
        }
        text
    }
}
