//! The listening socket, its connections and their graceful end.
//!
//! The server runs on a runtime of its own: threads with deep stacks for simulated calls, bounded in number, so that no
//! client can take threads or stack from who builds the blocks.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use caldera_chain::Chain;
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use jsonrpsee_server::{ServerHandle, StopHandle, stop_channel};
use tokio::{net::TcpStream, runtime::Runtime, sync::Semaphore};

use crate::{
    limits::{ApiLimits, STACK_BYTES},
    routes::Routes,
};

/// How long a connection may be silent before it has sent the head of a request.
const IDLE: Duration = Duration::from_secs(75);
/// Threads that move bytes.
const IO_THREADS: usize = 2;
/// How long to wait after the system refused a connection (out of files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
pub struct ApiHandle {
    addr: SocketAddr,
    stop: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl ApiServer {
    /// Listens on `addr` (port 0 takes a free one) and serves `chains`, the first of them also at `/`.
    pub fn serve(addr: SocketAddr, chains: Vec<Arc<Chain>>, limits: ApiLimits) -> Result<ApiHandle, ApiError> {
        let (stop_handle, server_handle) = stop_channel();
        let routes = Arc::new(Routes::new(chains, &limits, stop_handle)?);
        let listen = |source| ApiError::Listen { addr, source };
        let listener = TcpListener::bind(addr).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let runtime = runtime(limits.threads).map_err(ApiError::Threads)?;
        let stop = server_handle.clone();
        let run = move || {
            let grace = limits.stop_grace;
            runtime.block_on(async {
                accept(listener, routes, limits.connections).await;
                // Every connection holds a stop handle: when the last is gone, all have ended.
                if tokio::time::timeout(grace, server_handle.stopped()).await.is_err() {
                    tracing::warn!(?grace, "connections were still open when the time to stop was over");
                }
            });
            runtime.shutdown_timeout(grace);
        };
        let thread = std::thread::Builder::new().name("api".into()).spawn(run).map_err(ApiError::Threads)?;
        Ok(ApiHandle { addr, stop, thread: Some(thread) })
    }
}

impl ApiHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no new requests, lets those under way end within [`ApiLimits::stop_grace`], and returns. Blocks.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // An error says that it has stopped already.
        let _ = self.stop.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the API's thread panicked");
        }
    }
}

impl Drop for ApiHandle {
    fn drop(&mut self) {
        self.end();
    }
}

fn runtime(threads: usize) -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .max_blocking_threads(threads.max(1))
        .thread_stack_size(STACK_BYTES)
        .thread_name("api")
        .enable_all()
        .build()
}

async fn accept(listener: TcpListener, routes: Arc<Routes>, connections: u32) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the API cannot listen"),
    };
    let room = Arc::new(Semaphore::new(connections as usize));
    let stopped = routes.stop().shutdown();
    tokio::pin!(stopped);
    loop {
        let socket = tokio::select! {
            () = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        match (socket, room.clone().try_acquire_owned()) {
            (Ok((socket, _)), Ok(place)) => {
                let connection = serve(socket, routes.clone(), routes.stop());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            (Ok((_, peer)), Err(_)) => tracing::debug!(%peer, "connection refused: as many are open as may be"),
            (Err(error), _) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection, to its end. A WebSocket lives on after it, with a place of its own among jsonrpsee's connections.
async fn serve(socket: TcpStream, routes: Arc<Routes>, stop: StopHandle) {
    // Small answers should not wait for more; where it cannot be set, they do.
    let _ = socket.set_nodelay(true);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
    let answer = service_fn(move |request| {
        let routes = routes.clone();
        async move { routes.answer(request).await }
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), answer);
    let stopped = stop.shutdown();
    tokio::pin!(connection, stopped);
    let result = tokio::select! {
        result = &mut connection => result,
        () = &mut stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended in an error");
    }
}
