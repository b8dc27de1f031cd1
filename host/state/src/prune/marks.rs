//! What must stay: a set of hashes that never forgets one, and takes a few others for members.
//!
//! Bloom filters, each with twice the room of the one before, because nobody knows how many nodes a state has until all
//! were met. A hash taken for a member by mistake is a node that stays, which harms nobody; 21 bits for each hash make that one in
//! some ten thousand. 10 million nodes take 25 to 50 MiB.

use alloy_primitives::B256;

/// Hashes in the first filter.
const FIRST_ROOM: usize = 1 << 16;
/// Bits for each hash.
const BITS: usize = 21;
/// Bits that a hash sets.
const PROBES: usize = 8;

/// The set.
#[derive(Debug, Default)]
pub(super) struct Marks {
    filters: Vec<Filter>,
    /// Hashes in all of them; one that was put twice into different filters counts twice.
    len: u64,
}

#[derive(Debug)]
struct Filter {
    bits: Vec<u64>,
    room: usize,
    len: usize,
}

impl Marks {
    /// Takes a hash.
    pub fn put(&mut self, hash: B256) {
        let full = self.filters.last().is_none_or(|filter| filter.len == filter.room);
        if full {
            let room = self.filters.last().map_or(FIRST_ROOM, |filter| 2 * filter.room);
            self.filters.push(Filter { bits: vec![0; (room * BITS).div_ceil(64)], room, len: 0 });
        }
        if let Some(filter) = self.filters.last_mut()
            && filter.put(hash)
        {
            self.len += 1;
        }
    }

    /// Whether a hash is in it. Always true for one that is.
    pub fn has(&self, hash: B256) -> bool {
        self.filters.iter().any(|filter| filter.has(hash))
    }

    /// How many are in it, about.
    pub fn len(&self) -> u64 {
        self.len
    }
}

impl Filter {
    fn put(&mut self, hash: B256) -> bool {
        let mut fresh = false;
        for (word, bit) in self.places(hash) {
            fresh |= self.bits[word] & bit == 0;
            self.bits[word] |= bit;
        }
        self.len += usize::from(fresh);
        fresh
    }

    fn has(&self, hash: B256) -> bool {
        self.places(hash).into_iter().all(|(word, bit)| self.bits[word] & bit != 0)
    }

    /// A hash is random already: its parts are the probes.
    fn places(&self, hash: B256) -> [(usize, u64); PROBES] {
        std::array::from_fn(|probe| {
            let part = &hash[4 * probe..4 * probe + 4];
            let part = part.iter().fold(0u64, |part, byte| part << 8 | u64::from(*byte));
            // The upper part of a product is spread as evenly as a remainder.
            let place = ((part * (self.bits.len() as u64 * 64)) >> 32) as usize;
            (place / 64, 1 << (place % 64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    fn hash(n: u64) -> B256 {
        keccak256(n.to_be_bytes())
    }

    /// None is forgotten over several filters, and few others are taken for members.
    #[test]
    fn none_is_forgotten() {
        let mut marks = Marks::default();
        let count = 5 * FIRST_ROOM as u64;
        (0..count).for_each(|n| marks.put(hash(n)));
        (0..count).for_each(|n| marks.put(hash(n)));
        assert!((0..count).all(|n| marks.has(hash(n))));
        let others = (count..2 * count).filter(|n| marks.has(hash(*n))).count() as u64;
        assert!(others < count / 1000, "{others} of {count}");
        assert!((count..3 * count).contains(&(marks.len() + count / 1000)), "{}", marks.len());
        assert!(!Marks::default().has(hash(0)));
    }
}
