//! The carrier of this node: a thread that steps every link between its chains.
//!
//! It has an account of its own on every chain, whose key is a file that nobody else can read, and no right but to pay for gas.

mod key;
mod port;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, U256};
use alloy_signer_local::PrivateKeySigner;
use caldera_chain::{Chain, ChainError};
use caldera_types::Mount;
use caldera_validation::Certified;
use caldera_weave::{Counts, CursorError, Link, LinkOptions};

use crate::{
    node::THREAD_STACK_BYTES,
    secret_file::{self, SecretFileError},
};
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
    Key(#[from] SecretFileError),
    /// The same, where the configuration says.
    #[error("key-file of [weave]: {0}")]
    KeyFile(SecretFileError),
    /// A link's file.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// No thread.
    #[error("the carrier's thread does not start: {0}")]
    Thread(#[from] std::io::Error),
    /// A link names a chain that is not carried from or to.
    #[error("links of [weave] names chain '{0}', which {1}")]
    Chain(String, Unfit),
    /// What a chain has mounted cannot be read.
    #[error("chain '{chain}': {source}")]
    Registry {
        /// Which.
        chain: String,
        /// Why not.
        source: Box<ChainError>,
    },
}

/// Why units cannot be carried from or to a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is none of that name.
    #[error("this node has not")]
    Unknown,
    /// Nobody certifies it here.
    #[error("has no validators here, so nobody can prove anything of it: name them as owners of [validation]")]
    Uncertified,
    /// No weave engine, or not where it was said to be.
    #[error(
        "has no weave engine, or not at the address that engine of [weave] names: mount weave-v1.wasm there (a [[chain.mount]] of a \
         new chain, else `caldera engine stage` and `arm`), or take the chain out of links"
    )]
    NoEngine,
    /// More than one.
    #[error("has more than one engine that calls itself weave: say which by engine of [weave]")]
    ManyEngines,
}

/// What a node carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrySpec {
    /// From which chain to which, by name.
    pub links: Vec<LinkSpec>,
    /// Where the weave engine is on all of them; the one mount that calls itself `weave` if nothing is said.
    pub engine: Option<Address>,
    /// The carrier's key; in the data folder if nothing is said.
    pub key_file: Option<PathBuf>,
    /// How the links behave.
    pub options: LinkOptions,
}

/// One direction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkSpec {
    /// The chain whose units are carried.
    pub origin: String,
    /// Where they take effect.
    pub destination: String,
}

/// The account that carries, by its key in a data folder, which is made if it is not there.
pub fn account(data: &Path) -> Result<PrivateKeySigner, SecretFileError> {
    secret_file::load(&data.join(KEY_FILE))
}

/// A chain that takes part.
pub(crate) struct Woven {
    pub(crate) chain: Arc<Chain>,
    pub(crate) certified: Arc<Certified>,
    /// Where its weave engine is.
    pub(crate) engine: Address,
}

/// What a component of the weave engine calls itself.
const NAME: &str = "weave";

/// Where a chain's weave engine is: at the given address, else where the one is that calls itself so.
pub(crate) fn engine(chain: &Chain, given: Option<Address>) -> Result<Address, CarryError> {
    let unfit = |why| CarryError::Chain(chain.name().to_owned(), why);
    let registry = chain
        .registry()
        .map_err(|source| CarryError::Registry { chain: chain.name().to_owned(), source: Box::new(source) })?;
    let calls_itself = |digest| registry.staged.iter().any(|staged| staged.digest == digest && staged.name == NAME);
    let fits = |mount: &&Mount| given.map_or_else(|| calls_itself(mount.digest), |given| given == mount.address);
    let mut found = registry.mounts.iter().filter(fits).map(|mount| mount.address);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(unfit(Unfit::NoEngine)),
        _ => Err(unfit(Unfit::ManyEngines)),
    }
}

/// What is known of a link: its chains by name, and its counts.
pub(crate) type Counted = (LinkSpec, Arc<Counts>);

/// The carrier at work, until it is dropped.
pub(crate) struct Carrier {
    /// Its account.
    address: Address,
    links: Vec<Counted>,
    /// Chains where it must pay for gas and cannot.
    penniless: Vec<String>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Carrier {
    /// Carries between chains of this node, which are found by name; files lie in `data`.
    pub(crate) fn start(
        data: &Path,
        spec: &CarrySpec,
        woven: impl Fn(&str) -> Result<Woven, CarryError>,
    ) -> Result<Self, CarryError> {
        let signer = match &spec.key_file {
            Some(path) => secret_file::load(path).map_err(CarryError::KeyFile)?,
            None => account(data)?,
        };
        let mut ports = BTreeMap::new();
        for name in spec.links.iter().flat_map(|link| [&link.origin, &link.destination]) {
            if !ports.contains_key(name) {
                ports.insert(name.clone(), Arc::new(Port::new(woven(name)?, signer.clone())));
            }
        }
        let (mut links, mut counts) = (Vec::new(), Vec::new());
        for ends in &spec.links {
            // Both were put there.
            let (Some(from), Some(to)) = (ports.get(&ends.origin), ports.get(&ends.destination)) else { continue };
            let link = Link::open(from.clone(), to.clone(), file(data, from, to), spec.options)?;
            counts.push((ends.clone(), link.counts()));
            links.push(link);
        }
        let destinations: BTreeSet<_> = spec.links.iter().map(|link| &link.destination).collect();
        let poor =
            |name: &&String| ports.get(*name).is_some_and(|port| port.balance().is_ok_and(|wei| wei == U256::ZERO));
        let penniless = destinations.into_iter().filter(poor).cloned().collect();
        let stop = Arc::<AtomicBool>::default();
        let stops = stop.clone();
        let thread = thread::Builder::new().name("weave".into()).stack_size(THREAD_STACK_BYTES);
        let thread = thread.spawn(move || work(links, &stops))?;
        Ok(Self { address: signer.address(), links: counts, penniless, stop, thread: Some(thread) })
    }

    /// Its account.
    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// What its links count.
    pub(crate) fn links(&self) -> &[Counted] {
        &self.links
    }

    /// Destinations where it had no funds when it started.
    pub(crate) fn penniless(&self) -> &[String] {
        &self.penniless
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
