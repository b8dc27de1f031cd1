//! The JSON-RPC server of a node's chains.

use std::{net::SocketAddr, sync::Arc};

use caldera_chain::Chain;

use crate::{
    leader::Beside,
    limits::ApiLimits,
    listen::{ListenError, Listening, Serving},
    routes::Routes,
};

/// Why the API does not come up. Each is the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// There is nothing to serve.
    #[error("no chain to serve: configure at least one")]
    NoChains,
    /// Two chains cannot share a name, which is their path.
    #[error("two chains are called '{0}': give each its own name")]
    NameTaken(String),
    /// A chain's name stands in its URL.
    #[error("chain name '{0}' cannot stand in a URL: use letters, digits, '-' and '_'")]
    BadName(String),
    /// The port is taken, or not ours to take.
    #[error("cannot listen on {addr}: {source}; choose another port or stop who listens there")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The machine gives no threads.
    #[error("cannot start the API's threads: {0}")]
    Threads(std::io::Error),
    /// A method was registered twice: a bug in this crate.
    #[error("method table: {0}")]
    Methods(#[from] jsonrpsee_core::RegisterMethodError),
}

/// Serves chains to clients.
#[derive(Clone, Copy, Debug)]
pub struct ApiServer;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct ApiHandle(Listening);

impl ApiServer {
    /// Listens on `addr` (port 0 takes a free one) and serves `chains`, the first of them also at `/`.
    pub fn serve(addr: SocketAddr, chains: Vec<Arc<Chain>>, limits: ApiLimits) -> Result<ApiHandle, ApiError> {
        Self::serve_with(addr, chains, limits, &Beside::default())
    }

    /// The same with what some of the chains have beside themselves.
    pub fn serve_with(
        addr: SocketAddr,
        chains: Vec<Arc<Chain>>,
        limits: ApiLimits,
        beside: &Beside,
    ) -> Result<ApiHandle, ApiError> {
        let routes = Routes::new(chains, &limits, beside)?;
        let ApiLimits { connections, threads, slow_reader, stop_grace: grace, .. } = limits;
        let serving = Serving { name: "api", connections, threads, gives_way: true, slow_reader, grace };
        let listening = serving.listen(addr, |stop| routes.stopped_by(stop)).map_err(|error| match error {
            ListenError::Socket(source) => ApiError::Listen { addr, source },
            ListenError::Threads(source) => ApiError::Threads(source),
        })?;
        Ok(ApiHandle(listening))
    }
}

impl ApiHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Takes no new requests, lets those under way end within [`ApiLimits::stop_grace`], and returns. Blocks.
    pub fn stop(mut self) {
        self.0.end();
    }
}
