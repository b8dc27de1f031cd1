//! Rights that cross between two chains of a live node: how long it takes, what it costs, how many a second.
//!
//! The node is `caldera dev` as anybody starts it: its carrier brings every unit, four validators certify each block. A right counts
//! when a contract of the destination would see it, which `eth_call` of `permission` shows. Clocks start when the client has the
//! receipt of the origin, or when it sends.

mod node;

use std::{
    error::Error,
    io,
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::{Filter, Transaction};
use alloy_sol_types::SolEvent as _;
use caldera_bench::{ByCargo, Report, Samples};
use caldera_node::{
    dev::{ARENA, FINANCE, WEAVE, governor},
    rpc::{Endpoint, Fees, Rpc, Sender, SignedTx, Watch},
};
use clap::Parser;
use jsonrpsee_core::rpc_params;
use node::Node;
use serde_json::json;
use weave_rules::{abi::Weave as abi, unit::Kind};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const KEY: B256 = B256::repeat_byte(0xC5);
/// How many cross at once.
const SIZES: [usize; 3] = [1, 16, 128];
/// Between two looks at the destination, and at a receipt.
const POLL: Duration = Duration::from_millis(5);
const WITHIN: Duration = Duration::from_secs(120);
const GAS: u64 = 500_000;
/// A part of the block interval that no whole number of samples brings back: they begin anywhere in it.
const GOLDEN: f64 = 0.618_033_988_749_895;

/// Rights that cross between two chains of a live node.
#[derive(Parser)]
struct Args {
    /// Rights, one by one.
    #[arg(long, value_name = "N", default_value_t = 200)]
    samples: u64,
    /// Times that so many cross at once.
    #[arg(long, value_name = "N", default_value_t = 10)]
    rounds: u64,
    /// From a block to the next.
    #[arg(long, value_name = "MS", default_value_t = 250)]
    interval: u64,
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> Result<()> {
    let Args { samples, rounds, interval, _cargo } = Args::parse();
    let node = Node::start(interval)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut report = Report::new("crossing");
    runtime.block_on(async {
        let mut crossing = Crossing::between(&node).await?;
        let one = crossing.one_by_one(samples, Duration::from_millis(interval)).await?;
        report.row("right granted (receipt) → permission", ns(one.from_receipt)?);
        report.row("right sent → permission", ns(one.from_sending)?);
        let accepts = crossing.accepts().await?;
        report.amount("accept: gas", "gas", figures(accepts.gas)?);
        report.row("accept: eth_call of it, HTTP included", ns(accepts.times)?);
        for size in SIZES {
            let mut rates = Vec::new();
            for _ in 0..rounds {
                rates.push(size as f64 / crossing.at_once(size).await?.as_secs_f64());
            }
            report.rate(&format!("crossings, {size} at once"), "1/s", figures(rates)?);
        }
        Result::Ok(())
    })?;
    report.finish()?;
    Ok(())
}

/// Two chains, and who issues on the first.
struct Crossing {
    from: Rpc,
    to: Rpc,
    sender: Sender,
    /// Owners so far: each right has its own.
    owners: u64,
    /// Height of the destination before anything crossed.
    began: u64,
}

#[derive(Default)]
struct OneByOne {
    from_receipt: Vec<Duration>,
    from_sending: Vec<Duration>,
}

#[derive(Default)]
struct Accepts {
    gas: Vec<f64>,
    times: Vec<Duration>,
}

impl Crossing {
    async fn between(node: &Node) -> Result<Self> {
        let (from, to) = (FINANCE, ARENA);
        let rpc = |(name, _): (&str, u64)| Rpc::new(Endpoint::of(node.url(), name));
        let (origin, kind) = (from.1, Kind::Permission.code());
        let (from, to) = (rpc(from)?, rpc(to)?);
        let rule = abi::Rule { localKey: KEY, maxStaleness: 0, expiryCap: 0, cap: U256::ZERO };
        let mut watch = Watch::from_head(&to).await?;
        let mut ruler = Sender::ask(&to, governor()?).await?;
        let call = abi::setRuleCall { origin, kind, key: KEY, rule };
        watch.settle(&[ruler.call(WEAVE, &call, GAS)?], WITHIN).await?;
        let mut sender = Sender::ask(&from, governor()?).await?;
        // Enough for every block of the run, however full.
        let fees = Fees::ask(&from).await?;
        sender.set_fees(Fees { max: fees.max * 1_000, ..fees });
        let began = to.block_number().await?;
        Ok(Self { from, to, sender, owners: 0, began })
    }

    /// The next right, for an owner who has none.
    fn issue(&mut self) -> Result<(Address, SignedTx)> {
        self.owners += 1;
        let owner = Address::left_padding_from(&(0xC0DE_0000_0000 + self.owners).to_be_bytes());
        let (kind, value) = (Kind::Permission.code(), U256::ONE);
        let call = abi::issueCall { kind, owner, key: KEY, value, destination: ARENA.1, expiry: 0 };
        Ok((owner, self.sender.call(WEAVE, &call, GAS)?))
    }

    async fn one_by_one(&mut self, samples: u64, interval: Duration) -> Result<OneByOne> {
        let mut times = OneByOne::default();
        // A tenth more, of which nothing is kept, warms up.
        let warm_up = samples.div_ceil(10);
        for sample in 0..samples + warm_up {
            tokio::time::sleep(interval.mul_f64((sample as f64 * GOLDEN).fract())).await;
            let (owner, tx) = self.issue()?;
            let sent = Instant::now();
            self.from.send_raw(&tx.raw).await?;
            let receipt = loop {
                if let Some(receipt) = self.from.receipts(&[tx.hash]).await?.swap_remove(0) {
                    break receipt;
                }
                in_time(sent)?;
                tokio::time::sleep(POLL).await;
            };
            let granted = Instant::now();
            if !receipt.status() {
                return Err(format!("issue failed: {}", tx.hash).into());
            }
            while !self.to.call(WEAVE, abi::permissionCall { owner, key: KEY }).await? {
                in_time(sent)?;
                tokio::time::sleep(POLL).await;
            }
            if sample >= warm_up {
                times.from_receipt.push(granted.elapsed());
                times.from_sending.push(sent.elapsed());
            }
        }
        Ok(times)
    }

    /// What the carrier's transactions took, and how long the same call takes again on the state before its block.
    async fn accepts(&self) -> Result<Accepts> {
        let head = self.to.block_number().await?;
        let filter = Filter::new().address(WEAVE).event_signature(abi::RightAccepted::SIGNATURE_HASH);
        let logs = self.to.logs(&filter.from_block(self.began).to_block(head)).await?;
        let mut accepts = Accepts::default();
        for log in logs {
            let hash = log.transaction_hash.ok_or("a log of a block has a transaction")?;
            let receipt = self.to.receipts(&[hash]).await?.swap_remove(0).ok_or("a log has a receipt")?;
            accepts.gas.push(receipt.gas_used as f64);
            let tx: Transaction = self.to.request("eth_getTransactionByHash", rpc_params![hash]).await?;
            let input = alloy_consensus::Transaction::input(&*tx.inner);
            let call = json!({ "from": receipt.from, "to": WEAVE, "data": input });
            let before = U64::from(receipt.block_number.unwrap_or_default().saturating_sub(1));
            let began = Instant::now();
            let _: Bytes = self.to.request("eth_call", rpc_params![call, before]).await?;
            accepts.times.push(began.elapsed());
        }
        Ok(accepts)
    }

    /// From sending so many until all of them count.
    async fn at_once(&mut self, size: usize) -> Result<Duration> {
        let issued = (0..size).map(|_| self.issue()).collect::<Result<Vec<_>>>()?;
        let raw: Vec<_> = issued.iter().map(|(_, tx)| tx.raw.clone()).collect();
        let mut waits: Vec<_> =
            issued.iter().map(|(owner, _)| abi::permissionCall { owner: *owner, key: KEY }).collect();
        let sent = Instant::now();
        self.from.send_many(&raw).await?;
        while !waits.is_empty() {
            in_time(sent)?;
            tokio::time::sleep(POLL).await;
            let granted = self.to.call_many(WEAVE, &waits).await?;
            waits = waits.into_iter().zip(granted).filter(|(_, granted)| !granted).map(|(call, _)| call).collect();
        }
        Ok(sent.elapsed())
    }
}

fn in_time(since: Instant) -> Result<()> {
    if since.elapsed() > WITHIN { Err("a right does not arrive".into()) } else { Ok(()) }
}

fn ns(times: Vec<Duration>) -> io::Result<Samples> {
    figures(times.into_iter().map(|time| time.as_nanos() as f64).collect())
}

fn figures(figures: Vec<f64>) -> io::Result<Samples> {
    Samples::new(figures)
        .ok_or_else(|| io::Error::other("nothing was measured: give --samples and --rounds of at least 1"))
}
