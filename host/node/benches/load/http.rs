//! As little HTTP as keeps the client cheap: a connection that stays, a request at a time, answers with a length. The client runs
//! on the same processors as what is measured.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

pub struct Connection {
    stream: TcpStream,
    head: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    /// Of a URL without anything that needs a library: `http://host:port/path`.
    pub fn open(url: &str) -> io::Result<Self> {
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        let head =
            format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: ");
        Ok(Self { stream, head, request: Vec::new(), answer: Vec::new() })
    }

    /// Posts a body and gives the answer's.
    pub fn post(&mut self, body: &[u8]) -> io::Result<&[u8]> {
        self.request.clear();
        self.request.extend_from_slice(self.head.as_bytes());
        write!(self.request, "{}\r\n\r\n", body.len())?;
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request)?;
        self.answer.clear();
        let (mut begins, mut wants) = (0, usize::MAX);
        while self.answer.len() < wants {
            let had = self.answer.len();
            self.answer.resize(had + 16_384, 0);
            let read = self.stream.read(&mut self.answer[had..])?;
            self.answer.truncate(had + read);
            if read == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the node ended the connection"));
            }
            if wants == usize::MAX
                && let Some(end) = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")
            {
                begins = end + 4;
                wants = begins + length(&self.answer[..end])?;
            }
        }
        Ok(&self.answer[begins..])
    }
}

fn length(head: &[u8]) -> io::Result<usize> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    value
        .and_then(|value| value.trim().parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("an answer without a length: {text}")))
}
