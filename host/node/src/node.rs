//! The wiring: chains opened, their block producers started, one JSON-RPC server in front, all stopped in order.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use alloy_primitives::Address;
use caldera_api::{
    ApiError, ApiHandle, ApiLimits, ApiServer, Beside,
    admin::{AdminError, AdminHandle, AdminLimits},
    metrics::Metrics,
};
use caldera_chain::{BlockProducer, Chain, ChainError, ChainSpec, Progress};
use caldera_engine::{
    CompileOptions, Compiler, EngineError, EngineOptions, Engines,
    compile::{CacheOptions, ChildCompiler},
};
use caldera_state::{Backend, History, StateOptions};
use caldera_validation::{Certified, Registration};

use crate::{
    admin::{self, AdminSpec, Note, NoteFile, Served},
    config::CompileConfig,
    dev,
    follow::{Follower, HttpLeader},
    paths,
    rpc::RpcError,
    validation::{self, ValidationError, ValidationSpec, Validators},
    weave::{self, Carrier, CarryError, CarrySpec, Unfit, Woven},
};

/// Native stack of every thread, in bytes: engines and contracts call each other up to
/// [`caldera_types::limits::MAX_SUBCALL_DEPTH`] deep, and each level holds frames of the EVM, the host and the guest.
pub const THREAD_STACK_BYTES: usize = 16 * 1024 * 1024;

/// What a node runs.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// Where JSON-RPC is served; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Folder of all chains' data.
    pub data: PathBuf,
    /// What each chain's state may keep in memory.
    pub caches: CacheSpec,
    /// What clients may ask for.
    pub limits: ApiLimits,
    /// How each chain keeps its state, by its name; the default for one that is not named.
    pub stores: BTreeMap<String, StoreSpec>,
    /// Where operators are served.
    pub admin: AdminSpec,
    /// The chains that follow another node's, by name: JSON-RPC of the chain there.
    pub follow: BTreeMap<String, String>,
    /// The validators that the node runs; none of chains that follow another node's.
    pub validation: Option<ValidationSpec>,
    /// What it carries between its chains.
    pub carry: Option<CarrySpec>,
    /// The chains; the first is served at `/` too.
    pub chains: Vec<ChainSpec>,
}

/// How one chain keeps its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreSpec {
    /// In which database.
    pub backend: Backend,
    /// For how long.
    pub history: History,
}

/// What the state of each chain may keep in memory, beside what every chain has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSpec {
    /// Pages of its database, in bytes.
    pub page_bytes: u64,
    /// Nodes of its newest trie, in bytes.
    pub node_bytes: usize,
}

impl Default for CacheSpec {
    fn default() -> Self {
        let StateOptions { cache_bytes, node_cache_bytes, .. } = StateOptions::recommended();
        Self { page_bytes: cache_bytes, node_bytes: node_cache_bytes }
    }
}

impl StoreSpec {
    /// The same with all that opening a chain's state needs.
    pub fn options(self, caches: CacheSpec) -> StateOptions {
        let (Self { backend, history }, CacheSpec { page_bytes, node_bytes }) = (self, caches);
        let recommended = StateOptions::recommended();
        StateOptions { backend, history, cache_bytes: page_bytes, node_cache_bytes: node_bytes, ..recommended }
    }
}

impl NodeSpec {
    /// Where a chain's data lies.
    pub fn chain_folder(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    /// How a chain keeps its state.
    pub fn state_options(&self, name: &str) -> StateOptions {
        self.stores.get(name).copied().unwrap_or_default().options(self.caches)
    }
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A chain does not open.
    #[error("chain '{name}' in {}: {source}", folder.display())]
    Chain {
        /// Which.
        name: String,
        /// Where its data lies.
        folder: PathBuf,
        /// Why not.
        source: Box<ChainError>,
    },
    /// The engine runtime does not start.
    #[error("engine runtime: {0}")]
    Engines(#[from] EngineError),
    /// The server does not start.
    #[error("JSON-RPC: {0} (--port of `caldera dev`, `listen` in caldera.toml)")]
    Api(#[from] ApiError),
    /// The admin server does not start.
    #[error("admin API: {0} (--admin-port of `caldera dev`, `listen` of [admin] in caldera.toml)")]
    Admin(#[from] AdminError),
    /// A chain's block producer does not start.
    #[error("chain '{name}': {source}")]
    Producer {
        /// Which.
        name: String,
        /// Why not.
        source: Box<ChainError>,
    },
    /// The well-known mnemonic gives no keys.
    #[error("keys of the test mnemonic: {0}")]
    Keys(#[from] alloy_signer_local::LocalSignerError),
    /// A chain's validators do not start.
    #[error("validators of chain '{name}': {source}")]
    Validation {
        /// Which chain.
        name: String,
        /// Why not.
        source: Box<ValidationError>,
    },
    /// No chain's validators start.
    #[error("validators: {0}")]
    Validators(Box<ValidationError>),
    /// Nothing can be carried between the chains.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// A leader's address cannot be asked.
    #[error("following: {0}")]
    Follow(#[from] RpcError),
    /// There is nothing to run.
    #[error("the configuration has no chain: add a [[chain]] table; caldera.example.toml shows one")]
    NoChain,
}

/// A node at work. Dropping it stops the chains too, but not in order: call [`Node::stop`].
pub struct Node {
    chains: Vec<Arc<Chain>>,
    producers: Vec<BlockProducer>,
    followers: Vec<Follower>,
    validators: Vec<Validators>,
    /// What the validators certified, by the chain's name.
    certified: BTreeMap<String, Arc<Certified>>,
    carrier: Option<Carrier>,
    metrics: Arc<Metrics>,
    server: ApiHandle,
    admin: AdminHandle,
    note: Option<NoteFile>,
}

/// Folder of native code, in the data folder. No chain can be called so.
const NATIVE_FOLDER: &str = "native_code";

/// A new engine runtime for a node of so many chains: no call from outside can take the instances that a block needs. It
/// compiles in child processes; native code is kept below `data`, or nowhere.
pub fn engines(chains: usize, data: Option<&Path>, compile: &CompileConfig) -> Result<Engines, EngineError> {
    let readers = ApiLimits::recommended().threads.saturating_add(AdminLimits::recommended().threads);
    // The block producer, the validators, and for each shadow run the active engine and the candidate.
    let of_chain = 2 + 2 * admin::MAX_RUNS;
    let threads = chains.saturating_mul(of_chain).saturating_add(readers);
    let child = ChildCompiler::this_program(compile.limits())
        .map_err(|error| EngineError::Node(format!("this program's own file is not to be found: {error}")))?;
    if let Some(data) = data {
        let failed = |error| EngineError::Node(format!("{}: {error}", data.display()));
        std::fs::create_dir_all(data).map_err(failed)?;
    }
    let cache = data.map(|data| CacheOptions { dir: data.join(NATIVE_FOLDER), bytes: compile.cache_bytes() });
    let options = CompileOptions { compiler: Compiler::Child(child), cache, loaded_bytes: compile.loaded_bytes() };
    Engines::with_compiler(EngineOptions::for_threads(u32::try_from(threads).unwrap_or(u32::MAX)), options)
}

impl Node {
    /// Opens the chains, starts block building, and serves. Runs on the caller's runtime, whose threads need
    /// [`THREAD_STACK_BYTES`].
    pub async fn start(spec: NodeSpec, engines: Engines) -> Result<Self, NodeError> {
        if spec.chains.is_empty() {
            return Err(NodeError::NoChain);
        }
        let (listen, options) = (spec.listen, spec.chains.iter().map(|chain| spec.state_options(&chain.name)));
        let options: Vec<_> = options.collect();
        let metrics = Arc::new(Metrics::default());
        let (mut served, mut all_counts) = (Vec::with_capacity(spec.chains.len()), Vec::new());
        for (chain, options) in spec.chains.into_iter().zip(options) {
            let folder = spec.data.join(&chain.name);
            let counts = metrics.chain(&chain.name);
            let chain = open(chain, folder, options, engines.observed(counts.calls())).await?;
            let chain = Served::new(chain);
            counts.watch(&chain.chain, &chain.shadows);
            served.push(chain);
            all_counts.push(counts);
        }
        let chains: Vec<_> = served.iter().map(|served| served.chain.clone()).collect();
        let mut beside = Beside::default();
        for chain in &chains {
            if let Some(url) = spec.follow.get(chain.name()) {
                chain.begin_following(url.clone());
                beside.leaders.insert(chain.name().to_owned(), Arc::new(HttpLeader::new(url.clone())?));
            }
        }
        let mut validators = Vec::new();
        let registered = registered(spec.validation.as_ref(), &spec.data)?;
        for (chain, counts) in chains.iter().zip(&all_counts) {
            let Some(validation) = spec.validation.as_ref().filter(|_| !chain.follows()) else { continue };
            let started = validation::start(validation, &spec.data, chain, &engines);
            let (certified, running) = started
                .map_err(|source| NodeError::Validation { name: chain.name().to_owned(), source: Box::new(source) })?;
            counts.watch_certified(&certified);
            beside.certified.insert(chain.name().to_owned(), certified);
            beside.registered.insert(chain.name().to_owned(), registered.clone());
            validators.push(running);
        }
        if chains.iter().any(|chain| chain.is_development()) {
            beside.keys = dev::accounts()?.into_iter().map(|account| account.signer).collect();
        }
        let certified = beside.certified.clone();
        let server = ApiServer::serve_with(listen, chains.clone(), spec.limits, &beside)?;
        let admin = admin::serve(spec.admin, spec.data.clone(), &served, engines, metrics.clone())?;
        // After the servers: a port that is taken must not leave blocks behind.
        let (mut producers, mut followers) = (Vec::new(), Vec::new());
        for chain in &chains {
            match spec.follow.get(chain.name()) {
                Some(url) => followers.push(Follower::start(chain.clone(), url.clone())?),
                None => producers.push(start(chain)?),
            }
        }
        let note = spec.admin.note.then(|| leave_note(&server, &admin)).flatten();
        let mut node =
            Self { chains, producers, followers, validators, certified, carrier: None, metrics, server, admin, note };
        if let Some(carry) = &spec.carry
            && let Err(error) = node.carry(&spec.data, carry)
        {
            node.stop().await;
            return Err(error.into());
        }
        Ok(node)
    }

    /// The chains, in the order of the specification.
    pub fn chains(&self) -> &[Arc<Chain>] {
        &self.chains
    }

    /// Carries units between the chains. Files lie in `data`.
    pub fn carry(&mut self, data: &Path, spec: &CarrySpec) -> Result<(), CarryError> {
        let unfit = |name: &str, why| CarryError::Chain(name.to_owned(), why);
        let carrier = Carrier::start(data, spec, |name| {
            let chain = self.chains.iter().find(|chain| chain.name() == name);
            let chain = chain.ok_or_else(|| unfit(name, Unfit::Unknown))?.clone();
            let certified = self.certified.get(name).ok_or_else(|| unfit(name, Unfit::Uncertified))?.clone();
            let engine = weave::engine(&chain, spec.engine)?;
            Ok(Woven { chain, certified, engine })
        })?;
        for (ends, counts) in carrier.links() {
            self.metrics.link(&ends.origin, &ends.destination, counts);
        }
        self.carrier = Some(carrier);
        Ok(())
    }

    /// Who carries, if anybody does: his account, and the chains where he has nothing to pay for gas with.
    pub fn carrier(&self) -> Option<(Address, &[String])> {
        self.carrier.as_ref().map(|carrier| (carrier.address(), carrier.penniless()))
    }

    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.addr())
    }

    /// The admin API.
    pub fn admin(&self) -> &AdminHandle {
        &self.admin
    }

    /// Stops serving, lets the blocks under way be finished and written, and closes the folders.
    pub async fn stop(self) {
        let Self { chains, producers, followers, validators, certified: _, carrier, metrics: _, server, admin, note } =
            self;
        for follower in followers {
            follower.stop().await;
        }
        let stopped = tokio::task::spawn_blocking(move || {
            drop(note);
            // It sends transactions, so it goes before what takes them.
            drop(carrier);
            admin.stop();
            server.stop();
            producers.into_iter().for_each(BlockProducer::stop);
            drop(validators);
            chains.iter().for_each(|chain| chain.stop_shadows());
            drop(chains);
        });
        if let Err(error) = stopped.await {
            tracing::error!(%error, "stopping the chains failed");
        }
    }
}

/// What the validators handed in to join their committee.
fn registered(validation: Option<&ValidationSpec>, data: &Path) -> Result<Arc<[Registration]>, NodeError> {
    let Some(validation) = validation else { return Ok(Arc::default()) };
    let registered = validation::registrations(validation, data);
    registered.map(Arc::from).map_err(|error| NodeError::Validators(Box::new(error.into())))
}

/// Tells this user's command line where the admin API is. Without it, the command line has to be told.
fn leave_note(server: &ApiHandle, admin: &AdminHandle) -> Option<NoteFile> {
    let folder = paths::runtime_folder();
    let token_file = std::path::absolute(admin.token_file()).unwrap_or_else(|_| admin.token_file().to_owned());
    let note = Note { admin: format!("http://{}", admin.addr()), token_file };
    match NoteFile::leave(&folder, server.addr().port(), &note) {
        Ok(left) => Some(left),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "no note of the admin API: give `caldera engine` --admin and --data");
            None
        }
    }
}

/// Opens one chain on a thread that may block: what the block log has above the store is executed first.
async fn open(
    spec: ChainSpec,
    folder: PathBuf,
    options: StateOptions,
    engines: Engines,
) -> Result<Arc<Chain>, NodeError> {
    let (name, path) = (spec.name.clone(), folder.clone());
    let work = move || Chain::open(spec, &path, options, engines, &mut log_progress(&path));
    match tokio::task::spawn_blocking(work).await {
        Ok(opened) => opened.map_err(|source| NodeError::Chain { name, folder, source: Box::new(source) }),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Says how far a replay is, every two seconds at most.
fn log_progress(folder: &Path) -> impl FnMut(Progress) + use<> {
    let folder = folder.display().to_string();
    let mut said = Instant::now();
    move |progress| {
        if said.elapsed().as_secs() >= 2 {
            said = Instant::now();
            tracing::info!(?progress, %folder, "executing blocks that the log has and the store has not");
        }
    }
}

fn start(chain: &Arc<Chain>) -> Result<BlockProducer, NodeError> {
    chain.start().map_err(|source| NodeError::Producer { name: chain.name().to_owned(), source: Box::new(source) })
}
