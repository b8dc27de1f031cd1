//! Transactions that keep coming, and the proof that each is in exactly one block.
//!
//! What was accepted is kept as a count and a hash for each sender, so that the load itself takes no memory.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::SolCall;
use caldera_chain::Chain;
use caldera_testkit::{PROBE, account, sign};
use probe_engine::IProbe;

/// Accounts that send: the first governs and does not.
const SENDERS: std::ops::RangeInclusive<u8> = 1..=6;
/// Rounds of one transaction each in a block interval.
const ROUNDS: u32 = 5;
const GAS: u64 = 400_000;
/// Keys that are written over and over, so that the state does not grow.
const KEYS: u64 = 64;

/// A thread that sends.
pub struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: JoinHandle<Accepted>,
}

/// What a chain accepted of each sender, in its order.
#[derive(Default)]
pub struct Accepted(BTreeMap<Address, Sequence>);

/// Transactions in their order: how many, and a hash over their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sequence {
    count: u64,
    digest: B256,
}

impl Sequence {
    fn push(&mut self, transaction: B256) {
        self.count += 1;
        self.digest = keccak256([self.digest, transaction].concat());
    }
}

impl Load {
    pub fn start(chain: Arc<Chain>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicU64::new(0));
        let (stopped, counter) = (stop.clone(), sent.clone());
        let thread = std::thread::spawn(move || {
            let mut accepted = Accepted::default();
            while !stopped.load(Ordering::Relaxed) {
                for sender in SENDERS {
                    let sent = accepted.0.entry(account(sender).address()).or_default();
                    let tx = set(sender, sent.count);
                    sent.push(chain.submit(tx, Vec::new()).expect("the chain takes the load"));
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(chain.spec().block_interval / ROUNDS);
            }
            accepted
        });
        Self { stop, sent, thread }
    }

    /// How many it has sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn stop(self) -> Accepted {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the load does not panic")
    }
}

fn set(sender: u8, nonce: u64) -> alloy_consensus::TxEnvelope {
    let key = format!("{sender}/{}", nonce % KEYS).into_bytes();
    let call = IProbe::setCall { key: key.into(), value: Bytes::copy_from_slice(&nonce.to_be_bytes()) };
    sign(&account(sender), nonce, TxKind::Call(PROBE), U256::ZERO, GAS, call.abi_encode().into())
}

impl Accepted {
    pub fn count(&self) -> u64 {
        self.0.values().map(|sequence| sequence.count).sum()
    }

    /// Fails unless the blocks hold each of them exactly once: their count and hash are those of what the blocks hold, and
    /// each sender's nonce is their number.
    pub fn must_be_there_once(&self, chain: &Chain) {
        let mut found: BTreeMap<Address, Sequence> = BTreeMap::new();
        for number in 1..=chain.head().number() {
            let block = chain.block(number).expect("blocks read").expect("blocks have no gaps");
            for (tx, sender) in block.block.transactions.iter().zip(block.senders()) {
                found.entry(*sender).or_default().push(*tx.tx_hash());
            }
        }
        for (sender, accepted) in &self.0 {
            assert_eq!(found.get(sender), Some(accepted), "transactions of {sender} are lost or there twice");
            assert_eq!(chain.next_nonce(*sender).expect("nonces read"), accepted.count, "nonce of {sender}");
        }
    }
}
