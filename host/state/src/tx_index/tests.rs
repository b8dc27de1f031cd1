//! The index against a map of everything, through runs, merges, restarts and readers.

use alloy_primitives::{B256, Bytes, keccak256};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{Sizes, TxIndex, merge::Merger, run::Run};
use crate::{
    behind::{Behind, tests::Weary},
    keys,
    memory_store::MemoryStore,
    source::Given,
    store::{Batch, Entries, Store, StoreError},
};

/// Small ones, so that a few blocks bring runs and merges of merges.
const SMALL: Sizes = Sizes { items: 40, blocks: 16, log_bytes: 1_000, fan: 3, most_runs: 12 };

fn hash(n: u64) -> B256 {
    keccak256(n.to_be_bytes())
}

/// Hashes that begin alike, for which somebody takes the trouble.
fn alike(n: u64) -> B256 {
    let mut hash = hash(n);
    hash[..4].copy_from_slice(&[7; 4]);
    hash
}

/// A store with the index of a chain, and what the index should know.
struct Chain {
    under: Arc<dyn Store>,
    store: Arc<Behind>,
    index: Arc<TxIndex>,
    /// Of each block the numbers that its hashes are made of.
    blocks: Vec<Vec<u64>>,
    sizes: Sizes,
}

impl Chain {
    fn new(sizes: Sizes) -> Self {
        Self::over(Arc::new(MemoryStore::default()), 1 << 20, sizes)
    }

    fn over(under: Arc<dyn Store>, behind_bytes: usize, sizes: Sizes) -> Self {
        let (store, index) = open(&under, behind_bytes, sizes);
        Self { under, store, index, blocks: Vec::new(), sizes }
    }

    fn block(&mut self, transactions: Vec<u64>, log_bytes: u64) {
        let number = self.blocks.len() as u64;
        let hashes = || transactions.iter().map(|n| hash(*n)).collect::<Vec<_>>().into_iter();
        let mut batch = Batch::default();
        let run = self.index.put_hashes(&mut batch, number, hashes(), log_bytes);
        self.store.commit(batch).unwrap();
        self.index.advance_hashes(number, hashes(), run);
        self.blocks.push(transactions);
    }

    fn merge(&self) {
        Merger::alone(self.store.clone(), self.index.clone()).all().unwrap();
    }

    /// As after a crash: only what is in the store is known, and the blocks of the log.
    fn reopen(&mut self) {
        self.store.flush().unwrap();
        (self.store, self.index) = open(&self.under, 1 << 20, self.sizes);
        for number in self.index.first_recent()..self.blocks.len() as u64 {
            let hashes = self.blocks[number as usize].iter().map(|n| hash(*n));
            self.index.recent.write().add(number, hashes);
        }
    }

    fn check(&self) {
        let mut expected = BTreeMap::new();
        for (number, block) in self.blocks.iter().enumerate() {
            for (index, n) in block.iter().enumerate() {
                expected.insert(*n, (number as u64, index as u32));
            }
        }
        for n in 0..2 * self.blocks.len() as u64 * 10 {
            let found = self.index.find(&*self.store, hash(n)).unwrap();
            assert_eq!(found, expected.get(&n).copied(), "transaction {n} after block {}", self.blocks.len());
        }
    }

    /// What no run that counts has must not be there.
    fn nothing_is_left(&self) {
        self.store.flush().unwrap();
        let runs = self.index.runs.read().clone();
        let pieces: u64 = runs.iter().map(|run| u64::from(run.pieces())).sum();
        assert_eq!(self.under.scan(b"t").count() as u64, pieces);
        assert_eq!(self.under.scan(keys::RUNS).count(), runs.len());
    }
}

fn open(under: &Arc<dyn Store>, behind_bytes: usize, sizes: Sizes) -> (Arc<Behind>, Arc<TxIndex>) {
    let store = Arc::new(Behind::new(under.clone(), Box::new(Given(under.clone())), behind_bytes).unwrap());
    let index = Arc::new(TxIndex::with_runs(&*store, 0, sizes).unwrap());
    (store, index)
}

#[test]
fn every_transaction_is_found_whatever_became_of_its_run() {
    for seed in 0..6 {
        let mut chain = Chain::new(SMALL);
        let draw = |n: u64, of: u64| u64::from(hash(seed << 32 | n)[0]) % of;
        for number in 0..150 {
            // Some look like one that there was, as the chain's own may.
            let transactions = (0..draw(number, 20)).map(|n| number * 10 + n % 10 - n / 10 * number.min(50)).collect();
            chain.block(transactions, draw(number + 1_000, 100) * 11);
            match draw(number + 2_000, 8) {
                0 => chain.merge(),
                1 => chain.reopen(),
                _ => {}
            }
            if number % 30 == 0 {
                chain.check();
            }
        }
        chain.merge();
        chain.check();
        chain.nothing_is_left();
        let runs = chain.index.runs.read().len();
        assert!(runs <= SMALL.most_runs, "{runs} runs");
    }
}

#[test]
fn a_merge_that_was_cut_off_leaves_nothing() {
    let mut chain = Chain::new(SMALL);
    for number in 0..30 {
        chain.block((number * 10..number * 10 + 10).collect(), 0);
    }
    let run = Run::new(77, 0..=9, 1_000);
    let mut batch = Batch::default();
    run.put(&mut batch, false);
    run.put_piece(&mut batch, 1, &[]);
    chain.store.commit(batch).unwrap();
    chain.reopen();
    chain.check();
    chain.merge();
    chain.check();
    chain.nothing_is_left();
    chain.block(vec![9_000], 2_000);
    let newest = chain.index.runs.read().last().unwrap().id;
    assert!(newest > 77, "a number is not used twice: {newest}");
}

#[test]
fn a_merge_whose_store_fails_is_done_later() {
    for behind_bytes in [0, 1 << 20] {
        for strength in 0..24 {
            let weary = Arc::new(Weary::default());
            weary.rest(usize::MAX);
            let mut chain = Chain::over(weary.clone(), behind_bytes, SMALL);
            for number in 0..16 {
                chain.block((number * 10..number * 10 + 10).collect(), 0);
            }
            chain.store.flush().unwrap();
            weary.rest(strength);
            let merger = Merger::alone(chain.store.clone(), chain.index.clone());
            let _ = merger.all();
            let _ = chain.store.flush();
            chain.check();
            weary.rest(usize::MAX);
            chain.store.ready().unwrap();
            merger.all().unwrap();
            chain.check();
            chain.nothing_is_left();
            chain.reopen();
            chain.check();
        }
    }
}

#[test]
fn who_looks_while_runs_merge_finds_all() {
    let mut chain = Chain::new(SMALL);
    let stop = Arc::new(AtomicBool::new(false));
    chain.block((0..10).collect(), 0);
    let readers: Vec<_> = (0..2)
        .map(|reader| {
            let (store, index, stop) = (chain.store.clone(), chain.index.clone(), stop.clone());
            thread::spawn(move || {
                let mut looks = 0u64;
                while !stop.load(Ordering::SeqCst) {
                    let n = (looks + reader) % 10;
                    assert_eq!(index.find(&*store, hash(n)).unwrap(), Some((0, n as u32)));
                    assert_eq!(index.find(&*store, hash(1 << 40)).unwrap(), None);
                    looks += 1;
                }
                looks
            })
        })
        .collect();
    for number in 1..600 {
        chain.block((number * 10..number * 10 + 10).collect(), 0);
        if number % 5 == 0 {
            chain.merge();
        }
    }
    stop.store(true, Ordering::SeqCst);
    let looks: u64 = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
    assert!(looks > 0);
    chain.check();
}

#[test]
fn many_in_one_piece_are_found() {
    let mut chain = Chain::new(Sizes { items: 4_000, ..SMALL });
    let hashes: Vec<_> = (0..4_000).map(alike).collect();
    let mut batch = Batch::default();
    let run = chain.index.put_hashes(&mut batch, 0, hashes.iter().copied(), 0);
    assert!(run.is_some());
    chain.store.commit(batch).unwrap();
    chain.index.advance_hashes(0, [], run);
    for (index, hash) in (0..).zip(&hashes) {
        assert_eq!(chain.index.find(&*chain.store, *hash).unwrap(), Some((0, index)));
    }
    chain.blocks.push(Vec::new());
    let run = chain.index.runs.read()[0].clone();
    let mut batch = Batch::default();
    (0..run.pieces()).for_each(|piece| run.remove_piece(&mut batch, &*chain.store, piece).unwrap());
    run.remove(&mut batch);
    chain.store.commit(batch).unwrap();
    chain.store.flush().unwrap();
    assert_eq!(chain.under.scan(b"").count(), 0, "nothing of a long piece stays");
}

/// A store where something happens, once, before it answers what is under a key.
struct Meanwhile<'a> {
    store: &'a Behind,
    key: Vec<u8>,
    happens: Mutex<Option<Box<dyn FnOnce() + Send + 'a>>>,
}

impl Store for Meanwhile<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if key == self.key
            && let Some(happens) = self.happens.lock().take()
        {
            happens();
        }
        self.store.get(key)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.store.commit(batch)
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Entries<'a> {
        self.store.scan(prefix)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }
}

#[test]
fn a_run_that_goes_between_two_chunks_of_a_piece_is_no_damage() {
    let mut chain = Chain::new(Sizes { items: 2_000, ..SMALL });
    for number in 0..3 {
        let hashes: Vec<_> = (0..2_000).map(|n| alike(number * 2_000 + n)).collect();
        let mut batch = Batch::default();
        let run = chain.index.put_hashes(&mut batch, number, hashes.iter().copied(), 0);
        chain.store.commit(batch).unwrap();
        chain.index.advance_hashes(number, [], run);
        chain.blocks.push(Vec::new());
    }
    let first = chain.index.runs.read()[0].clone();
    let second_chunk = [&keys::run_piece(first.id, first.piece_of(alike(7)))[..], &[0, 1]].concat();
    assert!(chain.store.get(&second_chunk).unwrap().is_some());
    let happens = Box::new(|| chain.merge());
    let store = Meanwhile { store: &chain.store, key: second_chunk.clone(), happens: Mutex::new(Some(happens)) };
    assert_eq!(chain.index.find(&store, alike(7)).unwrap(), Some((0, 7)));
    assert_eq!(chain.store.get(&second_chunk).unwrap(), None, "it did go");
}

#[test]
fn what_is_not_whole_is_damage() {
    let mut chain = Chain::new(SMALL);
    for number in 0..20 {
        chain.block((number * 10..number * 10 + 10).collect(), 0);
    }
    let run = chain.index.runs.read()[1].clone();
    let mut batch = Batch::default();
    run.remove_piece(&mut batch, &*chain.store, run.piece_of(hash(3))).unwrap();
    chain.store.commit(batch).unwrap();
    assert!(chain.index.find(&*chain.store, hash(3)).is_err(), "a piece is missing");
    let mut batch = Batch::default();
    run.remove(&mut batch);
    chain.store.commit(batch).unwrap();
    assert!(TxIndex::with_runs(&*chain.store, 0, SMALL).is_err(), "a run is missing");
}
