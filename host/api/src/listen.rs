//! A listening socket, its connections and their graceful end, for whatever answers behind it.
//!
//! Each server runs on a runtime of its own: threads with deep stacks for calls of engines, bounded in number, so that no
//! client can take threads or stack from who builds the blocks.

use std::{
    future::Future,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    thread::{JoinHandle, available_parallelism},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use jsonrpsee_server::{ServerHandle, StopHandle, stop_channel};
use rustix::process::{getpriority_process, setpriority_process};
use tokio::{net::TcpStream, runtime::Runtime, sync::Semaphore};

use crate::{in_flight::InFlight, limits::STACK_BYTES, slow::Patient};

/// How long a connection may be silent before it has sent the head of a request.
const IDLE: Duration = Duration::from_secs(75);
/// Threads that move bytes, and recover the signatures of transactions that come one by one: one more than there are
/// processors, so that none idles while a thread waits in the kernel.
static IO_THREADS: LazyLock<usize> = LazyLock::new(|| 1 + available_parallelism().map_or(1, NonZeroUsize::get));
/// How nice threads are that give way: who builds blocks gets three times as much of a processor that both want. What comes in
/// faster than blocks take it only waits in the pool, and its senders for their answers.
const NICENESS: i32 = 5;
/// How long to wait after the system refused a connection (out of files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers requests. It may not fail: errors are answers too.
pub(crate) trait Answer: Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static;

    /// Answers one request, a WebSocket's handshake included.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// How a server is run.
#[derive(Clone, Debug)]
pub(crate) struct Serving {
    /// Of its threads.
    pub(crate) name: &'static str,
    /// Most open connections.
    pub(crate) connections: u32,
    /// Threads that may wait or compute.
    pub(crate) threads: usize,
    /// Whether its threads give way to those that build blocks where both want a processor.
    pub(crate) gives_way: bool,
    /// How long a peer may take in nothing while something waits to be sent to it.
    pub(crate) slow_reader: Duration,
    /// How long open requests may take to end once the server is told to stop.
    pub(crate) grace: Duration,
}

/// Which connection a request came on, among its extensions.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) in_flight: Arc<InFlight>,
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Listening {
    addr: SocketAddr,
    stop: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

/// Why a server does not come up.
pub(crate) enum ListenError {
    /// The port is taken, or not ours to take.
    Socket(std::io::Error),
    /// The machine gives no threads.
    Threads(std::io::Error),
}

impl Serving {
    /// Listens on `addr` (port 0 takes a free one); `answer` is given what tells that the server is to stop.
    pub(crate) fn listen<A: Answer>(
        self,
        addr: SocketAddr,
        answer: impl FnOnce(StopHandle) -> A,
    ) -> Result<Listening, ListenError> {
        let listener = TcpListener::bind(addr).map_err(ListenError::Socket)?;
        listener.set_nonblocking(true).map_err(ListenError::Socket)?;
        let addr = listener.local_addr().map_err(ListenError::Socket)?;
        let (stop_handle, stop) = stop_channel();
        let answer = Arc::new(answer(stop_handle.clone()));
        let runtime = self.runtime().map_err(ListenError::Threads)?;
        let stopped = stop.clone();
        let (name, grace, slow_reader) = (self.name, self.grace, self.slow_reader);
        let run = move || {
            runtime.block_on(async {
                accept(listener, answer, self.connections, slow_reader, stop_handle).await;
                // Every connection holds a stop handle: when the last is gone, all have ended.
                if tokio::time::timeout(grace, stopped.stopped()).await.is_err() {
                    tracing::warn!(?grace, "connections were still open when the time to stop was over");
                }
            });
            runtime.shutdown_timeout(grace);
        };
        let thread = std::thread::Builder::new().name(name.into()).spawn(run).map_err(ListenError::Threads)?;
        Ok(Listening { addr, stop, thread: Some(thread) })
    }

    fn runtime(&self) -> std::io::Result<Runtime> {
        // Threads begin as nice as who starts them, and these start each other.
        let niceness = self.gives_way.then(|| getpriority_process(None).map(|own| own + NICENESS));
        let give_way = move || {
            // On Linux a niceness is a thread's. Where it is refused, these threads are as good as any.
            if let Some(Err(error)) = niceness.map(|niceness| setpriority_process(None, niceness?)) {
                tracing::debug!(%error, "a server's thread does not give way");
            }
        };
        tokio::runtime::Builder::new_multi_thread()
            .on_thread_start(give_way)
            .worker_threads(*IO_THREADS)
            .max_blocking_threads(self.threads.max(1))
            .thread_stack_size(STACK_BYTES)
            .thread_name(self.name)
            .enable_all()
            .build()
    }
}

impl Listening {
    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no new requests, lets those under way end within their time, and returns. Blocks.
    pub(crate) fn end(&mut self) {
        // An error says that it has stopped already.
        let _ = self.stop.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a server's thread panicked");
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.end();
    }
}

async fn accept<A: Answer>(
    listener: TcpListener,
    answer: Arc<A>,
    connections: u32,
    slow_reader: Duration,
    stop: StopHandle,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the server cannot listen"),
    };
    let room = Arc::new(Semaphore::new(connections as usize));
    let numbers = AtomicU64::default();
    let stopped = stop.clone().shutdown();
    tokio::pin!(stopped);
    let mut refused = 0u64;
    loop {
        let socket = tokio::select! {
            () = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        if socket.is_ok() && refused > 0 {
            tracing::warn!(times = refused, "connections are accepted again");
            refused = 0;
        }
        match (socket, room.clone().try_acquire_owned()) {
            (Ok((socket, _)), Ok(place)) => {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let connection = Connection { number, in_flight: Arc::default() };
                let connection = serve(socket, connection, slow_reader, answer.clone(), stop.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            (Ok((_, peer)), Err(_)) => tracing::debug!(%peer, "connection refused: as many are open as may be"),
            (Err(error), _) => {
                // Once for as long as it lasts: it is tried again some twenty times a second.
                if refused == 0 {
                    tracing::warn!(%error, "no connection can be accepted");
                }
                refused += 1;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection, to its end. A WebSocket lives on after it, with a place of its own among jsonrpsee's connections.
///
/// A peer that takes nothing in for `slow_reader` while something waits for it is dropped, in the middle of an answer or of
/// a subscription: what waits for it is memory.
async fn serve<A: Answer>(
    socket: TcpStream,
    connection: Connection,
    slow_reader: Duration,
    answer: Arc<A>,
    stop: StopHandle,
) {
    // Small answers should not wait for more; where it cannot be set, they do.
    let _ = socket.set_nodelay(true);
    let socket = Patient::new(socket, slow_reader, connection.in_flight.clone());
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        let answer = answer.clone();
        async move { Ok::<_, std::convert::Infallible>(answer.answer(request).await) }
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
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
