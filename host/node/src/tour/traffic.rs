//! Transactions that keep coming while an engine is swapped: obligations and transfers of many senders.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{Address, B256, TxHash, U256};
use clearing_rules::abi::{
    Clearing::{self, Obligation},
    IERC20,
};
use tokio::task::JoinHandle;

use super::{
    TourError,
    members::Kind,
    synthetic::{Due, Stream, units},
    world::{CALL_GAS, World},
};
use crate::{
    dev::CLEARING,
    rpc::{Rpc, Sender, SignedTx},
};

/// Transactions in one burst.
const BURST: usize = 40;
/// Transactions of one run are fewer: each run numbers its own from here on.
const RUN: u64 = 10_000;
/// Pause between two bursts.
const PAUSE: Duration = Duration::from_millis(80);
/// What a transfer moves, in the smallest units: enough to be seen.
const TRANSFER: u64 = 1_000_001;

/// One transaction that was accepted by the node.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its hash.
    pub hash: TxHash,
    /// What it says.
    pub what: What,
}

/// What a transaction says.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// An obligation.
    Owe(Due),
    /// Dollars from one member to another.
    Move {
        /// Who pays.
        from: usize,
        /// Who receives.
        to: usize,
        /// How much.
        amount: U256,
    },
}

/// Traffic that is under way.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    work: JoinHandle<Result<Ended, TourError>>,
}

/// What was sent, and the senders with their places.
type Ended = (Vec<Sent>, Vec<(usize, Sender)>);

/// Everything that traffic works with.
struct Source {
    rpc: Rpc,
    stream: Stream,
    senders: Vec<(usize, Sender)>,
    addresses: Vec<Address>,
    asset: Address,
    decimals: u8,
    count: u64,
}

impl Traffic {
    /// Starts: takes the senders of all members in good standing that keep dollars, until [`Self::stop`].
    pub fn start(world: &mut World) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let kinds: Vec<_> = world.members.iter().map(|member| member.kind()).collect();
        let all = std::mem::take(&mut world.senders).into_iter().enumerate();
        let (idle, senders): (Vec<_>, Vec<_>) = all.partition(|(index, _)| kinds[*index] == Kind::Bitcoin);
        let mut source = Source {
            rpc: world.rpc.clone(),
            stream: Stream::new("traffic"),
            senders,
            addresses: world.addresses(),
            asset: world.asset.address,
            decimals: world.asset.decimals,
            count: 0,
        };
        world.traffic_runs += 1;
        source.count = world.traffic_runs * RUN;
        let stopped = stop.clone();
        let work = tokio::spawn(async move {
            let mut sent = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                sent.extend(source.burst().await?);
                tokio::time::sleep(PAUSE).await;
            }
            Ok((sent, source.senders.into_iter().chain(idle).collect()))
        });
        Self { stop, work }
    }

    /// Stops, gives the senders back, and says what was sent.
    pub async fn stop(self, world: &mut World) -> Result<Vec<Sent>, TourError> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self
            .work
            .await
            .map_err(|error| TourError::Broken { what: "background traffic".to_owned(), why: error.to_string() })?;
        let (sent, mut senders) = ended?;
        senders.sort_by_key(|(index, _)| *index);
        world.senders = senders.into_iter().map(|(_, sender)| sender).collect();
        Ok(sent)
    }
}

impl Source {
    async fn burst(&mut self) -> Result<Vec<Sent>, TourError> {
        let (mut sent, mut raw) = (Vec::new(), Vec::new());
        for _ in 0..BURST {
            let (tx, what) = self.next()?;
            raw.push(tx.raw);
            sent.push(Sent { hash: tx.hash, what });
        }
        self.rpc.send_many(&raw).await?;
        Ok(sent)
    }

    /// Every other transaction is an obligation, the rest are transfers.
    fn next(&mut self) -> Result<(SignedTx, What), TourError> {
        self.count += 1;
        let from = self.stream.below(self.senders.len() as u64) as usize;
        let to = loop {
            let to = self.stream.below(self.senders.len() as u64) as usize;
            if to != from {
                break to;
            }
        };
        let (creditor, debtor) = (self.senders[to].0, self.senders[from].0);
        let sender = &mut self.senders[from].1;
        if self.count.is_multiple_of(2) {
            let amount = U256::from(TRANSFER + self.count);
            let call = IERC20::transferCall { to: self.addresses[creditor], value: amount };
            return Ok((sender.call(self.asset, &call, CALL_GAS)?, What::Move { from: debtor, to: creditor, amount }));
        }
        let due = Due { debtor, creditor, ..self.stream.due(false) };
        let obligation = Obligation {
            debtor: self.addresses[debtor],
            creditor: self.addresses[creditor],
            asset: self.asset,
            amount: units(due.cents, self.decimals),
            due: 0,
            referenceId: B256::right_padding_from(format!("SYNTHETIC-TRAFFIC-{:06}", self.count).as_bytes()),
        };
        Ok((sender.call(CLEARING, &Clearing::submitCall { obligation }, CALL_GAS)?, What::Owe(due)))
    }
}
