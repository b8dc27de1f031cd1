//! `caldera db` and `caldera snapshot`: what an operator does to the folder of a chain whose node does not run.

mod report;
mod snapshot;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use caldera_chain::{Chain, ChainError, ChainSpec, Progress};
use caldera_engine::Engines;
use caldera_state::{BlockLog, StateError, StateOptions, maintain};

use crate::output::{self, Output};

pub use report::{Compacted, Repaired, Stats, Verified};
pub use snapshot::{ImportRequest, Snapshot, export, import};

/// Between two words on how far it is.
const SAY: Duration = Duration::from_secs(2);

/// Why a command on a folder failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// There is nothing there.
    #[error("{} is no folder: is the chain's name right, and the data folder?", .0.display())]
    NoFolder(PathBuf),
    /// The folder cannot be read or written, or is damaged.
    #[error("{}: {source}", folder.display())]
    State {
        /// Which.
        folder: PathBuf,
        /// Why not.
        source: StateError,
    },
    /// The log does not give the chain again.
    #[error("{}: {source}", folder.display())]
    Chain {
        /// Which.
        folder: PathBuf,
        /// Where and why.
        source: Box<ChainError>,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// A chain's folder.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where.
    pub folder: PathBuf,
    /// How its state is kept.
    pub options: StateOptions,
}

impl Place {
    fn failed(&self) -> impl Fn(StateError) -> DbError + '_ {
        |source| DbError::State { folder: self.folder.clone(), source }
    }
}

/// What to rebuild.
#[derive(Clone, Debug)]
pub struct RepairRequest {
    /// The chain.
    pub chain: ChainSpec,
    /// Its folder.
    pub place: Place,
    /// Whether the old store goes once the new one is whole.
    pub remove_old: bool,
}

/// Counts what a folder holds.
pub fn stats(place: &Place, output: Output) -> Result<Stats, DbError> {
    let mut said = Said::new(output);
    let mut progress = |read| said.say(|| format!("{} entries read", output::count(read)));
    let stats = maintain::stats(&place.folder, place.options, &mut progress).map_err(place.failed())?;
    Ok(Stats::of(place, stats))
}

/// Reads everything.
pub fn verify(place: &Place, output: Output) -> Result<Verified, DbError> {
    let (mut said, began) = (Said::new(output), Instant::now());
    let mut progress = |number| said.say(|| format!("block {} checked", output::count(number)));
    let verified = maintain::verify(&place.folder, place.options, &mut progress).map_err(place.failed())?;
    Ok(Verified::of(place, verified, began.elapsed()))
}

/// Writes the store anew.
pub fn compact(place: &Place, output: Output) -> Result<Compacted, DbError> {
    let (mut said, began) = (Said::new(output), Instant::now());
    let mut progress = |copied| said.say(|| format!("{} entries copied", output::count(copied)));
    let compacted = maintain::compact(&place.folder, place.options, &mut progress).map_err(place.failed())?;
    Ok(Compacted::of(place, compacted, began.elapsed()))
}

/// Sets the store aside and executes the log. Needs a thread with a deep stack.
pub fn repair(request: RepairRequest, engines: Engines, output: Output) -> Result<Repaired, DbError> {
    let RepairRequest { chain, place, remove_old } = request;
    let (mut said, began) = (Said::new(output), Instant::now());
    // A log that cannot give the chain again is no reason to set anything aside.
    let failed = |error: caldera_state::LogError| place.failed()(error.into());
    let mut logged = 0u64;
    for block in BlockLog::read(&place.folder).map_err(failed)? {
        block.map_err(failed)?;
        logged += 1;
    }
    let aside = maintain::set_aside(&place.folder, place.options).map_err(place.failed())?;
    let mut blocks = 0u64;
    let mut progress = |progress| {
        if let Progress::Replayed(number) = progress {
            blocks += 1;
            said.say(|| format!("block {} of {}", output::count(number), output::count(logged.saturating_sub(1))));
        }
    };
    let opened = Chain::open(chain, &place.folder, place.options, engines, &mut progress);
    let chain = opened.map_err(|source| DbError::Chain { folder: place.folder.clone(), source: Box::new(source) })?;
    chain.flush().map_err(|source| DbError::Chain { folder: place.folder.clone(), source: Box::new(source) })?;
    let head = chain.head();
    drop(chain);
    let removed = aside.as_ref().filter(|_| remove_old);
    if let Some(path) = removed {
        std::fs::remove_dir_all(path).map_err(|source| DbError::Io { action: "remove", path: path.clone(), source })?;
    }
    let aside = aside.filter(|_| !remove_old);
    Ok(Repaired::of(&place, &head, aside, blocks, began.elapsed()))
}

/// Says how far long work is, to people, now and then.
struct Said {
    output: Output,
    last: Instant,
}

impl Said {
    fn new(output: Output) -> Self {
        Self { output, last: Instant::now() }
    }

    fn say(&mut self, text: impl FnOnce() -> String) {
        if self.last.elapsed() >= SAY {
            self.last = Instant::now();
            self.output.progress(&text());
        }
    }
}
