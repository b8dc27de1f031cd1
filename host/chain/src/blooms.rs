//! The blooms of the newest blocks, for who looks for logs: reading a header for each block of a range takes longer than
//! everything else of such a search that finds little.

use std::collections::VecDeque;

use alloy_primitives::Bloom;
use parking_lot::RwLock;

/// Blocks whose blooms are kept: 4 MiB of them.
const MAX_BLOOMS: usize = 16_384;

/// The newest blocks' blooms, without gaps.
#[derive(Default)]
pub(crate) struct Blooms(RwLock<Kept>);

#[derive(Default)]
struct Kept {
    /// Height of the first.
    first: u64,
    blooms: VecDeque<Bloom>,
}

impl Blooms {
    /// The bloom of the block at that height, if it is kept.
    pub(crate) fn get(&self, number: u64) -> Option<Bloom> {
        let kept = self.0.read();
        let place = usize::try_from(number.checked_sub(kept.first)?).ok()?;
        kept.blooms.get(place).copied()
    }

    /// Takes the newest block's.
    pub(crate) fn put(&self, number: u64, bloom: Bloom) {
        let mut kept = self.0.write();
        if kept.first + kept.blooms.len() as u64 != number {
            // After a gap, or where the chain was turned back.
            kept.blooms.clear();
            kept.first = number;
        }
        kept.blooms.push_back(bloom);
        if kept.blooms.len() > MAX_BLOOMS {
            kept.blooms.pop_front();
            kept.first += 1;
        }
    }

    /// Forgets all: their heights may get other blocks.
    pub(crate) fn clear(&self) {
        self.0.write().blooms.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bloom(number: u64) -> Bloom {
        Bloom::with_last_byte(number as u8)
    }

    fn check(blooms: &Blooms, heights: std::ops::Range<u64>) {
        let around = heights.start.saturating_sub(3)..heights.end + 3;
        for number in around {
            assert_eq!(blooms.get(number), heights.contains(&number).then(|| bloom(number)), "{number}");
        }
    }

    #[test]
    fn the_newest_are_kept_without_gaps() {
        let blooms = Blooms::default();
        check(&blooms, 0..0);
        (5..9).for_each(|number| blooms.put(number, bloom(number)));
        check(&blooms, 5..9);
        blooms.put(7, bloom(7));
        check(&blooms, 7..8);
        let many = MAX_BLOOMS as u64;
        (8..8 + many).for_each(|number| blooms.put(number, bloom(number)));
        check(&blooms, 8..8 + many);
        blooms.clear();
        check(&blooms, 0..0);
    }
}
