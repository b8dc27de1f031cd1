//! The process that asks: connections that each wait for an answer before they ask again, about another account each time.

use std::{
    fmt, io,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, hex};
use alloy_sol_types::{SolCall, SolEvent};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    cpu::Cpu,
    drive::Pace,
    http::{Shared, together},
    work::{TOKEN, Token, addresses, token_slot},
};

/// What a process that asks is started with, before what it is to do.
pub const ORDER: &str = "--reads";

/// What is asked.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Read {
    /// `eth_call` of an ERC-20 balance.
    Call,
    /// `eth_getBalance`.
    Balance,
    /// `eth_getLogs` of all transfers of tokens to an account.
    Logs,
    /// `eth_getProof` of the account of the token, and of the slot of a balance.
    Proof,
}

impl Read {
    pub const ALL: [Self; 4] = [Self::Call, Self::Balance, Self::Logs, Self::Proof];

    pub fn method(self) -> &'static str {
        match self {
            Self::Call => "eth_call",
            Self::Balance => "eth_getBalance",
            Self::Logs => "eth_getLogs",
            Self::Proof => "eth_getProof",
        }
    }

    fn params(self, about: Address, (first, last): (u64, u64)) -> Value {
        match self {
            Self::Call => {
                let data = hex::encode_prefixed(Token::balanceOfCall { holder: about }.abi_encode());
                json!([{ "to": TOKEN, "data": data }, "latest"])
            }
            Self::Balance => json!([about, "latest"]),
            Self::Logs => {
                let topics = json!([Token::Transfer::SIGNATURE_HASH, null, B256::left_padding_from(about.as_slice())]);
                let (from, to) = (format!("{first:#x}"), format!("{last:#x}"));
                json!([{ "address": TOKEN, "fromBlock": from, "toBlock": to, "topics": topics }])
            }
            Self::Proof => json!([TOKEN, [token_slot(about)], "latest"]),
        }
    }
}

/// What to ask, where, and how often.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Reads {
    pub url: String,
    /// One after the other.
    pub reads: Vec<Read>,
    /// About so many of the accounts.
    pub accounts: u64,
    /// The blocks whose logs are asked for.
    pub blocks: (u64, u64),
    pub connections: u64,
    pub seconds: u64,
    /// Questions a second of each connection at most.
    pub pace: Option<u64>,
}

/// What came of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Answers {
    /// Of each answer in nanoseconds.
    pub latencies: Vec<f64>,
    /// Second by second.
    pub per_second: Vec<f64>,
    pub errors: u64,
    pub first_error: Option<String>,
    /// The longest, in bytes.
    pub longest: usize,
    /// Processor time of asking, in microseconds.
    pub cpu: f64,
}

impl Reads {
    /// Runs it in a process of its own.
    pub fn spawn(&self) -> io::Result<Child> {
        let order = serde_json::to_string(self)?;
        Command::new(std::env::current_exe()?).args([ORDER, &order]).stdout(Stdio::piped()).spawn()
    }

    /// What that process found.
    pub fn result(child: Child) -> io::Result<Answers> {
        let output = child.wait_with_output()?;
        assert!(output.status.success(), "the client failed");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// That process.
    pub fn run(&self) -> io::Result<()> {
        let accounts = addresses(self.accounts);
        let before = Cpu::of("self").all;
        let began = Instant::now();
        let all = together(self.connections, |number| self.connection(number, &accounts, began))?;
        let per_second = vec![0.0; self.seconds as usize];
        let mut sum = Answers { cpu: Cpu::of("self").all - before, per_second, ..Answers::default() };
        for one in all {
            sum.latencies.extend(one.latencies);
            sum.per_second.iter_mut().zip(one.per_second).for_each(|(sum, one)| *sum += one);
            sum.errors += one.errors;
            sum.first_error = sum.first_error.or(one.first_error);
            sum.longest = sum.longest.max(one.longest);
        }
        serde_json::to_writer(io::stdout().lock(), &sum)?;
        Ok(())
    }

    async fn connection(&self, number: u64, accounts: &[Address], began: Instant) -> io::Result<Answers> {
        let mut connection = Shared::open(&self.url).await?;
        let mut answers = Answers { per_second: vec![0.0; self.seconds as usize], ..Answers::default() };
        let (until, mut pace) = (began + Duration::from_secs(self.seconds), Pace::new(self.pace));
        for turn in 0_u64.. {
            pace.turn().await;
            let sent = Instant::now();
            if sent >= until {
                break;
            }
            let read = self.reads[(turn % self.reads.len() as u64) as usize];
            // Strides of two primes visit all accounts, each connection from another place.
            let about = accounts[((number * 104_729 + turn * 7_919) % accounts.len() as u64) as usize];
            let call = json!({
                "jsonrpc": "2.0", "id": turn, "method": read.method(), "params": read.params(about, self.blocks),
            });
            let answer = connection.post(&serde_json::to_vec(&call)?).await?;
            answers.latencies.push(sent.elapsed().as_nanos() as f64);
            if let Some(count) = answers.per_second.get_mut(began.elapsed().as_secs() as usize) {
                *count += 1.0;
            }
            answers.longest = answers.longest.max(answer.len());
            if answer.windows(8).any(|bytes| bytes == br#""error":"#) {
                answers.errors += 1;
                let text = || String::from_utf8_lossy(&answer[..answer.len().min(400)]).into_owned();
                answers.first_error.get_or_insert_with(text);
            }
        }
        Ok(answers)
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, errors, longest) = (self.latencies.len(), self.errors, self.longest);
        write!(
            f,
            "{count} answers, {errors} errors, {longest} bytes at most; asking {:.1} \u{b5}s",
            self.cpu / count as f64
        )?;
        self.first_error.iter().try_for_each(|error| write!(f, "\n    the first error: {error}"))
    }
}
