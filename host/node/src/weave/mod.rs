//! The carrier of this node: a thread that steps every link between its chains.
//!
//! It has an account of its own on every chain, whose key is a file that nobody else can read, and no right but to pay for gas.

mod key;
mod port;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use caldera_chain::Chain;
use caldera_validation::Certified;
use caldera_weave::{CursorError, Link, LinkOptions};

use crate::node::THREAD_STACK_BYTES;
pub use key::CarrierKeyError;
use port::Port;

/// Between two looks at what was certified: little beside a block.
const POLL: Duration = Duration::from_millis(20);
/// How long a link rests that could not do its step.
const REST: Duration = Duration::from_secs(1);
/// The carrier's key, in the data folder. No chain can be called so.
const KEY_FILE: &str = "carrier.key";
/// Folder of the links' files, in the data folder. No chain can be called so.
const LINKS_FOLDER: &str = "weave_links";

/// Why nothing is carried.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The carrier's key.
    #[error(transparent)]
    Key(#[from] CarrierKeyError),
    /// A link's file.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// No thread.
    #[error("the carrier's thread does not start: {0}")]
    Thread(#[from] std::io::Error),
}

/// The account that carries, by its key in a data folder, which is made if it is not there.
pub fn account(data: &Path) -> Result<PrivateKeySigner, CarrierKeyError> {
    key::load(&data.join(KEY_FILE))
}

/// A chain that takes part.
pub(crate) struct Woven {
    pub(crate) chain: Arc<Chain>,
    pub(crate) certified: Arc<Certified>,
    /// Where its weave engine is.
    pub(crate) engine: Address,
}

/// The carrier at work, until it is dropped.
pub(crate) struct Carrier {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Carrier {
    /// Carries from each of the chains to each other.
    pub(crate) fn start(data: &Path, chains: Vec<Woven>, options: LinkOptions) -> Result<Self, CarryError> {
        let signer = account(data)?;
        let ports: Vec<_> = chains.into_iter().map(|woven| Arc::new(Port::new(woven, signer.clone()))).collect();
        let mut links = Vec::new();
        for (from, to) in ports.iter().flat_map(|from| ports.iter().map(move |to| (from, to))) {
            if !Arc::ptr_eq(from, to) {
                links.push(Link::open(from.clone(), to.clone(), file(data, from, to), options)?);
            }
        }
        let stop = Arc::<AtomicBool>::default();
        let stops = stop.clone();
        let thread = thread::Builder::new().name("weave".into()).stack_size(THREAD_STACK_BYTES);
        let thread = thread.spawn(move || work(links, &stops))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the carrier's thread panicked, which is a bug");
        }
    }
}

fn file(data: &Path, from: &Port, to: &Port) -> PathBuf {
    data.join(LINKS_FOLDER).join(format!("{}-{}.json", from.name(), to.name()))
}

/// A link, when it may step again, and what it said last.
struct Running {
    link: Link,
    due: Duration,
    said: String,
}

fn work(links: Vec<Link>, stop: &AtomicBool) {
    let began = Instant::now();
    let running = |link| Running { link, due: Duration::ZERO, said: String::new() };
    let mut links: Vec<_> = links.into_iter().map(running).collect();
    while !stop.load(Ordering::Relaxed) {
        for running in &mut links {
            if running.due <= began.elapsed() && !stop.load(Ordering::Relaxed) {
                running.step(began.elapsed());
            }
        }
        thread::sleep(POLL);
    }
}

impl Running {
    fn step(&mut self, now: Duration) {
        match self.link.step(now) {
            Ok(()) => self.said.clear(),
            Err(error) => {
                self.due = now + REST;
                let why = error.to_string();
                // Once, not once a second.
                if self.said != why {
                    let (origin, destination) = self.link.ends();
                    tracing::warn!(origin, destination, why, "units are not carried: it is tried again");
                    self.said = why;
                }
            }
        }
    }
}
