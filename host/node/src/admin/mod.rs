//! The admin API of a node: what stands behind it, and how the command line finds it.

mod compiler;
mod note;
mod shadows;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use caldera_api::{
    admin::{AdminChain, AdminError, AdminHandle, AdminLimits, AdminOptions, AdminServer, port::Shadows},
    metrics::Metrics,
};
use caldera_chain::Chain;
use caldera_engine::Engines;

pub use compiler::NodeCompiler;
pub use note::{Note, NoteFile};
pub use shadows::ChainShadows;

/// Where a node serves its admin API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminSpec {
    /// Port 0 takes any free one.
    pub listen: SocketAddr,
    /// Whether it may listen where other machines can reach it.
    pub allow_remote: bool,
    /// Whether it leaves a [`Note`].
    pub note: bool,
}

impl AdminSpec {
    /// The port when nobody says otherwise: the one after JSON-RPC's.
    pub const PORT: u16 = 8546;

    /// On this machine alone.
    pub fn local(port: u16) -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], port)), allow_remote: false, note: true }
    }
}

/// A chain with what runs beside it.
#[derive(Clone)]
pub struct Served {
    /// The chain.
    pub chain: Arc<Chain>,
    /// Its shadow runs.
    pub shadows: Arc<dyn Shadows>,
}

impl Served {
    /// The chain, its shadow runs not yet begun.
    pub fn new(chain: Arc<Chain>) -> Self {
        let shadows: Arc<dyn Shadows> = Arc::new(ChainShadows::new(&chain));
        Self { chain, shadows }
    }
}

/// Starts the admin API; its token lies in `folder`.
pub fn serve(
    spec: AdminSpec,
    folder: PathBuf,
    chains: &[Served],
    engines: Engines,
    metrics: Arc<Metrics>,
) -> Result<AdminHandle, AdminError> {
    let AdminSpec { listen, allow_remote, .. } = spec;
    let options = AdminOptions { listen, allow_remote, folder, limits: AdminLimits::recommended() };
    let chains = chains.iter().map(|Served { chain, shadows }| AdminChain {
        chain: chain.clone(),
        shadows: shadows.clone(),
    });
    AdminServer::serve(options, chains.collect(), Arc::new(NodeCompiler::new(engines)), metrics)
}
