//! The process that sends: connections that each wait for an answer before they send again.

use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use alloy_primitives::hex;
use serde::{Deserialize, Serialize};

use super::{
    cpu::Cpu,
    http::{Shared, together},
};

/// What a process that sends is started with, before what it is to do.
pub const ORDER: &str = "--drive";

/// What to send, where, and how.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Drive {
    pub url: String,
    /// What [`super::work::write`] wrote.
    pub file: PathBuf,
    /// Of how many accounts.
    pub accounts: u64,
    pub method: String,
    /// Transactions in one request; 1 is no batch.
    pub batch: usize,
    pub connections: u64,
    pub seconds: u64,
    /// Requests a second of each connection at most; none for as many as there are answers.
    pub pace: Option<u64>,
}

/// What came of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Driven {
    pub sent: u64,
    pub errors: u64,
    pub first_error: Option<String>,
    /// All were sent before the time was over.
    pub ran_dry: bool,
    /// Of each request, in nanoseconds.
    pub latencies: Vec<f64>,
    /// Processor time of sending, in microseconds.
    pub cpu: f64,
    /// From the first request to the last answer.
    pub seconds: f64,
}

impl Drive {
    /// Runs it in a process of its own.
    pub fn spawn(&self) -> io::Result<Child> {
        let order = serde_json::to_string(self)?;
        Command::new(std::env::current_exe()?).args([ORDER, &order]).stdout(Stdio::piped()).spawn()
    }

    /// What that process found.
    pub fn result(child: Child) -> io::Result<Driven> {
        let output = child.wait_with_output()?;
        assert!(output.status.success(), "the client failed");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// That process.
    pub fn run(&self) -> io::Result<()> {
        let (bytes, places) = read(&self.file)?;
        let before = Cpu::of("self").all;
        let began = Instant::now();
        let until = began + Duration::from_secs(self.seconds);
        let all = together(self.connections, |number| self.connection(number, &bytes, &places, until))?;
        let (cpu, seconds) = (Cpu::of("self").all - before, began.elapsed().as_secs_f64());
        let mut sum = Driven { cpu, seconds, ..Driven::default() };
        for one in all {
            sum.sent += one.sent;
            sum.errors += one.errors;
            sum.first_error = sum.first_error.or(one.first_error);
            sum.ran_dry |= one.ran_dry;
            sum.latencies.extend(one.latencies);
        }
        serde_json::to_writer(io::stdout().lock(), &sum)?;
        Ok(())
    }

    /// One connection has its own accounts, so that no two of them wait for each other's nonces.
    async fn connection(
        &self,
        number: u64,
        bytes: &[u8],
        places: &[Range<usize>],
        until: Instant,
    ) -> io::Result<Driven> {
        let mut connection = Shared::open(&self.url).await?;
        let stride = usize::try_from(self.connections).unwrap_or(usize::MAX);
        let mine = (0..).step_by(self.accounts as usize).flat_map(|round: u64| {
            let accounts = (number..self.accounts).step_by(stride);
            accounts.map(move |account| round + account)
        });
        let mut mine = mine.take_while(|place| *place < places.len() as u64).peekable();
        let (mut driven, mut body) = (Driven::default(), Vec::new());
        let mut pace = Pace::new(self.pace);
        while Instant::now() < until {
            pace.turn().await;
            if mine.peek().is_none() {
                driven.ran_dry = true;
                break;
            }
            body.clear();
            let mut calls = 0;
            for place in mine.by_ref().take(self.batch) {
                body.extend_from_slice(if calls == 0 { b"[" } else { b"," });
                body.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
                body.extend_from_slice(place.to_string().as_bytes());
                body.extend_from_slice(br#","method":""#);
                body.extend_from_slice(self.method.as_bytes());
                body.extend_from_slice(br#"","params":["0x"#);
                body.extend_from_slice(hex::encode(&bytes[places[place as usize].clone()]).as_bytes());
                body.extend_from_slice(br#""]}"#);
                calls += 1;
            }
            body.push(b']');
            let body = if self.batch == 1 { &body[1..body.len() - 1] } else { &body };
            let began = Instant::now();
            let answer = connection.post(body).await?;
            driven.latencies.push(began.elapsed().as_nanos() as f64);
            driven.sent += calls;
            let failed = answer.windows(8).filter(|bytes| *bytes == br#""error":"#).count();
            if failed > 0 {
                driven.errors += failed as u64;
                driven
                    .first_error
                    .get_or_insert_with(|| String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned());
            }
        }
        Ok(driven)
    }
}

/// Holds a client back.
pub struct Pace {
    every: Option<Duration>,
    next: Instant,
}

impl Pace {
    /// So many times a second at most.
    pub fn new(per_second: Option<u64>) -> Self {
        let every = per_second.map(|times| Duration::from_secs(1) / u32::try_from(times.max(1)).unwrap_or(u32::MAX));
        Self { every, next: Instant::now() }
    }

    /// Waits for its turn. A turn that was missed does not come again.
    pub async fn turn(&mut self) {
        if let Some(every) = self.every {
            tokio::time::sleep_until(self.next.into()).await;
            self.next = (self.next + every).max(Instant::now());
        }
    }
}

/// The bytes, and where each transaction is in them.
fn read(file: &Path) -> io::Result<(Vec<u8>, Vec<Range<usize>>)> {
    let bytes = fs::read(file)?;
    let (mut places, mut at) = (Vec::new(), 0);
    while let Some([low, high]) = bytes.get(at..at + 2) {
        let begins = at + 2;
        at = begins + usize::from(u16::from_le_bytes([*low, *high]));
        places.push(begins..at);
    }
    Ok((bytes, places))
}
