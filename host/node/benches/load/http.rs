//! As little HTTP as keeps the client cheap: a connection that stays, a request at a time, answers with a length. The client runs
//! on the same processors as what is measured.

use std::{
    future::Future,
    io::{self, Read, Write},
    net::TcpStream,
};

use futures::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A connection that holds its thread.
pub struct Connection {
    stream: TcpStream,
    exchange: Exchange,
}

impl Connection {
    /// Of a URL without anything that needs a library: `http://host:port/path`.
    pub fn open(url: &str) -> io::Result<Self> {
        let (host, exchange) = Exchange::with(url);
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, exchange })
    }

    /// Posts a body and gives the answer's.
    pub fn post(&mut self, body: &[u8]) -> io::Result<&[u8]> {
        self.stream.write_all(self.exchange.request(body)?)?;
        loop {
            let read = self.stream.read(self.exchange.room())?;
            if self.exchange.took(read)? {
                return Ok(self.exchange.answer());
            }
        }
    }
}

/// The same among many on one thread.
pub struct Shared {
    stream: tokio::net::TcpStream,
    exchange: Exchange,
}

impl Shared {
    pub async fn open(url: &str) -> io::Result<Self> {
        let (host, exchange) = Exchange::with(url);
        let stream = tokio::net::TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, exchange })
    }

    pub async fn post(&mut self, body: &[u8]) -> io::Result<&[u8]> {
        self.stream.write_all(self.exchange.request(body)?).await?;
        loop {
            let read = self.stream.read(self.exchange.room()).await?;
            if self.exchange.took(read)? {
                return Ok(self.exchange.answer());
            }
        }
    }
}

/// What became of so many connections, all on this thread: the fewer threads wait to be woken, the more of the machine is
/// left to what is measured.
pub fn together<T, F: Future<Output = io::Result<T>>>(count: u64, connection: impl Fn(u64) -> F) -> io::Result<Vec<T>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(try_join_all((0..count).map(connection)))
}

/// Requests and answers, whoever moves their bytes.
struct Exchange {
    head: String,
    request: Vec<u8>,
    answer: Vec<u8>,
    /// Bytes of `answer` that came.
    came: usize,
    /// Where its body begins and ends, once its head is there.
    body: Option<(usize, usize)>,
}

impl Exchange {
    /// With whom, and how.
    fn with(url: &str) -> (&str, Self) {
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let head =
            format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: ");
        (host, Self { head, request: Vec::new(), answer: Vec::new(), came: 0, body: None })
    }

    /// What to send; the next answer begins.
    fn request(&mut self, body: &[u8]) -> io::Result<&[u8]> {
        (self.came, self.body) = (0, None);
        self.request.clear();
        self.request.extend_from_slice(self.head.as_bytes());
        write!(self.request, "{}\r\n\r\n", body.len())?;
        self.request.extend_from_slice(body);
        Ok(&self.request)
    }

    /// Where the next bytes go.
    fn room(&mut self) -> &mut [u8] {
        if self.answer.len() < self.came + 4_096 {
            self.answer.resize(self.came + 16_384, 0);
        }
        &mut self.answer[self.came..]
    }

    /// So many came; whether that is all.
    fn took(&mut self, bytes: usize) -> io::Result<bool> {
        if bytes == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the node ended the connection"));
        }
        self.came += bytes;
        let came = &self.answer[..self.came];
        if self.body.is_none()
            && let Some(end) = came.windows(4).position(|bytes| bytes == b"\r\n\r\n")
        {
            let begins = end + 4;
            self.body = Some((begins, begins + length(&came[..end])?));
        }
        Ok(self.body.is_some_and(|(_, ends)| self.came >= ends))
    }

    /// The body, once all came.
    fn answer(&self) -> &[u8] {
        let (begins, ends) = self.body.unwrap_or_default();
        &self.answer[begins..ends]
    }
}

fn length(head: &[u8]) -> io::Result<usize> {
    const NAME: &[u8] = b"content-length:";
    let line = head
        .split(|byte| *byte == b'\n')
        .find(|line| line.len() >= NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME));
    let value = line.and_then(|line| std::str::from_utf8(&line[NAME.len()..]).ok());
    value.and_then(|value| value.trim().parse().ok()).ok_or_else(|| {
        let text = String::from_utf8_lossy(head);
        io::Error::new(io::ErrorKind::InvalidData, format!("an answer without a length: {text}"))
    })
}
