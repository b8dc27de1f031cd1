//! A socket whose peer must take in what is sent to it.
//!
//! What waits for a peer is memory of ours. When it takes nothing in for its time, the socket is at its end: the write fails,
//! and so does every read, one that waits included. Otherwise whoever only reads, as a WebSocket does between two messages,
//! would hold a dead connection.
//!
//! Nor does anything more come in from it while it takes nothing in: what it asks is answered, and the answers would wait as well.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use crate::in_flight::InFlight;

/// The socket.
#[derive(Debug)]
pub(crate) struct Patient {
    socket: TcpStream,
    patience: Duration,
    /// Runs while something waits to be taken in.
    waiting: Option<Pin<Box<Sleep>>>,
    gone: bool,
    reader: Option<Waker>,
    /// What comes in is counted there.
    in_flight: Arc<InFlight>,
}

impl Patient {
    /// Waits for so long at most.
    pub(crate) fn new(socket: TcpStream, patience: Duration, in_flight: Arc<InFlight>) -> Self {
        Self { socket, patience, waiting: None, gone: false, reader: None, in_flight }
    }

    /// What came of sending, unless the time is over.
    fn watch<T>(&mut self, cx: &mut Context<'_>, sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if sent.is_ready() {
            if self.waiting.take().is_some()
                && let Some(reader) = self.reader.take()
            {
                reader.wake();
            }
            return sent;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        if waiting.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.gone = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        tracing::debug!(?patience, "a client that takes nothing in is dropped");
        Poll::Ready(Err(too_slow()))
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing in")
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.gone {
            return Poll::Ready(Err(too_slow()));
        }
        if self.waiting.is_some() {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buf);
        self.in_flight.came(buf.filled().len() - before);
        self.reader = read.is_pending().then(|| cx.waker().clone());
        read
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.gone {
            return Poll::Ready(Err(too_slow()));
        }
        let sent = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.watch(cx, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.gone {
            return Poll::Ready(Err(too_slow()));
        }
        let sent = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.watch(cx, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
