//! The admin server: where it may listen, what bounds it, and its start and end.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use caldera_chain::Chain;
use caldera_types::limits::MAX_COMPONENT_BYTES;
use tokio::sync::Semaphore;

use super::{
    port::{Compiler, Shadows},
    routes::{App, Guarded},
    token::{TOKEN_FILE, Token, TokenError},
};
use crate::{
    listen::{ListenError, Listening, Serving},
    metrics::Metrics,
};

/// Limits of the admin API. None of them touches consensus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminLimits {
    /// Longest body, in bytes. The longest honest one starts a shadow run of a component that is sent along: 2 MiB, twice as
    /// long in hexadecimal.
    pub body_bytes: usize,
    /// Most open connections.
    pub connections: u32,
    /// Most requests under way.
    pub requests: usize,
    /// Threads that compile, call engines and read the disk, and so the most pieces of work under way. They share the engine
    /// runtime's instances with the block producers, so whoever makes that runtime counts them in.
    pub threads: usize,
    /// How long a request may take, its body included.
    pub time: Duration,
    /// How long open requests may take to end once the server is told to stop.
    pub stop_grace: Duration,
}

impl AdminLimits {
    /// What suits a few operators and one scraper.
    pub const fn recommended() -> Self {
        Self {
            body_bytes: 5 << 20,
            connections: 64,
            requests: 32,
            threads: 4,
            time: Duration::from_secs(120),
            stop_grace: Duration::from_secs(3),
        }
    }
}

const _: () = assert!(AdminLimits::recommended().body_bytes > 2 * MAX_COMPONENT_BYTES + 16 * 1024);

/// Where the admin API is and who may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminOptions {
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Whether it may listen where other machines can reach it.
    pub allow_remote: bool,
    /// The folder in which the token's file lies.
    pub folder: PathBuf,
    /// What bounds it.
    pub limits: AdminLimits,
}

/// Why the admin API does not come up. Each is the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Other machines could reach it.
    #[error(
        "{0} can be reached from other machines, and the admin API has no TLS: listen on a loopback address, or set allow-remote = true in [admin] and put a proxy with TLS before it"
    )]
    Remote(SocketAddr),
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The port is taken, or not ours to take.
    #[error("cannot listen on {addr}: {source}; choose another port or stop who listens there")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The machine gives no threads.
    #[error("cannot start the admin API's threads: {0}")]
    Threads(std::io::Error),
}

/// A chain as the admin API sees it.
#[derive(Clone)]
pub struct AdminChain {
    /// The chain.
    pub chain: Arc<Chain>,
    /// Its shadow runs.
    pub shadows: Arc<dyn Shadows>,
}

/// Serves operators.
#[derive(Clone, Copy, Debug)]
pub struct AdminServer;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct AdminHandle {
    listening: Listening,
    token_file: PathBuf,
}

impl AdminServer {
    /// Makes the token if there is none, and listens.
    pub fn serve(
        options: AdminOptions,
        chains: Vec<AdminChain>,
        compiler: Arc<dyn Compiler>,
        metrics: Arc<Metrics>,
    ) -> Result<AdminHandle, AdminError> {
        let AdminOptions { listen, allow_remote, folder, limits } = options;
        if !allow_remote && !listen.ip().is_loopback() {
            return Err(AdminError::Remote(listen));
        }
        let token = Token::settle(&folder)?;
        let AdminLimits { connections, threads, time, stop_grace: grace, .. } = limits;
        let work = Arc::new(Semaphore::new(threads));
        let app = App { chains, compiler, metrics, limits, work };
        let serving = Serving { name: "admin", connections, threads, gives_way: false, slow_reader: time, grace };
        let listening = serving.listen(listen, |_| Guarded::new(app, token)).map_err(|error| match error {
            ListenError::Socket(source) => AdminError::Listen { addr: listen, source },
            ListenError::Threads(source) => AdminError::Threads(source),
        })?;
        Ok(AdminHandle { listening, token_file: folder.join(TOKEN_FILE) })
    }
}

impl AdminHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listening.addr()
    }

    /// Where its token lies.
    pub fn token_file(&self) -> &Path {
        &self.token_file
    }

    /// Takes no new requests, lets those under way end within [`AdminLimits::stop_grace`], and returns. Blocks.
    pub fn stop(mut self) {
        self.listening.end();
    }
}
