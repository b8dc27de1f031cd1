//! Transactions that keep coming, and the proof that each is in exactly one block.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use alloy_primitives::{B256, Bytes, TxKind, U256};
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
    thread: JoinHandle<Accepted>,
}

/// What a chain accepted, in the order of each sender.
pub struct Accepted(BTreeMap<u8, Vec<B256>>);

impl Load {
    pub fn start(chain: Arc<Chain>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut accepted: BTreeMap<u8, Vec<B256>> = BTreeMap::new();
            while !stopped.load(Ordering::Relaxed) {
                for sender in SENDERS {
                    let sent = accepted.entry(sender).or_default();
                    let tx = set(sender, sent.len() as u64);
                    sent.push(chain.submit(tx, Vec::new()).expect("the chain takes the load"));
                }
                std::thread::sleep(chain.spec().block_interval / ROUNDS);
            }
            Accepted(accepted)
        });
        Self { stop, thread }
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
    pub fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Fails unless each is in exactly one block, and each sender's nonce is their number.
    pub fn must_be_there_once(&self, chain: &Chain) {
        let mut seen: BTreeMap<B256, u32> = BTreeMap::new();
        for number in 1..=chain.head().number() {
            let block = chain.block(number).expect("blocks read").expect("blocks have no gaps");
            for tx in &block.block.transactions {
                *seen.entry(*tx.tx_hash()).or_default() += 1;
            }
        }
        for (sender, hashes) in &self.0 {
            for hash in hashes {
                assert_eq!(seen.get(hash), Some(&1), "transaction {hash} of sender {sender} is lost or there twice");
            }
            let nonce = chain.next_nonce(account(*sender).address()).expect("nonces read");
            assert_eq!(nonce, hashes.len() as u64, "nonce of sender {sender}");
        }
    }
}
