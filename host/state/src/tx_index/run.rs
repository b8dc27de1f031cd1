//! A run: the transactions of some blocks in the order of their hashes, in pieces that lie in the store.

use alloy_primitives::B256;
use std::ops::RangeInclusive;

use crate::{
    chunks,
    error::StateError,
    keys,
    store::{Batch, Store},
};

pub(super) const DAMAGED: StateError = StateError::Damaged { what: "transaction index" };

/// Transactions in a piece, at most on average: some 5 kB, as much as a pack of trie nodes.
const PIECE_ITEMS: u64 = 128;
/// A run of two thousand million transactions has so many pieces; a longer one has longer pieces.
const MOST_BITS: u8 = 24;

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    pub hash: B256,
    pub number: u64,
    pub index: u32,
}

impl Item {
    /// Hash, height, index.
    const BYTES: usize = 32 + 8 + 4;

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.hash.as_slice());
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.index.to_be_bytes());
    }

    fn read(bytes: &[u8; Self::BYTES]) -> Self {
        let (hash, place) = bytes.split_at(32);
        let (number, index) = place.split_at(8);
        let index = index.iter().fold(0, |index, byte| index << 8 | u32::from(*byte));
        let number = number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Self { hash: B256::from_slice(hash), number, index }
    }
}

/// What is known of a run without reading its pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// No two runs of a store have the same, not even one after the other has gone.
    pub id: u64,
    pub first: u64,
    pub last: u64,
    /// At most: of transactions that look alike the newest stays.
    pub items: u64,
    /// A transaction lies in the piece that so many first bits of its hash name.
    pub bits: u8,
}

impl Run {
    pub fn new(id: u64, blocks: RangeInclusive<u64>, items: u64) -> Self {
        let pieces = items.div_ceil(PIECE_ITEMS).max(1);
        let bits = (pieces.next_power_of_two().ilog2() as u8).min(MOST_BITS);
        Self { id, first: *blocks.start(), last: *blocks.end(), items, bits }
    }

    pub fn pieces(&self) -> u32 {
        1 << self.bits
    }

    /// The piece of a transaction.
    pub fn piece_of(&self, hash: B256) -> u32 {
        let start = hash.0.first_chunk().map_or(0, |start| u32::from_be_bytes(*start));
        start.checked_shr(32 - u32::from(self.bits)).unwrap_or(0)
    }

    /// Says of it that it counts, or that its pieces are on their way in or out.
    pub fn put(&self, batch: &mut Batch, counts: bool) {
        let mut bytes = vec![u8::from(counts), self.bits];
        [self.first, self.last, self.items].iter().for_each(|word| bytes.extend_from_slice(&word.to_be_bytes()));
        batch.put(keys::run(self.id), bytes);
    }

    pub fn remove(&self, batch: &mut Batch) {
        batch.remove(keys::run(self.id));
    }

    /// All that the store knows of, in the order of their ids, with whether they count.
    pub fn all(store: &dyn Store) -> Result<Vec<(Self, bool)>, StateError> {
        store.scan(keys::RUNS).map(|entry| entry.map_err(StateError::from)).map(|entry| Self::read(&entry?)).collect()
    }

    fn read((key, bytes): &(Vec<u8>, alloy_primitives::Bytes)) -> Result<(Self, bool), StateError> {
        let word = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).map_err(|_| DAMAGED);
        let id = word(key.get(keys::RUNS.len()..).ok_or(DAMAGED)?)?;
        let [counts @ (0 | 1), bits @ 0..=MOST_BITS, words @ ..] = &bytes[..] else { return Err(DAMAGED) };
        let mut words = words.chunks(8).map(word);
        let mut next = || words.next().unwrap_or(Err(DAMAGED));
        let run = Self { id, first: next()?, last: next()?, items: next()?, bits: *bits };
        if words.next().is_some() { Err(DAMAGED) } else { Ok((run, *counts == 1)) }
    }

    /// Puts a piece into `batch`, whose transactions are in order and no two alike.
    pub fn put_piece(&self, batch: &mut Batch, piece: u32, items: &[Item]) {
        let mut bytes = Vec::with_capacity(items.len() * Item::BYTES);
        items.iter().for_each(|item| item.write(&mut bytes));
        chunks::put(batch, &keys::run_piece(self.id, piece), &bytes);
    }

    pub fn remove_piece(&self, batch: &mut Batch, store: &dyn Store, piece: u32) -> Result<(), StateError> {
        chunks::remove(batch, store, &keys::run_piece(self.id, piece))
    }

    /// A piece's transactions.
    pub fn piece(&self, store: &dyn Store, piece: u32) -> Result<Vec<Item>, StateError> {
        Ok(self.piece_bytes(store, piece)?.as_chunks().0.iter().map(Item::read).collect())
    }

    /// A piece that is not there is damage, or the run has gone.
    fn piece_bytes(&self, store: &dyn Store, piece: u32) -> Result<Vec<u8>, StateError> {
        let bytes = chunks::get(store, &keys::run_piece(self.id, piece), "transaction index")?;
        bytes.filter(|bytes| bytes.len().is_multiple_of(Item::BYTES)).ok_or(DAMAGED)
    }

    /// Where a transaction stands, if it is in this run.
    pub fn find(&self, store: &dyn Store, hash: B256) -> Result<Option<(u64, u32)>, StateError> {
        let bytes = self.piece_bytes(store, self.piece_of(hash))?;
        let items = bytes.as_chunks::<{ Item::BYTES }>().0;
        let found = items.binary_search_by(|item| item[..32].cmp(hash.as_slice()));
        let item = found.ok().and_then(|at| items.get(at)).map(Item::read);
        Ok(item.map(|item| (item.number, item.index)))
    }
}

/// In order; of those that look alike the newest.
pub(super) fn settle(items: &mut Vec<Item>) {
    items.sort_unstable_by(|a, b| b.cmp(a));
    items.dedup_by_key(|item| item.hash);
    items.reverse();
}
