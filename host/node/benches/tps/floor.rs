//! What this machine lets any node do that answers over HTTP and recovers signatures: hyper with an answer that never changes, under
//! the same client, and the recovery alone.

use std::{
    hint::black_box,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread::available_parallelism,
    time::Instant,
};

use alloy_primitives::{Address, U256};
use caldera_bench::Report;
use caldera_ecrecover::{Signed, signer, signers};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use secp256k1::{Message, SECP256K1, SecretKey, ecdsa::RecoveryId};

use crate::{
    load::drive::{Drive, Driven},
    run::Mode,
    samples,
};

/// Of the client against hyper alone.
const SECONDS: u64 = 5;
/// Signatures that are recovered,
const SIGNATURES: u32 = 3_000;
/// and of them at a time, as of a batch.
const TOGETHER: usize = 100;
/// What `eth_sendRawTransaction` answers, about.
const ANSWER: &str =
    r#"{"jsonrpc":"2.0","id":123456,"result":"0x0000000000000000000000000000000000000000000000000000000000000000"}"#;

/// Rows of what the machine does without a node, and the most that any node could take in.
pub fn report(report: &mut Report, modes: &[Mode], file: &Path, accounts: u64) -> io::Result<()> {
    let (alone, together) = recoveries();
    let recovery = together.iter().sum::<f64>() / together.len() as f64;
    report.row_against("machine: recovering a signature of many", samples(together), "libsecp256k1", samples(alone));
    for mode in modes {
        let server = Server::start()?;
        let (batch, connections) = mode.shape();
        let drive = Drive {
            url: server.url.clone(),
            file: file.into(),
            accounts,
            method: "eth_sendRawTransaction".into(),
            batch,
            connections,
            seconds: SECONDS,
            pace: None,
        };
        let driven: Driven = Drive::result(drive.spawn()?)?;
        let rate = driven.sent as f64 / driven.seconds;
        let most = 1e9 / (1e9 / rate + recovery / processors());
        println!(
            "machine, {}: hyper alone answers {rate:.0} transactions a second; with a signature of {:.1} \u{b5}s on {} processors \
             nothing takes in more than {most:.0}",
            mode.name(),
            recovery / 1e3,
            processors(),
        );
        report.rate(&format!("machine: hyper alone, {}", mode.name()), "tx/s", samples(vec![rate]));
        report.rate(&format!("machine: that and recovery, {}", mode.name()), "tx/s", samples(vec![most]));
    }
    Ok(())
}

fn processors() -> f64 {
    available_parallelism().map_or(1.0, |count| count.get() as f64)
}

/// Nanoseconds of each, by libsecp256k1 one by one, and as a node recovers many.
fn recoveries() -> (Vec<f64>, Vec<f64>) {
    let signed = |number: u32| {
        let mut bytes = [1; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        let (key, message) = (SecretKey::from_byte_array(bytes).expect("below the order"), Message::from_digest(bytes));
        let (id, signature) = SECP256K1.sign_ecdsa_recoverable(message, &key).serialize_compact();
        let [r, s] = [&signature[..32], &signature[32..]].map(U256::from_be_slice);
        Signed { digest: bytes.into(), r, s, odd: id == RecoveryId::One }
    };
    let signed: Vec<Signed> = (0..SIGNATURES).map(signed).collect();
    let times = |count: usize, work: fn(&[Signed]) -> Vec<Option<Address>>| {
        let time = |part: &[Signed]| {
            let began = Instant::now();
            black_box(work(part));
            began.elapsed().as_nanos() as f64 / part.len() as f64
        };
        signed.chunks(count).map(time).collect()
    };
    (times(1, |one| one.iter().map(signer).collect()), times(TOGETHER, signers))
}

/// What the process with it is started with.
pub const ORDER: &str = "--hyper";

/// hyper in a process of its own. Killed when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?).arg(ORDER).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("stdout is piped"))?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        Ok(Self { child, url: line.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// That process: reads each request to its end and answers it, until it is killed.
pub fn serve() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        io::stdout().flush()?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(answer)));
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    request.into_body().collect().await?;
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes())));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(response)
}
