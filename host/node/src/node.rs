//! The wiring: chains opened, their block producers started, one JSON-RPC server in front, all stopped in order.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use caldera_api::{ApiError, ApiHandle, ApiLimits, ApiServer};
use caldera_chain::{BlockProducer, Chain, ChainError, ChainSpec, Progress, shadow::MAX_SHADOWS};
use caldera_engine::{EngineError, EngineOptions, Engines};
use caldera_state::StateOptions;

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
    /// Page cache of each chain's database, in bytes.
    pub cache_bytes: u64,
    /// The chains; the first is served at `/` too.
    pub chains: Vec<ChainSpec>,
}

impl NodeSpec {
    /// Where a chain's data lies.
    pub fn chain_folder(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    /// How its chains keep their state.
    pub fn state_options(&self) -> StateOptions {
        StateOptions { cache_bytes: self.cache_bytes, ..StateOptions::recommended() }
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
    /// A chain's block producer does not start.
    #[error("chain '{name}': {source}")]
    Producer {
        /// Which.
        name: String,
        /// Why not.
        source: Box<ChainError>,
    },
    /// There is nothing to run.
    #[error("the configuration has no chain: add a [[chain]] table; caldera.example.toml shows one")]
    NoChain,
}

/// A node at work. Dropping it stops the chains too, but not in order: call [`Node::stop`].
pub struct Node {
    chains: Vec<Arc<Chain>>,
    producers: Vec<BlockProducer>,
    server: ApiHandle,
}

/// A new engine runtime for a node of so many chains: no call from outside can take the instances that a block needs.
pub fn engines(chains: usize) -> Result<Engines, EngineError> {
    // Each chain's block producer, and the threads of its shadows: none of them may take an instance from another.
    let threads = chains.saturating_mul(1 + MAX_SHADOWS).saturating_add(ApiLimits::recommended().threads);
    Engines::new(EngineOptions::for_threads(u32::try_from(threads).unwrap_or(u32::MAX)))
}

impl Node {
    /// Opens the chains, starts block building, and serves. Runs on the caller's runtime, whose threads need
    /// [`THREAD_STACK_BYTES`].
    pub async fn start(spec: NodeSpec, engines: Engines) -> Result<Self, NodeError> {
        if spec.chains.is_empty() {
            return Err(NodeError::NoChain);
        }
        let (listen, options) = (spec.listen, spec.state_options());
        let mut chains = Vec::with_capacity(spec.chains.len());
        for chain in spec.chains {
            let folder = spec.data.join(&chain.name);
            chains.push(open(chain, folder, options, engines.clone()).await?);
        }
        let server = ApiServer::serve(listen, chains.clone(), ApiLimits::recommended())?;
        // After the server: a port that is taken must not leave blocks behind.
        let producers = chains.iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self { chains, producers, server })
    }

    /// The chains, in the order of the specification.
    pub fn chains(&self) -> &[Arc<Chain>] {
        &self.chains
    }

    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.addr())
    }

    /// Stops serving, lets the blocks under way be finished and written, and closes the folders.
    pub async fn stop(self) {
        let Self { chains, producers, server } = self;
        let stopped = tokio::task::spawn_blocking(move || {
            server.stop();
            producers.into_iter().for_each(BlockProducer::stop);
            chains.iter().for_each(|chain| chain.stop_shadows());
            drop(chains);
        });
        if let Err(error) = stopped.await {
            tracing::error!(%error, "stopping the chains failed");
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
